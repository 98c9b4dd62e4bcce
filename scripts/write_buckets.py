"""Write the Zarr shards of one part of the bucket plan: `buckets/parts/{part}/`."""

import argparse
from pathlib import Path

import pyarrow.compute as pc

from omniedit.buckets.placement import read_plan
from omniedit.buckets.write import write_part
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.storage.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path, help="buckets/plan.parquet")
    parser.add_argument("--part", required=True, help="number of the part, five digits")
    parser.add_argument("--candidates-root", type=Path, required=True, help="folder of {task}/{shard}.h5")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    plan = read_plan(args.plan)
    pairs = pc.sum(pc.equal(plan.table["part"], args.part)).as_py()
    with replace_file(args.out) as temporary, Progress("pairs", total=pairs) as progress:
        for _ in write_part(plan, args.part, args.candidates_root, temporary, earlier=args.out):
            progress.advance()


if __name__ == "__main__":
    run_program(main)
