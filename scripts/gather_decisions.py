"""Gather the decisions on some shards of all tasks in one table, so that later stages read few files."""

import argparse
from pathlib import Path

from omniedit.run.program import run_program
from omniedit.scoring.filter import gather_decisions
from omniedit.storage.parquet import write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("decisions", type=Path, nargs="+", help="decisions/{task}/{shard}.parquet")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    write_table(args.out, gather_decisions(args.decisions))


if __name__ == "__main__":
    run_program(main)
