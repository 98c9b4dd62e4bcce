"""Checkpoints of training: whole or absent, and only ever those of the very same run.

{folder}/run.json                 what the run depends on; another run starts anew
{folder}/step-00000150/           DeepSpeed's files, `ema-00.pt`, one a rank, manifest.json: the state after 150 steps
{folder}/metrics.jsonl            what was logged until now
{folder}/tensorboard/
"""

import json
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from omniedit.config import TrainConfig
from omniedit.errors import UserError
from omniedit.files import replaced
from omniedit.manifest import MANIFEST, files_below, lost_files, write_manifest
from omniedit.training.ema import ShardedEma

KEPT = 2


def run_identity(options: TrainConfig, seed: int, buckets: Path, base: nn.Module) -> dict[str, Any]:
    """What the weights of a run depend on, as JSON values."""
    return {
        "options": options.model_dump(exclude={"base", "checkpoint_every"}),
        "seed": seed,
        "world_size": dist.get_world_size(),
        "buckets": sha256((buckets / "manifest.json").read_bytes()).hexdigest(),
        "base": weights_sha256(base),
    }


def weights_sha256(module: nn.Module) -> str:
    digest = sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


class Checkpoints:
    """The checkpoints of a run. Every rank makes one; rank 0 alone renames and deletes.

    Args:
        folder: outlives a failed job; made anew where it holds another run's checkpoints.
        run: JSON values that the weights depend on: options, seed, world size, digests of the data and the base.
    """

    def __init__(self, folder: Path, run: Mapping[str, Any]) -> None:
        self.folder = folder
        if dist.get_rank() == 0:
            identity = folder / "run.json"
            if not identity.is_file() or json.loads(identity.read_text()) != run:
                shutil.rmtree(folder, ignore_errors=True)
                with replaced(identity) as temporary:
                    temporary.write_text(json.dumps(run, indent=2, sort_keys=True) + "\n")
        dist.barrier()

    def steps(self) -> list[int]:
        """Steps after which there is a checkpoint, in order."""
        return sorted(int(path.name.removeprefix("step-")) for path in self.folder.glob("step-*[0-9]"))

    def save(self, engine: Any, ema: ShardedEma, step: int) -> None:
        """The state after `step` steps; called by all ranks."""
        tag = self._tag(step)
        engine.save_checkpoint(self.folder, f"{tag}.part", save_latest=False, exclude_frozen_parameters=True)
        part = self.folder / f"{tag}.part"
        torch.save(ema.mean, part / f"ema-{ema.rank:02d}.pt")
        dist.barrier()
        if ema.rank == 0:
            write_manifest(part / MANIFEST, {"files": {name: _size(part / name) for name in files_below(part)}})
            shutil.rmtree(self.folder / tag, ignore_errors=True)
            part.rename(self.folder / tag)
            for old in self.steps()[:-KEPT]:
                shutil.rmtree(self.folder / self._tag(old))
        dist.barrier()

    def load_last(self, engine: Any, ema: ShardedEma) -> int:
        """Restore the newest whole checkpoint, where there is one; the number of steps done.

        Those that lost a file, or a part of one, are deleted with a line on standard output.
        """
        if ema.rank == 0:
            for step in self.steps():
                folder = self.folder / self._tag(step)
                if lost := lost_files(folder):
                    print(f"{folder}: {lost[0]} is missing or of another size; training goes on without it", flush=True)
                    shutil.rmtree(folder)
        dist.barrier()
        if not self.steps():
            return 0
        step = self.steps()[-1]
        try:
            engine.load_checkpoint(self.folder, self._tag(step), load_module_strict=False)
            ema.mean = torch.load(self.folder / self._tag(step) / f"ema-{ema.rank:02d}.pt", map_location=engine.device)
        except Exception as error:  # torch and DeepSpeed let any out on broken bytes
            problem = f"cannot be read ({' '.join(str(error).split())})"
            raise UserError(f"{self.folder / self._tag(step)}: {problem}; delete it and run again") from error
        return step

    def _tag(self, step: int) -> str:
        return f"step-{step:08d}"


def _size(path: Path) -> dict[str, int]:
    """As in a manifest, without a checksum: a checkpoint's files are many gigabytes."""
    return {"bytes": path.stat().st_size}
