"""Task-aware routing: a task token, a visual prompt of reference images, and experts chosen by task or by instruction.

As in AnySD (Yu et al. 2024, section 4), a learned task vector is prepended to the visual prompt's tokens. Each group of
tasks has an expert: an extra cross-attention to these tokens, alongside the network's own attention (Ye et al. 2023,
"IP-Adapter"). Experts differ in their keys and values. They share the query projection and the output projection; the
output projection starts at zero.

Shapes: B batch, R references, C latent channels, H W latent height and width, N tokens of the network, D their width,
P width of the visual prompt, S tokens of the visual prompt with the task token, E experts, h heads.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from omniedit.models.conditions import UNKNOWN_TASK
from omniedit.tasks import ANYEDIT_TASKS, OMNIEDIT_TASKS, UNREGISTERED, Task

SHARED = "shared"
"""Expert of unknown tasks and of tasks without a group."""
PROMPT_TOKENS = 16
"""Number of tokens per reference, as in AnySD."""
PROMPT_LAYERS = 2
PROMPT_WIDTH = 512
"""Maximum width of the visual prompt and of the experts' attention."""
HEAD_WIDTH = 64


def default_tasks() -> list[str]:
    """Return the tasks of OmniEdit and AnyEdit, whose groups have experts. An editor treats all other tasks as
    unknown.
    """
    return [task.name for task in (*OMNIEDIT_TASKS, *ANYEDIT_TASKS)]


def default_groups(tasks: Sequence[str]) -> list[str]:
    """Return the expert of each task: the task's group."""
    return [SHARED if Task(name).group == UNREGISTERED else Task(name).group for name in tasks]


def prompt_width(width: int) -> int:
    """Return the width of the visual prompt for the width of a network."""
    return min(width, PROMPT_WIDTH)


def head_count(width: int) -> int:
    """Return the number of heads of about `HEAD_WIDTH` each."""
    return next(count for count in range(max(1, width // HEAD_WIDTH), 0, -1) if width % count == 0)


@dataclass(frozen=True)
class Route:
    """Inputs of the experts of all layers for a batch.

    Args:
        tokens: task token and visual prompt, (B, S, P).
        mask: True for real tokens, False for padding, (B, S) bool.
        weights: weight of each expert, (B, E); one-hot if the routing is hard.
        expert: expert of each sample, (B,) long; None if the routing is soft.
    """

    tokens: Tensor
    mask: Tensor
    weights: Tensor
    expert: Tensor | None


class TaskEmbedding(nn.Embedding):
    """Learned vector for each task, and one for unknown tasks.

    Args:
        count: number of tasks.
    """

    def __init__(self, count: int, width: int) -> None:
        super().__init__(count + 1, width)
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, task: Tensor) -> Tensor:
        """Return the vectors of tasks, (B, width), for their indices, (B,); `UNKNOWN_TASK` is the last."""
        return super().forward(torch.where(task == UNKNOWN_TASK, self.num_embeddings - 1, task))


class VisualPrompt(nn.Module):
    """Resampler of references: learned queries read each image's patches (as in IP-Adapter Plus, on latents).

    For a sample without references, the queries attend only to themselves, so that its experts get tokens too.

    Args:
        channels: number of latent channels.
        patch: side of a patch, in latent pixels.
    """

    def __init__(self, channels: int, patch: int, width: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.queries = nn.Parameter(torch.randn(PROMPT_TOKENS, width) / math.sqrt(width))
        self.layers = nn.ModuleList(QueryBlock(width) for _ in range(PROMPT_LAYERS))
        self.norm = nn.LayerNorm(width)

    def forward(self, references: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the tokens of all references, (B, R * 16, P), and their mask, (B, R * 16) bool: False for padding.

        The first reference's tokens are always unmasked; if there is no reference, they represent 'no image'.

        Args:
            references: latents, (B, R, C, H, W).
            mask: True for real references, False for padding, (B, R) bool.
        """
        batch, count = mask.shape
        patches = embed_patches(self.patches, references.flatten(0, 1))
        tokens = self.queries.expand(len(patches), -1, -1)
        visible = mask.flatten()[:, None].expand(-1, patches.shape[1])
        for layer in self.layers:
            tokens = layer(tokens, patches, visible)
        first = torch.arange(count, device=mask.device) == 0
        prompt_mask = (mask | first).repeat_interleave(PROMPT_TOKENS, dim=1)
        return self.norm(tokens).unflatten(0, (batch, count)).flatten(1, 2), prompt_mask


class QueryBlock(nn.Module):
    """Layer in which tokens attend to other tokens, such as an image's patches, and to themselves."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = head_count(width)
        self.norm_tokens, self.norm_patches, self.norm = (nn.LayerNorm(width) for _ in range(3))
        self.to_query, self.to_out = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.to_key_value = nn.Linear(width, 2 * width, bias=False)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens: Tensor, patches: Tensor, visible: Tensor) -> Tensor:
        """Return the tokens of each image after the layer.

        Args:
            visible: patches that the tokens attend to, (images, patches) bool; they always attend to themselves.
        """
        own = self.norm_tokens(tokens)
        key, value = self.to_key_value(torch.cat([own, self.norm_patches(patches)], dim=1)).chunk(2, dim=-1)
        visible_with_self = functional.pad(visible, (tokens.shape[1], 0), value=True)
        read = attend(self.to_query(own), key, value, self.heads, visible_with_self)
        tokens = tokens + self.to_out(read)
        return tokens + self.mlp(self.norm(tokens))


class Router(nn.Module):
    """Choice of experts: by the group of the task (hard), or by the instruction (soft).

    Args:
        experts: names of the experts; the last is `SHARED`.
        expert_of_task: index of each task's expert.
        text_width: width of the instruction's vector.
        soft: weigh all experts by a gate that reads the instruction. The weights start equal.
    """

    def __init__(self, experts: Sequence[str], expert_of_task: Sequence[int], text_width: int, soft: bool) -> None:
        super().__init__()
        self.experts = tuple(experts)
        self.gate: nn.Sequential | None = None
        if soft:
            weigh = nn.Linear(text_width, len(experts))
            nn.init.zeros_(weigh.weight)
            nn.init.zeros_(weigh.bias)
            self.gate = nn.Sequential(nn.LayerNorm(text_width), weigh)
        self.expert_of_task = (*expert_of_task, len(experts) - 1)

    def forward(self, task: Tensor, text_BT: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the weights of the experts, (B, E), and each sample's expert, (B,), or None if the routing is soft."""
        if self.gate is not None:
            return self.gate(text_BT).softmax(dim=-1), None
        # UNKNOWN_TASK is -1, the last entry. The table is not a buffer, because checkpoints hold only weights.
        expert = torch.tensor(self.expert_of_task, device=task.device)[task]
        one_hot = expert[:, None] == torch.arange(len(self.experts), device=expert.device)
        return one_hot.to(text_BT), expert


class RoutingSizes(NamedTuple):
    """Sizes of the parts of a `Routing`.

    Args:
        channels: number of latent channels.
        patch: side of a reference patch, in latent pixels.
        width: width of the network's tokens.
        text_width: width of the instruction's vector.
        prompt_width: width of the visual prompt.
    """

    channels: int
    patch: int
    width: int
    text_width: int
    prompt_width: int


class Routing(nn.Module):
    """Task embedding, visual prompt and router of an editor.

    Args:
        tasks: name of each task.
        groups: expert name of each task.
        task_token: embed the task. Without it the token is that of an unknown task; each task still has its expert.
    """

    def __init__(
        self, tasks: Sequence[str], groups: Sequence[str], sizes: RoutingSizes, soft: bool, task_token: bool
    ) -> None:
        super().__init__()
        self.experts = [*dict.fromkeys(group for group in groups if group != SHARED), SHARED]
        self.task_token = task_token
        self.embedding = TaskEmbedding(len(tasks), sizes.width)
        self.to_prompt = nn.Linear(sizes.width, sizes.prompt_width)
        self.prompt = VisualPrompt(sizes.channels, sizes.patch, sizes.prompt_width)
        self.router = Router(self.experts, [self.experts.index(group) for group in groups], sizes.text_width, soft)

    def embed_task(self, task: Tensor) -> Tensor:
        """Return the task token, (B, 1, D)."""
        return self.embedding(task if self.task_token else torch.full_like(task, UNKNOWN_TASK))[:, None]

    def forward(self, token_B1D: Tensor, task: Tensor, text_BT: Tensor, references: Tensor, mask: Tensor) -> Route:
        """Return the inputs of the experts.

        Args:
            token_B1D: the task token.
            references: latents, (B, R, C, H, W).
            mask: True for real references, False for padding, (B, R) bool.
        """
        prompt, prompt_mask = self.prompt(references, mask)
        tokens = torch.cat([self.to_prompt(token_B1D), prompt], dim=1)
        return Route(tokens, functional.pad(prompt_mask, (1, 0), value=True), *self.router(task, text_BT))


class Experts(nn.Module):
    """Experts of one layer: cross-attention of the network's tokens to the task token and the visual prompt.

    Args:
        width: width of the network's tokens.
        prompt_width: width of the visual prompt.
        count: number of experts.
    """

    def __init__(self, width: int, prompt_width: int, count: int) -> None:
        super().__init__()
        self.heads = head_count(prompt_width)
        self.norm = nn.LayerNorm(width)
        self.to_query = nn.Linear(width, prompt_width, bias=False)
        self.to_key_value = nn.ModuleList(nn.Linear(prompt_width, 2 * prompt_width, bias=False) for _ in range(count))
        self.to_out = nn.Linear(prompt_width, width)
        nn.init.zeros_(self.to_out.weight)
        nn.init.zeros_(self.to_out.bias)

    def forward(self, tokens_BND: Tensor, route: Route) -> Tensor:
        """Return the residual of the experts for the network's tokens, (B, N, D)."""
        query = self.to_query(self.norm(tokens_BND))
        # All experts are computed, so that each has a gradient on every rank, even if it is zero. There are few tokens.
        both = torch.stack([expert(route.tokens) for expert in self.to_key_value], dim=1)
        if route.expert is not None:
            key, value = both[torch.arange(len(both), device=both.device), route.expert].chunk(2, dim=-1)
            return self.to_out(attend(query, key, value, self.heads, route.mask))
        key, value = both.chunk(2, dim=-1)
        count = key.shape[1]
        attended = attend(
            query.repeat_interleave(count, dim=0),
            key.flatten(0, 1),
            value.flatten(0, 1),
            self.heads,
            route.mask.repeat_interleave(count, dim=0),
        )
        return self.to_out(torch.einsum("be,bend->bnd", route.weights.to(attended), attended.unflatten(0, (-1, count))))


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, visible: Tensor) -> Tensor:
    """Return the attention of tokens, (B, N, P), to the tokens of `key` that `visible`, (B, S) bool, selects."""
    query, key, value = (each.unflatten(-1, (heads, -1)).transpose(1, 2) for each in (query, key, value))
    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=visible[:, None, None])
    return attended.transpose(1, 2).flatten(2)


def embed_patches(patches: nn.Module, latents: Tensor) -> Tensor:
    """Return tokens of latents with sine-cosine positions, (B, N, D)."""
    features = patches(latents)
    positions = grid_positions(features.shape[-2], features.shape[-1], features.shape[1], features.device)
    return features.flatten(2).transpose(1, 2) + positions.to(features)


def grid_positions(rows: int, columns: int, width: int, device: torch.device) -> Tensor:
    """Return sine-cosine positions of a grid, (rows * columns, width), from -1 to 1 on both axes.

    A reference has the same positions at every size.
    """
    axes = [torch.linspace(-1, 1, count, device=device) for count in (rows, columns)]
    y, x = torch.meshgrid(*axes, indexing="ij")
    octaves = torch.arange(math.ceil(width / 4), dtype=torch.float32, device=device).clamp(max=8)
    frequencies = math.pi * torch.exp2(octaves)
    waves = [wave(axis.reshape(-1, 1) * frequencies) for axis in (y, x) for wave in (torch.sin, torch.cos)]
    return torch.cat(waves, dim=1)[:, :width]
