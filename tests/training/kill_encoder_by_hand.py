"""Kill both stages of SmartEdit's training by SIGKILL and compare the resumed weights. Too slow for the suite.

    PYTHONPATH=.:tests python tests/training/kill_encoder_by_hand.py

The jobs are the workflow's own scripts with a tiny Qwen2.5-VL and questions. Each stage runs to its end, and again with
a SIGKILL between two checkpoints. Prints the step of the kill, the steps computed twice and whether all files of
weights are equal bit for bit; ends with an error if they are not.
"""

import json
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from helpers.question_files import write_questions
from helpers.small_training import OPTIONS, make_run
from helpers.tiny_vlm import PATCH, make_qwen
from omniedit.config.schema import TrainConfig

REPOSITORY = Path(__file__).parents[2]
STEPS, CHECKPOINT_STEPS, KILL_STEP = 8, 3, 5


class Job:
    """Job of a stage in its own folder, which is started again with the same command.

    Args:
        arguments: name of the script and its arguments.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        folder.mkdir(parents=True)
        self.folder, self.checkpoints = folder, folder / "checkpoints"
        script, *others = arguments
        files = {"--checkpoints": self.checkpoints, "--metrics": folder / "metrics.jsonl", "--out": folder / "out"}
        places = [str(part) for pair in files.items() for part in pair]
        self.command = [sys.executable, str(REPOSITORY / "scripts" / script), *others, *places]

    def start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(self.command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=log, stderr=log)

    def finish(self) -> None:
        if self.start().wait():
            sys.exit((self.folder / "log").read_text()[-2000:])

    def kill(self) -> tuple[int, int]:
        """Start the job and kill it after KILL_STEP; return the last step and that of the last checkpoint."""
        process = self.start()
        while self.last_step() < KILL_STEP:
            if process.poll() is not None:
                sys.exit((self.folder / "log").read_text()[-2000:])
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL and not (self.folder / "out").exists()
        saved = [int(path.name.removeprefix("step-")) for path in self.checkpoints.glob("step-*[0-9]")]
        return self.last_step(), max(saved)

    def last_step(self) -> int:
        metrics = self.checkpoints / "metrics.jsonl"
        lines = metrics.read_text().splitlines(keepends=True) if metrics.is_file() else []
        return max((json.loads(line)["step"] for line in lines if line.endswith("\n")), default=0)

    def weights(self) -> dict[str, str]:
        """Return the digest of each file of weights by its path in the output folder."""
        out = self.folder / "out"
        files = sorted(out.rglob("*.safetensors"))
        return {str(file.relative_to(out)): sha256(file.read_bytes()).hexdigest() for file in files}


def compare(name: str, folder: Path, *arguments: str) -> Path:
    """Run a stage to its end, and killed and resumed; return the output folder of the first."""
    whole, killed = (Job(folder / name / each, *arguments) for each in ("whole", "killed"))
    whole.finish()
    last, saved = killed.kill()
    killed.finish()
    equal = whole.weights() == killed.weights()
    print(f"{name}: killed after step {last} of {STEPS}, {last - saved} steps computed twice,", end=" ")
    print(f"{len(whole.weights())} files of weights, equal: {equal}", flush=True)
    assert equal and whole.weights()
    return whole.folder / "out"


def main() -> None:
    with TemporaryDirectory() as temporary:
        root = Path(temporary)
        make_run(root)
        questions = str(write_questions(root / "questions"))
        make_qwen(root / "qwen")
        reader = {"model": str(root / "qwen"), "image_side": 4 * PATCH, "image_tokens": 3, "layers": 2, "heads": 2}
        reader |= {"width": 32, "steps": STEPS, "batch_size": 4, "questions": questions, "questions_share": 0.5}
        steps = {"steps": STEPS, "checkpoint_every": CHECKPOINT_STEPS, "held_out_every": STEPS, "sample_every": STEPS}
        options = TrainConfig.model_validate(OPTIONS | steps | {"instruction_encoder": reader})
        given = [str(root / "buckets"), "--base", str(root / "base"), "--options", options.model_dump_json()]
        encoder = compare("alignment", root, "align_encoder.py", *given)
        compare("end to end", root, "train.py", *given, "--model", "channel_concat", "--encoder", str(encoder))


if __name__ == "__main__":
    main()
