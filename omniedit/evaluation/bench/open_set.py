"""Open a set by the name of a benchmark, or by the path of a table of items."""

from pathlib import Path

from omniedit.errors import UserError
from omniedit.evaluation.bench.custom_set import SUFFIXES, read_plain
from omniedit.evaluation.bench.item import BenchSet
from omniedit.evaluation.bench.protocol import Protocol
from omniedit.evaluation.bench.sets.registry import BENCHMARKS


def open_set(name: str, data: Path | None = None, chained: bool = False) -> tuple[BenchSet, Protocol | None]:
    """Read a set and its protocol, which is None for a user's table of items.

    Args:
        data: the user's copy of a benchmark's published files.
        chained: whether turns of a table edit the output of the previous turn.

    Raises:
        UserError: the set is unknown, or its files cannot be read.
    """
    if name in BENCHMARKS:
        return BENCHMARKS[name].read(data), BENCHMARKS[name].protocol
    if not name.endswith(SUFFIXES):
        raise UserError(f"no benchmark {name[:80]!a}; choose from {', '.join(BENCHMARKS)}, or give a table of items")
    return read_plain(Path(name).expanduser(), chained), None
