"""Make a shard of edit pairs from the world of `benchmarks/ablation`, as a specialist writes it, for the teacher.

    python -m benchmarks.student.candidates --assets results/ablation/assets.npz --task object_swap --shard 3 \\
        --pairs 250 --out results/student/candidates/object_swap/00003.h5
"""

import argparse
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.world import SceneOptions, World, WorldPair
from omniedit.pairs import EditPair, make_pair_id, write_shard
from omniedit.run.program import run_program
from omniedit.storage.progress import Progress
from omniedit.tasks import OMNIEDIT_TASKS, Task

SIZE = 192
"""Side of the images in pixels. It is three times the side at which the student sees them, for its detail views."""
KINDS = ("training", "held_out", "strange")
"""Kinds of shards: with the photographs of training, with held-out photographs, and with held-out photographs and
objects. Training neither shows nor names held-out objects."""
MISTAKEN = 0.3
"""Share of the pairs whose edit is not the requested one, if the task allows that."""
ENVIRONMENTS = {"sunset": "golden_hour"}
"""Specialists' names of the world's environments, where they differ."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--task", type=Task, choices=list(OMNIEDIT_TASKS), required=True)
    parser.add_argument("--shard", type=int, required=True)
    parser.add_argument("--pairs", type=int, required=True)
    parser.add_argument("--kind", choices=KINDS, default="training", help="what sources may show")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    assets = Assets.load(args.assets)
    world = build_world(args.kind, assets, SIZE, shard_seed(args.kind, args.task, args.shard))
    with Progress("pairs", total=args.pairs) as progress:
        pairs = list(progress.over(make_pairs(world, args.task, args.pairs)))
    write_shard(args.out, args.task, "world", args.shard, pairs)


def shard_seed(kind: str, task: Task, shard: int) -> int:
    """Return the seed of a shard's world. Seeds differ between shards, so no scene appears in two shards."""
    return zlib.crc32(f"{kind}/{task}/{shard}".encode())


def build_world(kind: str, assets: Assets, size: int, seed: int) -> World:
    """Return the world of one of `KINDS`."""
    scenes = SceneOptions(held_out=kind != "training", known_things=kind == "held_out", named_grounds=False)
    return World(assets, size, seed, scenes)


def make_pairs(world: World, task: Task, count: int) -> Iterator[EditPair]:
    """Yield pairs that depend only on world and task. Mistaken pairs are marked in their truth."""
    for index in range(count):
        rng = np.random.default_rng([world.seed, index, 1])
        mistaken = world.mistaken(task, index) if rng.random() < MISTAKEN else None
        pair = mistaken or world.make_pair(task, index)
        yield edit_pair(pair, f"world-{world.seed}-{index}", world.seed, {"mistaken": True} if mistaken else {})


def edit_pair(pair: WorldPair, source_id: str, seed: int, known: Mapping[str, object]) -> EditPair:
    """Convert a pair of the world to an `EditPair`. Its truth uses the specialists' terms and includes `known`."""
    truth = {**pair.edit.truth, **known}
    if "environment" in truth:
        truth["environment"] = ENVIRONMENTS.get(str(truth["environment"]), truth["environment"])
    return EditPair(
        pair_id=make_pair_id(pair.task, source_id, seed, attempt=0),
        task=pair.task,
        instructions=(pair.edit.instruction,),
        source=pair.source,
        edited=pair.edit.target,
        mask=pair.edit.mask if pair.task.is_local else None,
        provenance={
            "source_id": source_id,
            "ratio": "1x1",
            "specialist": "world",
            "seed": seed,
            "truth": truth,
            "known_truth": True,
        },
    )


if __name__ == "__main__":
    run_program(main)
