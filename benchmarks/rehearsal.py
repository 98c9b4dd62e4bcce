"""Rehearse a run with learned specialists: they go through the workflow with tiny models of random weights.

    python -m benchmarks.rehearsal --out /shared/rehearsal              # on this machine, up to the pages of its pairs
    python -m benchmarks.rehearsal --out /shared/rehearsal --prepare    # only creates the folder; then run in it
    snakemake --profile profiles/slurm $(cat pages.txt)
    python -m benchmarks.rehearsal --out /shared/rehearsal --family anyedit   # AnyEdit's 25 types instead of the seven
    python -m benchmarks.rehearsal --out /shared/rehearsal --pilot      # config/pilot.yaml, up to its report's pages

The folder is a checkout of the repository's code with its own config and models. The models have the classes that
config/models.yaml names and are saved and recorded like fetched ones. Photos are the sample's; the proposals for them
are recorded in replies.jsonl. The images are noise, and every page says so: the run is called random-weights, its
models random-weights/tiny-ROLE. The judge is an InternVL with random weights too, so its scores mean nothing.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from transformers.utils import logging as transformers_logging

from benchmarks.random_judge import make_internvl
from benchmarks.random_model_sizes import TINY
from benchmarks.random_models import Maker
from benchmarks.rehearsal_types import propose_types
from omniedit.errors import UserError
from omniedit.models.hub import build_record, only_configs
from omniedit.models.registry import MODELS, RECORDS, ModelEntry, read_models
from omniedit.models.roles import ROLES
from omniedit.reporting.gallery import RANDOM_WEIGHTS
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.storage.manifest import checksums, files_below
from omniedit.tasks import ANYEDIT_TASKS, OMNIEDIT_TASKS, Task

REPOSITORY = Path(__file__).parents[1]
LINKED = ("Snakefile", "workflow", "scripts", "profiles", "envs")
PILOT = "config/pilot.yaml"
RUN = RANDOM_WEIGHTS
REPORT = f"results/{RUN}/report"
FAMILIES = {"omniedit": OMNIEDIT_TASKS, "anyedit": ANYEDIT_TASKS}
CONFIG: dict[str, Any] = {
    "run": RUN,
    "sources": {"kind": "sample", "min_pixels": 60_000, "max_pixels": 100_000},
    "learned": {"replies": "replies.jsonl", "batch_size": 2, "resolution": 256, "steps": 2},
    "inpainting": {"steps": 2, "batch_size": 8},
    "scoring": {"judge": "internvl", "teacher": None, "internvl": {"max_tiles": 1}},
    "filter": {"min_score": 0},
    "buckets": {"base_size": 256},
    "train": {"resolution": 64, "steps": 2, "batch_size": 8, "base": {"model": "shipped"}},
    "bench": {"judge": "internvl", "photos": 2, "pairs_per_task": 1, "steps": 2},
}


def rehearsal_config(family: str) -> dict[str, Any]:
    """Return the config of a rehearsal of the learned specialists of a family's tasks."""
    chosen = {"pairs_per_shard": 3, "specialist": "learned"}
    off = {"omniedit": {"pairs_per_shard": 0}} if family != "omniedit" else {}
    return CONFIG | {"tasks": off | {task.name: chosen for task in FAMILIES[family]}}


TINY_PILOT: dict[str, Any] = {
    **{section: CONFIG[section] for section in ("run", "sources", "scoring", "filter", "buckets", "bench")},
    "tasks": rehearsal_config("omniedit")["tasks"],
    "sources": CONFIG["sources"] | {"path": None},
    "proposals": {"source": "replies"},
    "learned": CONFIG["learned"],
    "train": {"resolution": 64, "steps": 4, "batch_size": 4, "checkpoint_every": 2, "held_out_every": 2},
}
"""Values that replace those of config/pilot.yaml: sizes, photos, proposals, and the judge, because a teacher needs an
endpoint. The base stays a fetched SD3, here with random weights."""
BASE = "base"
THINGS = {
    "dandelion": "dandelion",
    "fig_in_bowl": "fig",
    "forest_stream": "stream",
    "mountain_meadow": "fir tree",
    "paint_brushes": "pink brush",
    "rocky_path": "path",
    "sunrise_hill": "stone table",
    "two_dogs": "upper dog",
    "wine_and_drum": "drum",
}
"""Object in each of the sample's photos, by source id."""
JUDGE = "judge"
"""Role that `scoring.judge: internvl` loads."""
SEED = 38
"""Seed of the weights. The tiny detector finds most of these objects with it, but not some once they are painted
over."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder to make, on storage that the jobs share")
    parser.add_argument(
        "--pilot", action="store_true", help="rehearse config/pilot.yaml, with its editor and benchmark"
    )
    parser.add_argument("--prepare", action="store_true", help="only make it; snakemake is for you to start")
    parser.add_argument(
        "--family", choices=list(FAMILIES), default="omniedit", help="whose tasks (default: %(default)s)"
    )
    args = parser.parse_args()
    transformers_logging.disable_progress_bar()
    prepare(args.out, pilot_config() if args.pilot else None, args.family)
    if not args.prepare:
        run(args.out, ["all"] if args.pilot else pages(args.family))


def pages(family: str) -> list[str]:
    """Return the pages of a rehearsal: a gallery of each task, the proposals and the provenance."""
    names = (*(f"gallery.{task}" for task in FAMILIES[family]), "proposals", "provenance")
    return [f"{REPORT}/{name}.html" for name in names]


def pilot_config() -> dict[str, Any]:
    """Return config/pilot.yaml at tiny size: the keys in each section of `TINY_PILOT` replace the pilot's."""
    pilot = yaml.safe_load((REPOSITORY / PILOT).read_text())
    pilot["scoring"] = {}  # the teacher and the student are removed together
    return {
        key: pilot.get(key, {}) | TINY_PILOT.get(key, {}) if isinstance(pilot.get(key, {}), dict) else TINY_PILOT[key]
        for key in {**pilot, **TINY_PILOT}
        if key not in ("seed", "models")
    }


def prepare(folder: Path, config: dict[str, Any] | None = None, family: str = "omniedit") -> Path:
    """Create the folder of a rehearsal and return it.

    Raises:
        UserError: the folder exists, or config/models.yaml names a class that has no random model.
    """
    if folder.exists():
        raise UserError(f"{folder}: already exists; continue with `snakemake` in it, or name another folder")
    with replace_file(folder) as making:
        (making / "config").mkdir(parents=True)
        add_models(making, folder.resolve(), family)
        text = yaml.safe_dump(config or rehearsal_config(family), sort_keys=False)
        (making / "config/config.yaml").write_text(text)
        (making / "replies.jsonl").write_text("".join(f"{json.dumps(reply)}\n" for reply in replies(family)))
        (making / "pages.txt").write_text("\n".join(pages(family)) + "\n")
    for name in LINKED:  # last, because `replace_file` also changes the modes of files behind links
        (folder / name).symlink_to(REPOSITORY / name)
    return folder


def add_models(making: Path, folder: Path, family: str) -> None:
    """Write a model for each role to weights/, config/models.yaml and models/.

    Args:
        folder: final path of the folder that is now at `making`.
    """
    models = tiny_models(REPOSITORY / MODELS, family)
    entries = {role: model.model_dump(by_alias=True) for role, model in models.items()}
    (making / MODELS).write_text(yaml.safe_dump(entries, sort_keys=False))
    (making / RECORDS).mkdir()
    for role, model in models.items():
        weights = Path("weights", role)
        record = build_record(role, model, folder / weights, save_random_model(model, making / weights))
        (making / RECORDS / f"{role}.json").write_text(json.dumps(record, indent=1) + "\n")


def tiny_models(path: Path, family: str = "omniedit") -> dict[str, ModelEntry]:
    """Return entries for the roles of specialists, judge and base, with the classes in a models.yaml."""
    named = read_models(path)
    roles = dict.fromkeys([*(role for task in FAMILIES[family] for role in ROLES[task]), JUDGE, BASE])
    own = {"revision": None, "licence": "none: random weights", "gated": False, "memory_gb": 0.0}
    return {role: named[role].model_copy(update=own | {"repository": f"{RUN}/tiny-{role}"}) for role in roles}


def save_random_model(model: ModelEntry, folder: Path) -> dict[str, dict[str, Any]]:
    """Save a model with random weights, or only its configs, and return its files: path -> bytes and sha256."""
    if model.class_name == "InternVLForConditionalGeneration":
        make_internvl(folder, numbers_only=True, seed=SEED)
    else:
        Maker(TINY, "cpu").save(model.class_name, folder, SEED)
    if only_configs(model.files):
        for path in folder.rglob("*.safetensors"):
            path.unlink()
    return checksums(folder, files_below(folder))


def replies(family: str) -> Iterator[dict[str, str]]:
    """Yield a proposal of each task for each photo, as `learned.replies` has them."""
    for source_id, thing in THINGS.items():
        for task, proposal in (proposals if family == "omniedit" else propose_types)(thing).items():
            yield {"source_id": source_id, "task": task.name, "reply": json.dumps(proposal)}


def proposals(thing: str) -> dict[Task, dict[str, Any]]:
    """Return proposals that a vision-language model could make for a photo of an object."""
    found, behind = {"object": thing}, {"background": "grass"}
    prompt = {"source_prompt": f"a photo of the {thing}"}
    return {
        Task.OBJECT_SWAP: {
            "instructions": [f"Replace the {thing} with a red car."],
            "new_object": "a red car",
            **found,
        },
        Task.OBJECT_REMOVAL: {"instructions": [f"Remove the {thing}."], **found, **behind},
        Task.OBJECT_ADDITION: {"instructions": [f"Add the {thing}."], **found, **behind},
        Task.ATTRIBUTE_MODIFICATION: {
            "instructions": [f"Make the {thing} blue."],
            "attribute": "colour",
            "value": "blue",
            "target_prompt": f"a photo of the blue {thing}",
            **found,
            **prompt,
        },
        Task.BACKGROUND_SWAP: {"instructions": [f"Put the {thing} in fog."], "background": "fog", **found},
        Task.ENVIRONMENT_CHANGE: {
            "instructions": ["Make it night."],
            "environment": "night",
            "target_prompt": f"a photo of the {thing} at night",
            **prompt,
        },
        Task.STYLE_TRANSFER: {"instructions": ["Make it a sketch."], "style": "sketch"},
    }


def run(folder: Path, targets: Sequence[str]) -> None:
    """Run the workflow in a prepared folder, up to the targets.

    Raises:
        UserError: the workflow failed.
    """
    variables = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, "-m", "snakemake", *targets], cwd=folder, env=variables)
    if done.returncode:
        raise UserError(f"{folder}: the run ended with {done.returncode}; continue with `snakemake` in it")
    print(f"{folder / REPORT} holds:", *(path.name for path in sorted((folder / REPORT).glob("*.html"))))


if __name__ == "__main__":
    run_program(main)
