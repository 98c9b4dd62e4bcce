"""How much of a job's time its device computes, measured by the job itself."""

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Self

import torch
from torch import nn

SPANS = 1024
"""So many forward passes are remembered before their times are asked of the device."""


class ProcessorMoment:
    """Now."""

    def __init__(self) -> None:
        self.at = time.perf_counter()

    def seconds_to(self, later: Self) -> float:
        return later.at - self.at


class GpuMoment:
    """When the GPU will have done all that it was given so far."""

    def __init__(self) -> None:
        self.event = torch.cuda.Event(enable_timing=True)
        self.event.record()

    def seconds_to(self, later: Self) -> float:
        later.event.synchronize()
        return self.event.elapsed_time(later.event) / 1000


class DeviceClock:
    """Adds up the forward passes of the networks that it watches; on a GPU by the GPU's own clock.

    What is left of the time from the first pass to the last the device spent waiting: for models to load, photos to be
    decoded, pictures to be scaled and composed, files to be written.
    """

    def __init__(self, device: str) -> None:
        self._now: type[ProcessorMoment] | type[GpuMoment] = GpuMoment if device == "cuda" else ProcessorMoment
        self._seconds: dict[str, float] = defaultdict(float)
        self._begun: dict[nn.Module, Any] = {}
        self._spans: list[tuple[str, Any, Any]] = []
        self._first: Any = None
        self._last: Any = None

    def watch(self, name: str, networks: Iterable[nn.Module]) -> None:
        """None of the networks may be a part of another."""
        for network in networks:
            network.register_forward_pre_hook(self._begin)
            network.register_forward_hook(lambda network, *_: self._end(name, network))

    def watch_pipeline(self, name: str, pipeline: Any) -> None:
        """All networks of a pipeline of diffusers; of its VAE, whose `forward` none calls, encoder and decoder."""
        parts = {part: value for part, value in pipeline.components.items() if isinstance(value, nn.Module)}
        vae = parts.pop("vae", None)
        self.watch(name, [*parts.values(), *(vae.children() if vae is not None else ())])

    def busy(self) -> dict[str, float]:
        """The share of the time since the first pass began that passes took, by the name of their networks."""
        self._add_up()
        whole = self._first.seconds_to(self._last) if self._last else 0.0
        return {name: seconds / whole for name, seconds in self._seconds.items()}

    def __str__(self) -> str:
        shares = sorted(self.busy().items(), key=lambda item: -item[1])
        if not shares:
            return "no network was asked anything"
        told = ", ".join(f"{name} {share:.0%}" for name, share in shares)
        whole = self._first.seconds_to(self._last)
        return f"device busy {sum(share for _, share in shares):.0%} of {whole:,.0f} s: {told}"

    def _begin(self, network: nn.Module, *_: Any) -> None:
        self._begun[network] = self._now()
        self._first = self._first or self._begun[network]

    def _end(self, name: str, network: nn.Module) -> None:
        self._last = self._now()
        self._spans.append((name, self._begun.pop(network), self._last))
        if len(self._spans) == SPANS:
            self._add_up()

    def _add_up(self) -> None:
        for name, begun, ended in self._spans:
            self._seconds[name] += begun.seconds_to(ended)
        self._spans.clear()
