"""Report the proposals for the photos: proposals/{shard}.parquet of all shards, and bench -> report/proposals.html."""

import argparse
from pathlib import Path

from omniedit.cli.arguments import at_least_one
from omniedit.reporting.proposals import Tally, proposals_page
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="proposals/")
    parser.add_argument("--shards", type=at_least_one, required=True, help="number of shards besides the benchmark's")
    parser.add_argument("--run", required=True, help="name of the run, for the heading")
    parser.add_argument("--out", type=Path, required=True, help="the page (.html)")
    args = parser.parse_args()

    names = [*(f"{shard:05d}" for shard in range(args.shards)), "bench"]
    page = proposals_page(args.run, Tally.of(args.folder / f"{name}.parquet" for name in names))
    with replace_file(args.out) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    run_program(main)
