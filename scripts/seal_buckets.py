"""Join the parts of the seven buckets and verify them: `buckets/{ratio}.zarr` and `buckets/manifest.json`."""

import argparse
from pathlib import Path

from omniedit.aspect import RATIOS
from omniedit.buckets.placement import read_plan
from omniedit.buckets.seal import list_files, read_parts, seal_bucket, write_sealed
from omniedit.cli.arguments import at_least_one
from omniedit.run.program import run_program
from omniedit.storage.progress import Progress
from omniedit.storage.shard_paths import expand_numbers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path, help="buckets/plan.parquet")
    parser.add_argument("--parts", required=True, help="path pattern of the parts' folders, buckets/parts/{part}")
    parser.add_argument(
        "--count", type=at_least_one, required=True, help="number of parts; {part} becomes 00000, 00001, ..."
    )
    parser.add_argument("--out-dir", type=Path, required=True, help="output folder of the buckets")
    parser.add_argument(
        "--manifest", type=Path, required=True, help="output file of counts and checksums, written last"
    )
    args = parser.parse_args()

    plan = read_plan(args.plan)
    parts = expand_numbers(args.parts, "part", args.count)
    with Progress("files", total=len(list_files(plan, parts))) as progress:
        files = read_parts(plan, parts, progress.advance)
    buckets = {}
    with Progress("buckets", total=len(RATIOS)) as progress:
        for ratio in RATIOS:
            buckets[ratio] = seal_bucket(plan, parts, files, ratio, args.out_dir)
            progress.advance()
    write_sealed(args.manifest, plan, buckets, files)
    print(", ".join(f"{ratio}: {bucket['pairs']}" for ratio, bucket in buckets.items()))


if __name__ == "__main__":
    run_program(main)
