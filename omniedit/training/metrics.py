"""What training reports: JSON lines, and the same to TensorBoard."""

import json
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter


class MetricsLog:
    """Metrics by step; going on from a checkpoint drops the lines that come after it.

    Args:
        folder: of `metrics.jsonl` and `tensorboard/`.
        done: steps whose lines are kept.
    """

    def __init__(self, folder: Path, done: int) -> None:
        self.path = folder / "metrics.jsonl"
        kept = [line for line in self._lines() if json.loads(line)["step"] <= done]
        self.path.write_text("".join(kept))
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1)

    def write(self, step: int, **values: float) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step} | {name: round(value, 6) for name, value in values.items()}) + "\n")
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        self._board.close()

    def _lines(self) -> list[str]:
        """Whole lines: a killed job may have left half of one."""
        if not self.path.is_file():
            return []
        return [line for line in self.path.read_text().splitlines(keepends=True) if line.endswith("\n")]
