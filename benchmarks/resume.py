"""Measure the cost and the effect of stopping a training run that is killed, terminated or resumed on fewer ranks.

    python benchmarks/resume.py results/mini --figure docs/resume.png   # of `snakemake all`

Each run is scripts/train.py under torchrun, as the workflow starts it. A disturbed run is started again with the same
command and compared with an undisturbed one. Prints JSON: steps computed twice, whether the weights are equal bit for
bit, and the largest difference of the losses.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniedit.config.schema import SHIPPED, TrainConfig
from omniedit.reporting.figure_style import BLUE, ORANGE, panels, report_style

REPOSITORY = Path(__file__).parents[1]
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


@dataclass(frozen=True)
class Stop:
    """Interruption of a run.

    Args:
        after: step after which the run is interrupted.
        signal: signal that its ranks get.
        ranks: number of ranks on which it resumes.
    """

    name: str
    after: int
    signal: signal.Signals
    ranks: int = 2


@dataclass(frozen=True)
class Run:
    """Training run in its own folder.

    Args:
        source: folder of a run of the workflow, with buckets/.
    """

    source: Path
    folder: Path
    options: dict[str, Any]

    @property
    def metrics(self) -> Path:
        return self.folder / "checkpoints/metrics.jsonl"

    @contextmanager
    def start(self, ranks: int) -> Iterator[subprocess.Popen[bytes]]:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = ["torchrun", "--standalone", "--nproc-per-node", str(ranks), str(REPOSITORY / "scripts/train.py")]
        command += [str(self.source / "buckets"), "--base", SHIPPED]
        command += ["--options", json.dumps(self.options), "--checkpoints", str(self.folder / "checkpoints")]
        command += ["--metrics", str(self.folder / "metrics.jsonl"), "--out", str(self.folder / "editor")]
        variables = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
        }
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, env=variables, stdout=log, stderr=log, start_new_session=True)
            yield process
            process.wait()

    def finish(self, ranks: int) -> None:
        with self.start(ranks) as process:
            pass
        if process.returncode:
            sys.exit(f"{self.folder / 'log'}: training failed")

    def stop(self, stop: Stop) -> list[tuple[int, float]]:
        """Start the run, interrupt it as `stop` says, and return the losses until then."""
        with self.start(ranks=2) as process:
            while not self.losses() or self.losses()[-1][0] < stop.after:
                if process.poll() is not None:
                    sys.exit(f"{self.folder / 'log'}: training ended before step {stop.after}")
                time.sleep(0.02)
            os.killpg(process.pid, stop.signal)
        return self.losses()

    def losses(self) -> list[tuple[int, float]]:
        if not self.metrics.is_file():
            return []
        whole = [line for line in self.metrics.read_text().splitlines(keepends=True) if line.endswith("\n")]
        rows = [json.loads(line) for line in whole]
        return [(line["step"], line["loss"]) for line in rows if "loss" in line]

    def weights(self) -> str:
        return hashlib.sha256((self.folder / "editor" / WEIGHTS).read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run of the workflow")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--figure", type=Path, help="the losses as a picture (.png)")
    args = parser.parse_args()

    options = TrainConfig(steps=args.steps, checkpoint_every=10, held_out_every=args.steps)
    stops = [
        Stop("killed (SIGKILL)", args.steps // 2 - 3, signal.SIGKILL),
        Stop("terminated (SIGTERM)", args.steps // 2 - 3, signal.SIGTERM),
        Stop("killed, resumed with one rank", args.steps // 2 - 3, signal.SIGKILL, ranks=1),
    ]
    with tempfile.TemporaryDirectory() as folder:
        whole = Run(args.run, Path(folder) / "whole", options.model_dump())
        whole.finish(ranks=2)
        runs = [
            disturb(Run(args.run, Path(folder) / str(i), options.model_dump()), stop, whole)
            for i, stop in enumerate(stops)
        ]
        print(json.dumps([figures for figures, _, _ in runs], indent=1))
        if args.figure:
            draw(whole.losses(), runs, args.figure)


Comparison = tuple[dict[str, Any], list[tuple[int, float]], list[tuple[int, float]]]
"""Figures, losses before the stop, and losses of the whole run."""


def disturb(run: Run, stop: Stop, whole: Run) -> Comparison:
    before = run.stop(stop)
    kept = max(int(path.name.removeprefix("step-")) for path in (run.folder / "checkpoints").glob("step-*[0-9]"))
    run.finish(stop.ranks)
    after, undisturbed = run.losses(), whole.losses()
    figures = {
        "run": stop.name,
        "stopped after step": before[-1][0],
        "steps computed twice": before[-1][0] - kept,
        "same weights, bit for bit": run.weights() == whole.weights(),
        "largest difference of a loss": max(abs(a - b) for (_, a), (_, b) in zip(after, undisturbed, strict=True)),
    }
    return figures, before, after


def draw(undisturbed: list[tuple[int, float]], runs: list[Comparison], path: Path) -> None:
    with report_style():
        figure, axes = panels(1, len(runs), 4.2 * len(runs), 3.0)
        for axis, (figures, before, after) in zip(axes, runs, strict=True):
            axis.plot(*zip(*undisturbed, strict=True), color=BLUE, linewidth=3, alpha=0.35, label="undisturbed")
            axis.plot(*zip(*after, strict=True), color=BLUE, linewidth=1, label="stopped and resumed")
            twice = figures["steps computed twice"]
            if twice:
                axis.plot(*zip(*before[-twice:], strict=True), ".", color=ORANGE, label=f"{twice} steps lost")
            axis.axvline(before[-1][0], color=ORANGE, linestyle=":", label="stop")
            axis.set(title=figures["run"], xlabel="step", ylabel="loss")
            axis.legend()
        figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
