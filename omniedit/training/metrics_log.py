"""Metrics of a training run: JSON lines, TensorBoard and, if configured, Weights & Biases."""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from omniedit.errors import UserError, one_line
from omniedit.imaging.images import Image, encode_png
from omniedit.storage.atomic import replace_file, write_text
from omniedit.training.flow_batches import Batch
from omniedit.training.ranks import sum_over_ranks


class LossSums:
    """Sums of losses over micro-batches: the training loss, the unweighted loss, and the loss of each group."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._sums_L2 = torch.zeros(())

    def add(self, batch: Batch, loss_B: Tensor) -> None:
        """Add the samples of a micro-batch; all micro-batches have the same groups."""
        groups = batch.groups()
        self._names = ("loss", "loss_unweighted", *groups)
        weight_LB = torch.stack([batch.weight.double(), torch.ones_like(loss_B).double(), *groups.values()])
        self._sums_L2 = self._sums_L2 + torch.stack([weight_LB @ loss_B.detach().double(), weight_LB.sum(1)], dim=1)

    def means(self) -> dict[str, float]:
        """Return the mean losses over all ranks by name, except those without samples. Every rank must call it."""
        sums = sum_over_ranks(self._sums_L2).tolist()
        return {name: total / weight for name, (total, weight) in zip(self._names, sums, strict=True) if weight}


@contextmanager
def report_failure(label: str) -> Iterator[None]:
    """Print an error of the block in one line and continue: for optional output, which must not stop training."""
    try:
        yield
    except Exception as error:
        reason = f"{type(error).__name__}: {one_line(error, 300)}"
        print(f"{label}: failed ({reason}); training continues", flush=True)


class MetricsLog:
    """Metrics by step. Resuming from a checkpoint drops the lines after it.

    A step may be written in parts, which are merged into one line when the log is closed or opened again. Failed writes
    are reported and skipped.

    Args:
        folder: holds `metrics.jsonl`, `tensorboard/` and `samples/`.
        done: last step whose lines are kept.
        wandb: Weights & Biases run that receives the same metrics.
    """

    def __init__(self, folder: Path, done: int, wandb: Any | None = None) -> None:
        self.path = folder / "metrics.jsonl"
        self._merge(done)
        self._board: SummaryWriter | None = None
        with report_failure("TensorBoard"):
            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1)
        self._wandb = wandb

    def write(self, step: int, **values: float) -> None:
        """Write a line of metrics; non-finite values are left out."""
        finite = {name: round(value, 6) for name, value in values.items() if math.isfinite(value)}
        with report_failure(str(self.path)), self.path.open("a") as file:
            file.write(json.dumps({"step": step} | finite) + "\n")
        if self._board is not None:
            with report_failure("TensorBoard"):
                for name, value in finite.items():
                    self._board.add_scalar(name, value, step)
        if self._wandb is not None:
            with report_failure("Weights & Biases"):
                self._wandb.log(finite, step=step)

    def image(self, step: int, samples: Image) -> None:
        path = self.path.with_name("samples") / f"step-{step:08d}.png"
        with report_failure(str(path)), replace_file(path) as temporary:
            temporary.write_bytes(encode_png(samples))
        if self._board is not None:
            with report_failure("TensorBoard"):
                self._board.add_image("samples", samples, step, dataformats="HWC")
        if self._wandb is not None:
            with report_failure("Weights & Biases"):
                import wandb

                self._wandb.log({"samples": wandb.Image(str(path))}, step=step)

    def close(self) -> None:
        with report_failure(str(self.path)):
            self._merge(math.inf)
        if self._board is not None:
            with report_failure("TensorBoard"):
                self._board.close()
        if self._wandb is not None:
            with report_failure("Weights & Biases"):
                self._wandb.finish()

    def _merge(self, last: float) -> None:
        """Rewrite the file with one line per step, up to the step `last`."""
        by_step: dict[float, dict[str, float]] = {}
        for line in self._lines():
            if (values := _values(line, self.path)) and values["step"] <= last:
                by_step[values["step"]] = by_step.get(values["step"], {}) | values
        write_text(self.path, "".join(f"{json.dumps(values)}\n" for values in by_step.values()))

    def _lines(self) -> list[str]:
        """Return the complete lines; a killed job may have left a partial one."""
        if not self.path.is_file():
            return []
        *lines, _ = self.path.read_text(errors="replace").split("\n")
        return lines


def _values(line: str, path: Path) -> dict[str, float] | None:
    """Return the metrics of a line, or None, with a message, if it is damaged."""
    try:
        values = json.loads(line)
        return {**values, "step": int(values["step"])}
    except (ValueError, KeyError, TypeError):
        print(f"{path}: skipped an unreadable line: {line[:40]!r}", flush=True)
        return None


def wandb_run(project: str, folder: Path, settings: Mapping[str, Any]) -> Any:
    """Start the Weights & Biases run of a checkpoint folder, or resume it if training resumes.

    Raises:
        UserError: the package is missing, or the login fails. WANDB_MODE=offline needs neither account nor network.
    """
    try:
        import wandb
    except ImportError:
        raise UserError("train.wandb: Weights & Biases is not installed: pip install 'omniedit[wandb]'") from None
    identity = json.dumps([str(folder.resolve()), settings], sort_keys=True)
    known = {"id": sha256(identity.encode()).hexdigest()[:16], "name": f"{folder.parent.parent.name} {folder.stem}"}
    try:
        return wandb.init(project=project, dir=folder, config=dict(settings), resume="allow", **known)
    except wandb.Error as error:
        raise UserError(f"train.wandb: {one_line(error)}; WANDB_MODE=offline needs no account") from None
