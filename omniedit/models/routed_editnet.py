"""EditNet with task-aware routing, as AnySD has it on a UNet (Yu et al. 2024, section 4).

The task token stands before the condition tokens of the control branch. Before each control block, an expert of the
task's group adds its reading of task token and references to the condition tokens.

Shapes: B batch, N image tokens, D width.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (diffusers looks its loader up here)
from torch import Tensor, nn
from torch.nn import functional

from omniedit.models.bases.adapter import Adapter, Grid, Inputs, State
from omniedit.models.conditions import UNKNOWN_TASK
from omniedit.models.editnet import EditNet
from omniedit.models.routing import Experts, Route, Routing, TaskEmbedding, default_groups, default_tasks, prompt_width

TASK_IMAGE = 2
"""Index of the task token among the images of a sequence: beside the denoised image (0) and the source (1)."""


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

    def run_blocks(self, state: State, given: Inputs) -> State:
        return run_control(self, state, given, self.embedding(get_task(given))[:, None], None)


class RoutedEditNet(EditNet):
    """EditNet with a task token, and experts that read the task token and references.

    Args:
        tasks: names of the tasks in the order of their indices; empty for all registered ones.
        groups: expert of each task; empty for its group.
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
        names = [*tasks] or default_tasks()
        groups = [*groups] or default_groups(names)
        self.register_to_config(tasks=names, groups=groups)
        adapter = self.adapter
        sizes = adapter.channels, adapter.patch, adapter.width, text_vector_width(adapter)
        inner = prompt_width(adapter.width)
        self.routing = Routing(names, groups, *sizes, soft, task_token, inner)
        count = len(self.routing.experts)
        self.experts = nn.ModuleList(Experts(adapter.width, inner, count) for _ in self.control_blocks)

    def run_blocks(self, state: State, given: Inputs) -> State:
        task = get_task(given)
        token_B1D = self.routing.embed_task(task)
        references, mask = get_references(given)
        route = self.routing(token_B1D, task, text_vector(self.adapter, given), references, mask)
        return run_control(self, state, given, token_B1D, route)


def init_editnet(net: EditNet, base_config: Mapping[str, Any], prediction_type: str) -> None:
    """Create the parts of a plain EditNet, without its options in the config, which a subclass does not have."""
    inspect.unwrap(EditNet.__init__)(net, base_config, prediction_type)


def run_control(net: EditNet, state: State, given: Inputs, token_B1D: Tensor, route: Route | None) -> State:
    """Return the state after the last block, with a task token before the condition tokens.

    Args:
        route: what the experts of `net` get; None without experts.
    """
    adapter = net.adapter
    condition = adapter.embed_image(net.condition_embed, given.condition, state.modulation, given.pooled)
    pads = adapter.tokens_multiple - 1
    condition = torch.cat([functional.pad(token_B1D.to(condition), (0, 0, 0, pads)), condition], dim=1)
    present = condition.new_ones(len(condition), state.image.shape[1] + condition.shape[1], dtype=torch.bool)
    present[:, state.image.shape[1] + 1 :][:, :pads] = False
    grids = [state.grid, Grid(1, 1, TASK_IMAGE), state.grid]
    context = adapter.context(state, grids, present if pads else None)
    layers: list[Any] = [None] * len(net.control_blocks) if route is None else list(net.experts)
    for control, block, experts in zip(net.control_blocks, net.base_blocks, layers, strict=True):
        if experts is not None:
            condition = condition + experts(condition, route)
        image_added, condition, text_added = control(state.image, condition, state.text, state.modulation, context)
        state = adapter.step(block, state.add(image_added[:, 1 + pads :], text_added))
    return state


def get_task(given: Inputs) -> Tensor:
    """Return the tasks of a batch, (B,) long; unknown ones if none are given."""
    return torch.full_like(given.timestep, UNKNOWN_TASK, dtype=torch.long) if given.task is None else given.task


def get_references(given: Inputs) -> tuple[Tensor, Tensor]:
    """Return references (B, R, C, H, W) and their mask (B, R), with one missing reference if none are given."""
    references = given.noisy.new_zeros(given.noisy[:, None].shape) if given.references is None else given.references
    if given.reference_mask is not None:
        return references, given.reference_mask
    exists = given.references is not None
    return references, torch.full(references.shape[:2], exists, device=references.device)


def text_vector_width(adapter: Adapter) -> int:
    """Return the width of `text_vector`."""
    return adapter.pooled_shape(1)[0] if has_pooled_text(adapter) else adapter.text_width


def text_vector(adapter: Adapter, given: Inputs) -> Tensor:
    """Return the instruction as one vector: the pooled text, or for a base without one the mean of its tokens."""
    if has_pooled_text(adapter):
        return given.pooled
    counts = given.pooled[..., None].to(given.prompt_embeds)
    return (given.prompt_embeds * counts).sum(1) / counts.sum(1).clamp(min=1)


def has_pooled_text(adapter: Adapter) -> bool:
    """Return whether `pooled` is a vector of the text; for other bases it is the mask of text tokens."""
    return adapter.pooled_shape(1) == adapter.pooled_shape(2)
