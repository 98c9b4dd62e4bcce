"""Measurement of the share of a job's time in which its device computes."""

import time
from collections import defaultdict
from collections.abc import Iterable
from threading import Lock, get_ident
from typing import Any, Self

import torch
from torch import nn

MAX_SPANS = 1024
"""Number of forward passes that are recorded before their times are read from the device."""


class CpuTimestamp:
    """Moment on the processor's clock."""

    def __init__(self) -> None:
        self.at = time.perf_counter()

    def elapsed_to(self, later: Self) -> float:
        return later.at - self.at


class GpuTimestamp:
    """Moment at which the GPU completes all work queued so far."""

    def __init__(self) -> None:
        self.event = torch.cuda.Event(enable_timing=True)
        self.event.record()

    def elapsed_to(self, later: Self) -> float:
        later.event.synchronize()
        return self.event.elapsed_time(later.event) / 1000


class DeviceClock:
    """Clock of the forward passes of the watched networks; on a GPU, the GPU's own clock.

    The rest of the time between the first and the last pass is spent waiting for models to load, photos to be decoded,
    images to be scaled and composited, and files to be written. If passes of two threads overlap, the overlap counts
    once for the device, but each network counts for its whole pass.
    """

    def __init__(self, device: str) -> None:
        self._now: type[CpuTimestamp] | type[GpuTimestamp] = GpuTimestamp if device == "cuda" else CpuTimestamp
        self._lock = Lock()
        self._seconds: dict[str, float] = defaultdict(float)
        self._any_s = 0.0
        self._added_to = 0.0
        self._begun: dict[tuple[nn.Module, int], Any] = {}
        self._spans: list[tuple[str, Any, Any]] = []
        self._first: Any = None
        self._last: Any = None

    def watch(self, name: str, networks: Iterable[nn.Module]) -> None:
        """Time the forward passes of networks; no network may be part of another one."""
        for network in networks:
            network.register_forward_pre_hook(self._begin)
            network.register_forward_hook(lambda network, *_: self._end(name, network))

    def watch_pipeline(self, name: str, pipeline: Any) -> None:
        """Time all networks of a diffusers pipeline.

        The VAE's encoder and decoder are timed, because nothing calls its `forward`.
        """
        parts = {part: value for part, value in pipeline.components.items() if isinstance(value, nn.Module)}
        vae = parts.pop("vae", None)
        self.watch(name, [*parts.values(), *(vae.children() if vae is not None else ())])

    def busy(self) -> tuple[float, dict[str, float]]:
        """Return the busy share of the time from the first pass to the last: in total, and by name."""
        with self._lock:
            self._add_up()
            total = self._first.elapsed_to(self._last) if self._last else 0.0
            if not total:
                return 0.0, {}
            return self._any_s / total, {name: seconds / total for name, seconds in self._seconds.items()}

    def __str__(self) -> str:
        share, shares = self.busy()
        if not shares:
            return "no network ran"
        by_stage = ", ".join(f"{name} {own:.0%}" for name, own in sorted(shares.items(), key=lambda item: -item[1]))
        return f"device busy {share:.0%} of {self._first.elapsed_to(self._last):,.0f} s: {by_stage}"

    def _begin(self, network: nn.Module, *_: Any) -> None:
        with self._lock:
            begun = self._begun[network, get_ident()] = self._now()
            self._first = self._first or begun

    def _end(self, name: str, network: nn.Module) -> None:
        with self._lock:
            self._last = self._now()
            self._spans.append((name, self._begun.pop((network, get_ident())), self._last))
            if len(self._spans) == MAX_SPANS:
                self._add_up()

    def _add_up(self) -> None:
        """Add the recorded passes to the totals.

        The device is busy only for the part of a pass that no earlier pass covers. Passes from previous calls are
        earlier.
        """
        passes = [
            (self._first.elapsed_to(begun), self._first.elapsed_to(ended), name) for name, begun, ended in self._spans
        ]
        for begun_s, ended_s, name in sorted(passes):
            self._seconds[name] += ended_s - begun_s
            self._any_s += max(0.0, ended_s - max(begun_s, self._added_to))
            self._added_to = max(self._added_to, ended_s)
        self._spans.clear()
