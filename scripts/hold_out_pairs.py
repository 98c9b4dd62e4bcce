"""Hold out pairs of imported data sets for the benchmark: candidates -> bench/set/{task}.h5, sources/bench.parquet."""

import argparse
from pathlib import Path

from omniedit.cli.arguments import at_least_one, run_seed
from omniedit.exchange.holdout import hold_out
from omniedit.run.program import run_program


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "candidates", type=Path, nargs="+", help="first shard of each data set, candidates/{task}/00000.h5"
    )
    parser.add_argument("--sources", type=at_least_one, required=True, help="number of source images to hold out")
    parser.add_argument("--pairs", type=at_least_one, required=True, help="maximum number of pairs of a task")
    parser.add_argument("--seed", type=run_seed, required=True)
    parser.add_argument("--out", type=Path, nargs="+", required=True, help="output file for each file of candidates")
    parser.add_argument("--bench", type=Path, required=True, help="output file of the held-out sources (.parquet)")
    args = parser.parse_args()
    if len(args.out) != len(args.candidates):
        parser.error(f"--out: {len(args.out)} files for {len(args.candidates)} of candidates; give one for each")

    hold_out(args.candidates, args.sources, args.pairs, args.seed, args.out, args.bench)


if __name__ == "__main__":
    run_program(main)
