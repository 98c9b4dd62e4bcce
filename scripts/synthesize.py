"""Edit pairs of one task from one shard of photos: `candidates/{task}/{shard}.h5`."""

import argparse
from contextlib import ExitStack
from pathlib import Path

from omniedit.errors import run_program
from omniedit.files import replaced
from omniedit.grounding.objects import recall_objects
from omniedit.pairs import EditPair, ShardWriter
from omniedit.progress import Progress
from omniedit.sources.shard import PhotoShard, PhotoShards
from omniedit.specialists.registry import build
from omniedit.specialists.synthesize import synthesize, versions
from omniedit.tasks import Task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="shard of photos, sources/{shard}.tar")
    parser.add_argument("--donors", type=Path, nargs="*", default=[], help="more shards to borrow cut-outs from")
    parser.add_argument("--objects", type=Path, nargs="+", required=True, help="their objects, of ground.py")
    parser.add_argument("--task", type=Task, choices=list(Task), required=True)
    parser.add_argument("--specialist", required=True)
    parser.add_argument("--pairs", type=int, required=True, help="candidate pairs to make")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    for path in args.objects:
        recall_objects(path)
    with ExitStack() as stack:
        photos = stack.enter_context(PhotoShard(args.photos))
        donors = PhotoShards([photos, *(stack.enter_context(PhotoShard(path)) for path in args.donors)])
        specialist = build(args.task, args.specialist, donors)
        temporary = stack.enter_context(replaced(args.out))
        writer = stack.enter_context(ShardWriter(temporary, args.task, args.specialist, args.seed, versions()))
        progress = stack.enter_context(Progress("pairs", total=args.pairs))
        for outcome in synthesize(specialist, args.specialist, photos, args.pairs, args.seed):
            if isinstance(outcome, EditPair):
                writer.add(outcome)
                progress.advance()
            else:
                print(f"refused {outcome.source_id}: {outcome.reason}", flush=True)
                writer.refuse(outcome)


if __name__ == "__main__":
    run_program(main)
