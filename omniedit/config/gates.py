"""Section `gates`: faults of pairs that are looked for, and what follows."""

from typing import Literal

from pydantic import Field

from omniedit.config.section import LocalPath, Section

Action = Literal["reject", "flag", "off"]


class GatesConfig(Section):
    """Quality gates (docs/your-own-data.md). `reject` rejects a pair with the fault, `flag` only records it in
    results/{run}/faults/findings.parquet, and `off` does not look for it."""

    pairs: Literal["imported", "all", "none"] = "imported"
    """Pairs that the gates examine: those of imported data sets, all, or none."""
    duplicate: Action = "reject"
    """The same images and instruction as another pair of the run."""
    near_duplicate: Action = "reject"
    """Images that are copies of another pair's: resized, re-encoded or slightly cropped."""
    mirrored_duplicate: Action = "flag"
    """The same, mirrored left to right."""
    benchmark_leak: Action = "reject"
    """An image that is a copy of one in `gates.benchmarks`."""
    identical: Action = "reject"
    """Source and edited image that do not differ."""
    misaligned: Action = "flag"
    """An edited image that is shifted or scaled against its source as a whole."""
    swapped: Action = "flag"
    """Source and edited image in each other's place."""
    mislabelled: Action = "flag"
    """A task that neither the instruction nor the change fits."""
    benchmarks: list[LocalPath] = Field([])
    """Folders with the images of benchmarks that the run must not train on."""
