"""Find the objects in a shard of photos, once for all tasks: `objects/{shard}.parquet`."""

import argparse
from pathlib import Path

from omniedit.grounding.objects import write_objects
from omniedit.run.program import run_program
from omniedit.sources.photo_shard import PhotoShard
from omniedit.storage.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="shard of photos, sources/{shard}.tar")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    with PhotoShard(args.photos) as photos, Progress("photos", total=len(photos)) as progress:
        write_objects(args.out, progress.over(photos))


if __name__ == "__main__":
    run_program(main)
