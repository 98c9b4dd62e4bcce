"""Check whether a training fits a GPU, and find the first change of its config that makes it fit: part of `omniedit
plan`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from omniedit.architectures import ARCHITECTURES
from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.models import create
from omniedit.models.activations import Activations
from omniedit.models.cost import Cost, count_quantisable, count_weights
from omniedit.models.lora import add_adapters
from omniedit.models.memory import MemoryEstimate, peak_bytes, state_memory
from omniedit.run.base_size import BaseSize
from omniedit.training.fitting import choose_layers, sample_activations

RESERVED_SHARE = 0.08
"""Share of a GPU's memory left for the CUDA context, caches, buffers and fragmentation; assumed, not measured."""
MEMORY_PARTS = ("weights", "gradients", "optimizer", "ema", "activations", "encoders")
SAVING_CHANGES: tuple[dict[str, Any], ...] = (
    {"dtype": "bfloat16"},
    {"zero_stage": 2},
    {"encode_once": True},
    {"accumulate": 0},
    {"checkpoint_activations": "selective"},
    {"checkpoint_activations": "all"},
    {"optimizer": "adamw8bit"},
    {"zero_offload": "optimizer"},
    {"lora": {"rank": 64}},
    {"base": {"quantize": "int8"}},
    {"base": {"quantize": "nf4"}},
)
"""Changes of `train` that need less memory, in order of their cost in time or quality. For `accumulate`, the largest
possible value is used."""


def describe_fit(
    costs: Mapping[str, Cost], options: TrainConfig, size: BaseSize, gpu: str, gpus: int, gigabytes: float
) -> list[str]:
    """Return lines with the memory of each editor by purpose and, if an editor does not fit, a change that helps.

    Args:
        costs: cost of each editor with these options.
        gigabytes: memory of a GPU.
    """
    lines = [
        f"GB on each {gpu} of {gigabytes:g} GB at zero_stage {options.zero_stage}; {RESERVED_SHARE:.0%} are kept free:",
        _row("", [*MEMORY_PARTS, "total", "on host"]),
    ]
    below = []
    for name, cost in costs.items():
        memory = training_memory(cost, options, size, gpus)
        cells = [getattr(memory, part) for part in (*MEMORY_PARTS, "total", "host")]
        lines.append(_row(f"  {name}", [f"{value / 1e9:.1f}" for value in cells]))
        chosen = options.model_copy(update={"model": name})
        below.append(f"  {name}: {_verdict(memory, chosen, size, gpus, gigabytes)}")
    return [*lines, *below]


def training_memory(cost: Cost, options: TrainConfig, size: BaseSize, gpus: int) -> MemoryEstimate:
    """Return the memory of a training at its own ZeRO stage. Encoders leave the GPU with `encode_once`."""
    itemsize = getattr(torch, options.dtype).itemsize
    encoders = 0 if options.encode_once else itemsize * size.encoders + size.codec_bytes
    activations = cost.saved_bytes * options.batch_size / gpus / options.accumulate
    state = state_memory(cost, options, options.base.quantize, options.zero_stage, gpus)
    peak = peak_bytes(activations, cost, options, options.zero_stage, gpus)
    return replace(state, activations=peak, encoders=encoders)


def _verdict(memory: MemoryEstimate, options: TrainConfig, size: BaseSize, gpus: int, gigabytes: float) -> str:
    capacity = (1 - RESERVED_SHARE) * gigabytes * 1e9
    if memory.total <= capacity:
        return f"fits; {gigabytes - memory.total / 1e9:.1f} GB are left for caches and buffers"
    changes = find_changes(options, size, gpus, capacity)
    if changes is None:
        return "does not fit with any of the options in docs/training.md; use more or larger GPUs, or a smaller base"
    named, fitted = changes
    on_host = f", {fitted.host / 1e9:.1f} GB on the host" if fitted.host else ""
    return f"does not fit; it does with {', '.join(named)} ({fitted.total / 1e9:.1f} GB{on_host})"


def find_changes(
    options: TrainConfig, size: BaseSize, gpus: int, capacity: float
) -> tuple[list[str], MemoryEstimate] | None:
    """Return the first change that makes a training fit, and its memory then.

    If no single change is enough, changes are added one by one until it fits, and unnecessary ones are removed again.
    None if all of them together are not enough.

    Args:
        options: with the editor in `model`.
        capacity: bytes that may be used.
    """
    costs, activations = dict[str, Cost](), dict[str, Activations]()
    changes = list(_possible_changes(options, gpus))

    def memory_with(chosen: list[dict[str, Any]]) -> MemoryEstimate | None:
        try:
            changed = _change(options, chosen)
        except ValueError:  # incompatible options
            return None
        cost = _count(changed, size, costs)
        memory = training_memory(cost, changed, size, gpus)
        if memory.total > capacity:  # counting activations takes seconds
            return memory
        cost = replace(cost, saved_bytes=_saved_bytes(changed, size, gpus, activations))
        return training_memory(cost, changed, size, gpus)

    for change in changes:
        if (memory := memory_with([change])) and memory.total <= capacity:
            return [_name(change)], memory
    chosen: list[dict[str, Any]] = []
    for change in changes:
        if memory_with([*chosen, change]):
            chosen.append(change)
        if (memory := memory_with(chosen)) and memory.total <= capacity:
            return _without_idle(chosen, memory_with, capacity)
    return None


def _without_idle(chosen: list[dict[str, Any]], memory_with: Any, capacity: float) -> tuple[list[str], MemoryEstimate]:
    """Remove each change that is not needed to fit, the costliest first."""
    for change in reversed(list(chosen)):
        fewer = [each for each in chosen if each is not change]
        memory = memory_with(fewer)
        chosen = fewer if memory and memory.total <= capacity else chosen
    last = {key: change for change in chosen for key in change}  # a later value of a key replaces an earlier one
    return [_name(change) for change in chosen if all(last[key] is change for key in change)], memory_with(chosen)


def _possible_changes(options: TrainConfig, gpus: int) -> Iterator[dict[str, Any]]:
    """Yield the changes that have an effect."""
    for change in SAVING_CHANGES:
        if "zero_stage" in change and (gpus == 1 or options.zero_stage >= 2):
            continue
        if "accumulate" in change:
            change = {"accumulate": options.batch_size // gpus}
        if "lora" in change and options.lora.rank:
            continue
        if "lora" in change and not ARCHITECTURES[options.model].control_branch:
            change = {"lora": change["lora"] | {"targets": "base"}}
        if "checkpoint_activations" in change and options.activation_budget_gb is not None:
            continue
        current = options.model_dump(include=set(change))
        if any(current[key] != value for key, value in change.items()):
            yield change


def _change(options: TrainConfig, changes: list[dict[str, Any]]) -> TrainConfig:
    """Return the options with changes, checked as a config is.

    Raises:
        ValueError: the options are incompatible.
    """
    values = options.model_dump()
    for change in changes:
        for key, value in change.items():
            values[key] = values[key] | value if isinstance(value, dict) else value
    return TrainConfig.model_validate(values)


def _count(options: TrainConfig, size: BaseSize, known: dict[str, Cost]) -> Cost:
    """Return a cost that has only the numbers of weights.

    Args:
        known: earlier costs, by the options that they depend on.
    """
    key = options.model_dump_json(include={"model", "lora"})
    if key not in known:
        with torch.device("meta"):
            net = create(options.model, size.config)
            add_adapters(net, options.lora, seed=0)
        known[key] = Cost(*count_weights(net), 0, 0, 0, count_quantisable(net))
    return known[key]


def _saved_bytes(options: TrainConfig, size: BaseSize, gpus: int, known: dict[str, Activations]) -> int:
    """Return the activations of a sample.

    Args:
        known: earlier counts, by the options that they depend on.
    """
    key = options.model_dump_json(include={"model", "dtype", "resolution", "lora"})
    if key not in known:
        known[key] = sample_activations(options, size.config, size.text_tokens)
    try:
        return known[key].peak_bytes(choose_layers(known[key], options, gpus))
    except UserError:  # the budget is too small
        return known[key].peak_bytes(range(len(known[key].layers)))


def _name(change: dict[str, Any]) -> str:
    names = []
    for key, value in change.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        names += [f"train.{key}{f'.{name}' if name else ''}: {str(v).lower()}" for name, v in inner]
    return ", ".join(names)


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<24}" + "".join(f"{cell:>12}" for cell in cells)
