"""Checkpoints of a training run: complete or absent, bound to their run, and readable by any number of ranks.

{folder}/run.json                 all settings and inputs that the weights depend on; if one changes, training starts
again {folder}/step-00000150/           the state after 150 steps:
    rank-00000.safetensors ...        each rank's share of the weights, moments and EMA
    moments-00000.safetensors ...     each rank's 8-bit moments, readable only by the same number of ranks
    position.json                     all other state that the next step depends on
    manifest.json                     size and sha256 of each file
{folder}/metrics.jsonl            metrics logged so far {folder}/tensorboard/, samples/   grids of sample edits,
step-00000200.png {folder}.lock                     held by the run that writes the checkpoints {folder}.aside-1 ...
checkpoints of other runs, renamed after a change of config
"""

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import count, product
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from omniedit.config.training import TrainConfig
from omniedit.models.base import Base
from omniedit.models.weights import weights_sha256
from omniedit.storage.atomic import replace_file, write_text
from omniedit.storage.locks import hold_lock
from omniedit.storage.manifest import MANIFEST, checksum, seal_folder, write_manifest
from omniedit.training.eight_bit import load_raw_moments, raw_moments
from omniedit.training.metrics_log import report_failure
from omniedit.training.ranks import gather_from_ranks
from omniedit.training.state import TrainingState

CHECKPOINTS_KEPT = 2
RUN_FILE = "run.json"
POSITION = "position.json"
WITHOUT_EFFECT = {
    "ablations",
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
    "zero_offload",
    "activation_budget_gb",
    "wandb",
}
"""Options that change no weight by more than rounding; a run resumes even if they change."""


@dataclass(frozen=True)
class TrainingProgress:
    """Progress of a training run, without its weights.

    Args:
        step: steps done.
        steps_taken: steps done and not skipped.
        norms: gradient norms that the guard remembers.
        skipped, skipped_in_a_row: steps skipped so far, and since the last step taken.
    """

    step: int = 0
    steps_taken: int = 0
    norms: Sequence[float] = ()
    skipped: int = 0
    skipped_in_a_row: int = 0


def run_identity(options: TrainConfig, seed: int, buckets: Path, base: Base) -> dict[str, Any]:
    """Return all settings and inputs that the weights of a run depend on, as JSON values."""
    without: Any = dict.fromkeys(WITHOUT_EFFECT, True) | {"lora": {"save"}}
    return {
        "options": options.model_dump(exclude=without),
        "quantize": options.base.quantize,
        "seed": seed,
        "buckets": sha256((buckets / "manifest.json").read_bytes()).hexdigest(),
        **base_identity(base),
    }


def base_identity(base: Base) -> dict[str, Any]:
    """Return a base's part of the run identity: its network, and the models that make its latents and embeddings."""
    return {
        "base": weights_sha256(base.transformer),
        "prediction_type": base.prediction_type,
        "vae": weights_sha256(base.vae),
        "text_encoders": [weights_sha256(encoder) for encoder in base.text.encoders()],
    }


def differences(known: Mapping[str, Any], run: Mapping[str, Any]) -> list[str]:
    """Return the keys, such as options.steps, with different values in two runs; keys of only one run are ignored."""
    keys = []
    for key in sorted(known.keys() & run.keys()):
        if isinstance(known[key], dict) and isinstance(run[key], dict):
            keys += [f"{key}.{inner}" for inner in differences(known[key], run[key])]
        elif known[key] != run[key]:
            keys.append(key)
    return keys


class Checkpoints:
    """Checkpoints of a run. Every rank creates an instance; only rank 0 renames and deletes.

    Args:
        folder: outlives a failed job. If it holds another run's checkpoints, it is renamed and the reason is printed.
        run: JSON values that the weights depend on: options, seed, digests of the data and the base.

    Raises:
        UserError: another process writes to this folder; the message gives its id and machine.
    """

    def __init__(self, folder: Path, run: Mapping[str, Any]) -> None:
        self.folder = folder
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        if self.rank == 0:
            hold_lock(folder.with_name(f"{folder.name}.lock"), "another training run is writing these checkpoints")
            if problem := self._mismatch_reason(run):
                aside = _free_name(folder)
                folder.rename(aside)
                print(f"{folder}: {problem}; set aside as {aside.name}; training starts from step 0", flush=True)
            if not (folder / RUN_FILE).is_file():
                write_text(folder / RUN_FILE, json.dumps(run, indent=2, sort_keys=True) + "\n")
        dist.barrier()

    def steps(self) -> list[int]:
        """Return the steps that have a checkpoint, in order."""
        return sorted(int(path.name.removeprefix("step-")) for path in self.folder.glob("step-*[0-9]"))

    def save(self, state: TrainingState, position: TrainingProgress) -> None:
        """Write a checkpoint and delete old ones. All ranks must call this."""
        final_path = self._folder(position.step)
        part = final_path.with_name(f"{final_path.name}.part")
        if self.rank == 0:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
        dist.barrier()
        sums = {}
        for name, tensors in {"rank": local_parts(state), "moments": raw_moments(state.optimizer)}.items():
            if tensors:
                file = part / f"{name}-{self.rank:05d}.safetensors"
                with replace_file(file) as temporary:
                    save_file(tensors, temporary)
                sums[file.name] = checksum(file)
        written = {name: digest for of_rank in gather_from_ranks(sums) for name, digest in of_rank.items()}
        if self.rank == 0:
            (part / POSITION).write_text(json.dumps(asdict(position)) + "\n")
            write_manifest(part / MANIFEST, {"files": written | {POSITION: checksum(part / POSITION)}})
            shutil.rmtree(final_path, ignore_errors=True)
            part.rename(final_path)
            for old in self.steps()[:-CHECKPOINTS_KEPT]:
                shutil.rmtree(self._folder(old))
        dist.barrier()

    def load_last(self, state: TrainingState) -> TrainingProgress:
        """Load the newest undamaged checkpoint, if there is one.

        Newer, damaged ones are deleted with a message; all ranks make the same choice.
        """
        for step in reversed(gather_from_ranks(self.steps())[0]):
            folder = self._folder(step)
            problem = next(filter(None, gather_from_ranks(self._damage(folder))), None)
            if problem is None:
                return self._load(folder, state)
            if self.rank == 0:
                print(f"{folder}: {problem}; training continues without it", flush=True)
                shutil.rmtree(folder)
        return TrainingProgress()

    def _damage(self, folder: Path) -> str | None:
        """Return what is wrong with this rank's share of a checkpoint's files, or None. One rank reads each file."""
        try:
            files = json.loads((folder / MANIFEST).read_text())["files"]
            for file in sorted(files)[self.rank :: self.world_size]:
                if checksum(folder / file) != files[file]:
                    return f"{file} does not match its checksum"
        except FileNotFoundError as error:
            return f"{Path(error.filename).name} is missing"
        except (ValueError, KeyError, TypeError):
            return f"{MANIFEST} cannot be read"
        return None

    def _load(self, folder: Path, state: TrainingState) -> TrainingProgress:
        position = TrainingProgress(**json.loads((folder / POSITION).read_text()))
        with ExitStack() as stack:
            places = index_parts(
                [stack.enter_context(safe_open(file, "pt")) for file in folder.glob("rank-*.safetensors")]
            )
            for name, kind in product(state.parameters, state.kinds):
                parts = [file.get_tensor(key) for _, file, key in sorted(places[f"{name}/{kind}"], key=itemgetter(0))]
                state.scatter(name, kind, torch.cat(parts).view(state.shape(name)).to(state.engine.device))
        state.copy_to_network()
        load_raw_moments(state.optimizer, sorted(folder.glob("moments-*.safetensors")))
        state.optimizer.steps_taken = position.steps_taken
        state.optimizer.guard.norms.extend(position.norms)
        return position

    def _mismatch_reason(self, run: Mapping[str, Any]) -> str | None:
        """Return why a run cannot resume from the folder, or None if it can or the folder is empty."""
        if not self.folder.is_dir() or not any(self.folder.iterdir()):
            return None
        try:
            differ = differences(json.loads((self.folder / RUN_FILE).read_text()), run)
        except FileNotFoundError:
            return f"{RUN_FILE} is missing"
        except (ValueError, AttributeError):
            return f"{RUN_FILE} cannot be read"
        return f"checkpoints of another run ({', '.join(differ)} changed)" if differ else None

    def _folder(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"


def _free_name(folder: Path) -> Path:
    return next(path for n in count(1) if not (path := folder.with_name(f"{folder.name}.aside-{n}")).exists())


def local_parts(state: TrainingState) -> dict[str, Tensor]:
    """Return this rank's share of weights, moments and EMA: {name}/{kind}/{start} -> flat float32 values."""
    parts = {}
    for name, kind in product(state.parameters, state.kinds):
        if part := state.part(name, kind):
            start, values = part
            parts[f"{name}/{kind}/{start}"] = values.detach().cpu().clone()
    return parts


def index_parts(files: Iterable[Any]) -> dict[str, list[tuple[int, Any, str]]]:
    """Return the parts of each {name}/{kind}: start, open file, and key in that file."""
    places = defaultdict(list)
    for file in files:
        for key in file.keys():  # noqa: SIM118 (not a mapping)
            kind, _, start = key.rpartition("/")
            if kind.endswith("/mean"):  # the name of the EMA in checkpoints up to 0.1
                kind = f"{kind.removesuffix('mean')}ema"
            places[kind].append((int(start), file, key))
    return places


def save_trained(
    state: TrainingState, save: Callable[[Path], None], checkpoints: Checkpoints, out: Path, metrics: Path
) -> None:
    """Save a model with EMA weights and its last sample grid to `out`, and the metrics of all steps to `metrics`.

    All ranks call it together; the first one writes.

    Args:
        save: writes the model to a folder, such as a pipeline's `save_pretrained`.
    """
    with state.gathered_ema_weights():
        if dist.get_rank() == 0:
            _save_model(save, checkpoints, out, metrics)


def _save_model(save: Callable[[Path], None], checkpoints: Checkpoints, out: Path, metrics: Path) -> None:
    with seal_folder(out) as folder:
        save(folder)
        with report_failure("samples.png"):
            for grid in sorted(checkpoints.folder.glob("samples/step-*.png"))[-1:]:
                shutil.copyfile(grid, folder / "samples.png")
    with replace_file(metrics) as temporary:
        shutil.copyfile(checkpoints.folder / "metrics.jsonl", temporary)
