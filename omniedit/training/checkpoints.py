"""Checkpoints of training: whole or absent, only ever those of the very same run, and read by any number of ranks.

{folder}/run.json                 what the run depends on; another run starts anew
{folder}/step-00000150/           the state after 150 steps:
    rank-00000.safetensors ...        what each rank held of the weights, their moments and means
    position.json                     what else the next step depends on
    manifest.json                     bytes and sha256 of each
{folder}/metrics.jsonl            what was logged until now
{folder}/tensorboard/, samples/   grids of edits, step-00000200.png
{folder}.lock                     held by the training that writes them
{folder}.aside-1 ...              those of other runs, which a changed config left behind
"""

import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import count, product
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from omniedit.config.schema import TrainConfig
from omniedit.models.base import Base
from omniedit.storage.atomic import replace_file
from omniedit.storage.locks import hold_lock
from omniedit.storage.manifest import MANIFEST, checksum, seal_folder, write_manifest
from omniedit.training.metrics import report_failure
from omniedit.training.ranks import from_all_ranks
from omniedit.training.state import KINDS, TrainedState

KEPT = 2
RUN = "run.json"
POSITION = "position.json"
WITHOUT_EFFECT = {
    "base",
    "accumulate",
    "checkpoint_activations",
    "compile",
    "attention",
    "encode_once",
    "checkpoint_every",
    "held_out_every",
    "sample_every",
    "max_skipped",
    "zero_stage",
    "wandb",
}
"""Options that change no weight, or none by more than rounding: a run goes on when they change."""


@dataclass(frozen=True)
class TrainingProgress:
    """Where a training is, beside its weights.

    Args:
        step: steps done.
        steps_taken: those that were not skipped.
        norms: what the guard remembers of the gradients.
        skipped, skipped_in_a_row: steps left out so far, and since the last that was taken.
    """

    step: int = 0
    steps_taken: int = 0
    norms: Sequence[float] = ()
    skipped: int = 0
    skipped_in_a_row: int = 0


def run_identity(options: TrainConfig, seed: int, buckets: Path, base: Base) -> dict[str, Any]:
    """What the weights of a run depend on, as JSON values."""
    return {
        "options": options.model_dump(exclude=WITHOUT_EFFECT),
        "seed": seed,
        "buckets": sha256((buckets / "manifest.json").read_bytes()).hexdigest(),
        **base_identity(base),
    }


def base_identity(base: Base) -> dict[str, Any]:
    """What a base gives to training: its network, and what makes latents and embeddings for it."""
    return {
        "base": weights_sha256(base.transformer),
        "prediction_type": base.prediction_type,
        "vae": weights_sha256(base.vae),
        "text_encoders": [weights_sha256(encoder) for encoder in base.text.encoders()],
    }


def differences(known: Mapping[str, Any], run: Mapping[str, Any]) -> list[str]:
    """Keys, as in options.steps, of which two runs say different things; what only one of them tells does not count."""
    found = []
    for key in sorted(known.keys() & run.keys()):
        if isinstance(known[key], dict) and isinstance(run[key], dict):
            found += [f"{key}.{inner}" for inner in differences(known[key], run[key])]
        elif known[key] != run[key]:
            found.append(key)
    return found


def weights_sha256(module: nn.Module) -> str:
    digest = sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


class Checkpoints:
    """The checkpoints of a run. Every rank makes one; rank 0 alone renames and deletes.

    Args:
        folder: outlives a failed job; one that holds another run's checkpoints is renamed, with a line on standard
            output that says why.
        run: JSON values that the weights depend on: options, seed, digests of the data and the base.

    Raises:
        UserError: another training writes there; the text gives its process and machine.
    """

    def __init__(self, folder: Path, run: Mapping[str, Any]) -> None:
        self.folder = folder
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        if self.rank == 0:
            hold_lock(folder.with_name(f"{folder.name}.lock"), "another training writes these checkpoints")
            if problem := self._mismatch_reason(run):
                aside = _free_name(folder)
                folder.rename(aside)
                print(f"{folder}: {problem}; set aside as {aside.name}, training starts anew", flush=True)
            if not (folder / RUN).is_file():
                with replace_file(folder / RUN) as temporary:
                    temporary.write_text(json.dumps(run, indent=2, sort_keys=True) + "\n")
        dist.barrier()

    def steps(self) -> list[int]:
        """Steps after which there is a checkpoint, in order."""
        return sorted(int(path.name.removeprefix("step-")) for path in self.folder.glob("step-*[0-9]"))

    def save(self, state: TrainedState, position: TrainingProgress) -> None:
        """Called by all ranks."""
        whole = self._folder(position.step)
        part = whole.with_name(f"{whole.name}.part")
        if self.rank == 0:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
        dist.barrier()
        file = part / f"rank-{self.rank:05d}.safetensors"
        with replace_file(file) as temporary:
            save_file(local_parts(state), temporary)
        written = from_all_ranks((file.name, checksum(file)))
        if self.rank == 0:
            (part / POSITION).write_text(json.dumps(asdict(position)) + "\n")
            write_manifest(part / MANIFEST, {"files": dict(written) | {POSITION: checksum(part / POSITION)}})
            shutil.rmtree(whole, ignore_errors=True)
            part.rename(whole)
            for old in self.steps()[:-KEPT]:
                shutil.rmtree(self._folder(old))
        dist.barrier()

    def load_last(self, state: TrainedState) -> TrainingProgress:
        """Restore the newest checkpoint that is as it was written, where there is one.

        Newer ones are deleted, on all ranks alike, with a line on standard output.
        """
        for step in reversed(from_all_ranks(self.steps())[0]):
            folder = self._folder(step)
            problem = next(filter(None, from_all_ranks(self._damage(folder))), None)
            if problem is None:
                return self._load(folder, state)
            if self.rank == 0:
                print(f"{folder}: {problem}; training goes on without it", flush=True)
                shutil.rmtree(folder)
        return TrainingProgress()

    def _damage(self, folder: Path) -> str | None:
        """What is wrong with this rank's part of a checkpoint's files; each file is read by one rank."""
        try:
            files = json.loads((folder / MANIFEST).read_text())["files"]
            for file in sorted(files)[self.rank :: self.world_size]:
                if checksum(folder / file) != files[file]:
                    return f"{file} is not as it was written"
        except FileNotFoundError as error:
            return f"{Path(error.filename).name} is missing"
        except (ValueError, KeyError, TypeError):
            return f"{MANIFEST} cannot be read"
        return None

    def _load(self, folder: Path, state: TrainedState) -> TrainingProgress:
        position = TrainingProgress(**json.loads((folder / POSITION).read_text()))
        with ExitStack() as stack:
            places = index_parts(
                [stack.enter_context(safe_open(file, "pt")) for file in folder.glob("rank-*.safetensors")]
            )
            for name, kind in product(state.parameters, KINDS):
                parts = [file.get_tensor(key) for _, file, key in sorted(places[f"{name}/{kind}"], key=itemgetter(0))]
                state.scatter(name, kind, torch.cat(parts).view(state.shape(name)).to(state.engine.device))
        state.show()
        state.steps_taken = position.steps_taken
        state.optimizer.guard.norms.extend(position.norms)
        return position

    def _mismatch_reason(self, run: Mapping[str, Any]) -> str | None:
        """Why what the folder holds cannot be gone on from by a run; None where it can, or where it holds nothing."""
        if not self.folder.is_dir() or not any(self.folder.iterdir()):
            return None
        try:
            differ = differences(json.loads((self.folder / RUN).read_text()), run)
        except FileNotFoundError:
            return f"{RUN} is missing"
        except (ValueError, AttributeError):
            return f"{RUN} cannot be read"
        return f"checkpoints of another run ({', '.join(differ)} changed)" if differ else None

    def _folder(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"


def _free_name(folder: Path) -> Path:
    return next(path for n in count(1) if not (path := folder.with_name(f"{folder.name}.aside-{n}")).exists())


def local_parts(state: TrainedState) -> dict[str, Tensor]:
    """What this rank holds of the weights, moments and means: {name}/{kind}/{where it starts} -> float32, flat."""
    parts = {}
    for name, kind in product(state.parameters, KINDS):
        if part := state.part(name, kind):
            start, values = part
            parts[f"{name}/{kind}/{start}"] = values.detach().cpu().clone()
    return parts


def index_parts(files: Iterable[Any]) -> dict[str, list[tuple[int, Any, str]]]:
    """{name}/{kind} -> its parts: where each starts, the opened file, the key in it."""
    places = defaultdict(list)
    for file in files:
        for key in file.keys():  # noqa: SIM118 (no mapping)
            what, _, start = key.rpartition("/")
            places[what].append((int(start), file, key))
    return places


def save_trained(pipeline: DiffusionPipeline, checkpoints: Checkpoints, out: Path, metrics: Path) -> None:
    """Save what a training leaves: the folder of what was trained, with the last grid of samples, and its metrics, a
    line a step."""
    with seal_folder(out) as folder:
        pipeline.save_pretrained(folder)
        with report_failure("samples.png"):
            for grid in sorted(checkpoints.folder.glob("samples/step-*.png"))[-1:]:
                shutil.copyfile(grid, folder / "samples.png")
    with replace_file(metrics) as temporary:
        shutil.copyfile(checkpoints.folder / "metrics.jsonl", temporary)
