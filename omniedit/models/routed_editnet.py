"""EditNet with the task-aware routing of AnySD, which was published for a UNet (Yu et al. 2024, section 4).

The task token is prepended to the condition tokens of the control branch. Before each control block, an expert of the
task's group attends to the task token and the references, and adds the result to the condition tokens.

Shapes: B batch, N image tokens, D width.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (diffusers looks its loader up here)
from torch import Tensor, nn
from torch.nn import functional

from omniedit.models.bases.adapter import Adapter, BaseState, Inputs, TokenGrid
from omniedit.models.conditions import UNKNOWN_TASK
from omniedit.models.editnet import EditNet
from omniedit.models.editor import Editor
from omniedit.models.routing import (
    Experts,
    Route,
    Routing,
    RoutingSizes,
    TaskEmbedding,
    default_groups,
    default_tasks,
    prompt_width,
)

TASK_IMAGE = 2
"""Index of the task token among the images of a sequence: after the denoised image (0) and the source (1)."""


@dataclass(frozen=True)
class Prefix:
    """Tokens before the condition tokens of a control branch.

    Args:
        tokens: the tokens, (B, P, D).
        grids: their positions.
        present: which tokens are attended to, (B, P) bool; None for all.
    """

    tokens: Tensor
    grids: Sequence[TokenGrid]
    present: Tensor | None


class TaskTokenEditNet(EditNet):
    """EditNet with a task token and without experts: the ablation of its two parts.

    Args:
        tasks: names of the tasks in the order of their indices; empty for all registered ones.
    """

    takes = frozenset({"task"})

    @register_to_config
    def __init__(
        self, base_config: Mapping[str, Any], prediction_type: str = "velocity", tasks: Sequence[str] = ()
    ) -> None:
        init_editnet(self, base_config, prediction_type)
        names = [*tasks] or default_tasks()
        self.register_to_config(tasks=names)
        self.embedding = TaskEmbedding(len(names), self.adapter.width)

    def run_blocks(self, state: BaseState, inputs: Inputs) -> BaseState:
        return run_control(self, state, inputs, task_prefix(self.adapter, self.embedding(get_task(inputs))[:, None]))


class RoutedEditNet(EditNet):
    """EditNet with a task token, and experts that read the task token and references.

    Args:
        tasks: names of the tasks in the order of their indices; empty for all registered ones.
        groups: expert of each task; empty to use the task's group.
        soft: weigh the experts by a gate that reads the instruction, not by the task.
        task_token: embed the task; without it the token is the same for all tasks.
    """

    takes = frozenset({"references", "task"})

    @register_to_config
    def __init__(
        self,
        base_config: Mapping[str, Any],
        prediction_type: str = "velocity",
        tasks: Sequence[str] = (),
        groups: Sequence[str] = (),
        soft: bool = False,
        task_token: bool = True,
    ) -> None:
        init_editnet(self, base_config, prediction_type)
        names, groups = name_experts(self, tasks, groups)
        adapter = self.adapter
        inner = prompt_width(adapter.width)
        sizes = RoutingSizes(adapter.channels, adapter.patch, adapter.width, text_vector_width(adapter), inner)
        self.routing = Routing(names, groups, sizes, soft, task_token)
        count = len(self.routing.experts)
        self.experts = nn.ModuleList(Experts(adapter.width, inner, count) for _ in self.control_blocks)
        self.add_parts()

    def run_blocks(self, state: BaseState, inputs: Inputs) -> BaseState:
        token_B1D = self.routing.embed_task(get_task(inputs))
        prefix = task_prefix(self.adapter, token_B1D)
        return run_control(self, state, inputs, prefix, route_experts(self, inputs, token_B1D))


def init_editnet(net: EditNet, base_config: Mapping[str, Any], prediction_type: str) -> None:
    """Create the parts of an EditNet with default options, for a subclass whose config does not have these options."""
    inspect.unwrap(EditNet.__init__)(net, base_config, prediction_type)


def name_experts(net: Editor, tasks: Sequence[str], groups: Sequence[str]) -> tuple[list[str], list[str]]:
    """Register the tasks of an editor and the expert of each task, and return both. Empty lists stand for the
    defaults.
    """
    names = [*tasks] or default_tasks()
    experts = [*groups] or default_groups(names)
    net.register_to_config(tasks=names, groups=experts)
    return names, experts


def route_experts(net: Any, inputs: Inputs, token_B1D: Tensor) -> Route:
    """Return the inputs of the experts of `net`, an editor with a `Routing`.

    Args:
        token_B1D: the task token.
    """
    references, mask = get_references(inputs)
    return net.routing(token_B1D, get_task(inputs), text_vector(net.adapter, inputs), references, mask)


def task_prefix(adapter: Adapter, token_B1D: Tensor) -> Prefix:
    """Return the prefix of a task token, padded as the base pads the tokens of an image."""
    pads = adapter.tokens_multiple - 1
    tokens = functional.pad(token_B1D, (0, 0, 0, pads))
    present = torch.arange(1 + pads, device=tokens.device).expand(len(tokens), -1) < 1
    return Prefix(tokens, [TokenGrid(1, 1, TASK_IMAGE)], present if pads else None)


def run_control(
    net: EditNet, state: BaseState, inputs: Inputs, prefix: Prefix, route: Route | None = None
) -> BaseState:
    """Return the state after the last block, with further tokens before the condition tokens.

    Args:
        route: inputs of the experts of `net`; None without experts.
    """
    adapter, first = net.adapter, prefix.tokens.shape[1]
    condition = adapter.embed_image(net.condition_embed, inputs.condition, state.modulation, inputs.pooled)
    grids, present = [state.grid, *prefix.grids, state.grid], None
    if prefix.present is not None:
        image, own = (prefix.present.new_ones(tokens.shape[:2]) for tokens in (state.image, condition))
        present = torch.cat([image, prefix.present, own], dim=1)
    condition = torch.cat([prefix.tokens.to(condition), condition], dim=1)
    context = adapter.context(state, grids, present)
    layers: list[Any] = [None] * len(net.control_blocks) if route is None else list(net.experts)
    for index, (control, block, experts) in enumerate(zip(net.control_blocks, net.base_blocks, layers, strict=True)):
        state = net.before_block(index, state)
        if experts is not None:
            condition = condition + experts(condition, route)
        image_added, condition, text_added = control(state.image, condition, state.text, state.modulation, context)
        state = adapter.step(block, state.add(image_added[:, first:], text_added))
    return state


def get_task(inputs: Inputs) -> Tensor:
    """Return the tasks of a batch, (B,) long; `UNKNOWN_TASK` if none are given."""
    return torch.full_like(inputs.timestep, UNKNOWN_TASK, dtype=torch.long) if inputs.task is None else inputs.task


def get_references(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Return references (B, R, C, H, W) and their mask (B, R), with one masked reference if none are given."""
    references = inputs.noisy.new_zeros(inputs.noisy[:, None].shape) if inputs.references is None else inputs.references
    if inputs.reference_mask is not None:
        return references, inputs.reference_mask
    exists = inputs.references is not None
    return references, torch.full(references.shape[:2], exists, device=references.device)


def text_vector_width(adapter: Adapter) -> int:
    """Return the width of `text_vector`."""
    return adapter.pooled_shape(1)[0] if has_pooled_text(adapter) else adapter.text_width


def text_vector(adapter: Adapter, inputs: Inputs) -> Tensor:
    """Return the instruction as one vector: the pooled text, or the mean of the tokens if the base has no pooled
    text.
    """
    if has_pooled_text(adapter):
        return inputs.pooled
    counts = inputs.pooled[..., None].to(inputs.prompt_embeds)
    return (inputs.prompt_embeds * counts).sum(1) / counts.sum(1).clamp(min=1)


def has_pooled_text(adapter: Adapter) -> bool:
    """Return whether `pooled` is a vector of the text; for other bases it is the mask of text tokens."""
    return adapter.pooled_shape(1) == adapter.pooled_shape(2)
