"""Section `gates`: the faults of pairs to search for, and the action on each."""

from typing import Literal

from pydantic import Field

from omniedit.config.section import LocalPath, Section

Action = Literal["reject", "flag", "off"]


class GatesConfig(Section):
    """Quality gates (docs/your-own-data.md). `reject` rejects a pair with the fault, `flag` only records it in
    results/{run}/faults/findings.parquet, and `off` does not search for it."""

    pairs: Literal["imported", "all", "none"] = "imported"
    """Pairs that the gates examine: those of imported data sets, all, or none."""
    duplicate: Action = "reject"
    """A pair whose images equal those of another pair of the run, pixel by pixel."""
    near_duplicate: Action = "reject"
    """A pair whose images are resized, re-encoded or slightly cropped copies of another pair's."""
    mirrored_duplicate: Action = "flag"
    """A pair whose images are copies of another pair's, mirrored left to right."""
    benchmark_leak: Action = "reject"
    """A source or edited image that is a copy of an image in `gates.benchmarks`."""
    identical: Action = "reject"
    """An edited image that equals its source, or differs only by re-encoding."""
    misaligned: Action = "flag"
    """An edited image that is shifted or scaled as a whole, compared with its source."""
    swapped: Action = "flag"
    """A pair whose source and edited image are exchanged."""
    mislabelled: Action = "flag"
    """A task that the instruction or the change contradicts."""
    benchmarks: list[LocalPath] = Field([])
    """Folders with the images of benchmarks that the run must not train on."""
