"""A shard of edit pairs of the world of `benchmarks/ablation`, as a specialist writes it, for the teacher to score.

    python -m benchmarks.student.candidates --assets results/ablation/assets.npz --task object_swap --shard 3 \\
        --pairs 250 --out results/student/candidates/object_swap/00003.h5
"""

import argparse
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.world import World, WorldPair
from omniedit.pairs import EditPair, make_pair_id, write_shard
from omniedit.run.program import run_program
from omniedit.storage.progress import Progress
from omniedit.tasks import Task

SIZE = 192
"""Of the pictures, in pixels: three times the side at which the student sees them, for its view of detail."""
KINDS = ("training", "held_out", "strange")
"""Before photographs that training shows; before others; before others, and of things that it never shows or names."""
MISTAKEN = 0.3
"""Share of the pairs of which something else was done than what was asked, where the task can have it."""
ENVIRONMENTS = {"sunset": "golden_hour"}
"""What the world's environments are called by the specialists, where it is not the same."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--task", type=Task, choices=list(Task), required=True)
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
    """Of a shard's world, each another one: a scene of one never comes again in another."""
    return zlib.crc32(f"{kind}/{task}/{shard}".encode())


def build_world(kind: str, assets: Assets, size: int, seed: int) -> World:
    """The world of a kind of `KINDS`."""
    return World(
        assets,
        size,
        seed=seed,
        held_out=kind != "training",
        known_things=kind == "held_out",
        named_grounds=False,
    )


def make_pairs(world: World, task: Task, count: int) -> Iterator[EditPair]:
    """The same for the same world and task; the pairs that are mistaken say so in their truth."""
    for index in range(count):
        rng = np.random.default_rng([world.seed, index, 1])
        mistaken = world.mistaken(task, index) if rng.random() < MISTAKEN else None
        pair = mistaken or world.make_pair(task, index)
        yield edit_pair(pair, f"world-{world.seed}-{index}", world.seed, {"mistaken": True} if mistaken else {})


def edit_pair(pair: WorldPair, source_id: str, seed: int, known: Mapping[str, object]) -> EditPair:
    """With its truth in the specialists' words, and what else is known of it."""
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
