"""Measure a shard of pairs for the quality gates: candidates -> `faults/signatures/{task}/{shard}.parquet`."""

import argparse
from pathlib import Path

from omniedit.pairs import Shard
from omniedit.quality.signature import SIGNATURES_SCHEMA, sign_pairs
from omniedit.run.program import run_program
from omniedit.storage.parquet import write_rows
from omniedit.storage.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("candidates", type=Path, help="shard of pairs, candidates/{task}/{shard}.h5")
    parser.add_argument("--out", type=Path, required=True, help="output file (.parquet)")
    args = parser.parse_args()

    with Shard(args.candidates) as shard, Progress("pairs", total=len(shard)) as progress:
        write_rows(args.out, progress.over(sign_pairs(shard)), SIGNATURES_SCHEMA)


if __name__ == "__main__":
    run_program(main)
