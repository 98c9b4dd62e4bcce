"""Jobs of the rehearsal at full size, and what a rehearsed job reports."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.full_size.fake_memory import FakeMemory


@dataclass(frozen=True)
class Outcome:
    """Outcome of a rehearsed job.

    Args:
        parameters: number of weights of all its networks.
        shapes: shapes of inputs and outputs, to print.
        planned_bytes: memory by `omniedit plan` or config/models.yaml; None where neither gives it.
        faults: differences from published or expected values; empty if there is none.
    """

    parameters: int
    shapes: str
    planned_bytes: float | None
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """Job of a GPU.

    Args:
        name: "train editnet on stable-diffusion-3-medium".
        class_name: class of its largest network.
        run: rehearses the job on the networks' fake weights.
    """

    name: str
    class_name: str
    run: Callable[[FakeMemory], Outcome]


def count_parameters(*modules: Any) -> int:
    return sum(weight.numel() for module in modules for weight in module.parameters())
