"""Find or render the subjects of one shard: `subjects/{shard}.parquet`, with rejected clusters and the reason."""

import argparse
from pathlib import Path

from omniedit.cli.arguments import at_least_one, at_least_zero
from omniedit.config.arguments import add_section
from omniedit.config.schema import Config
from omniedit.run.program import run_program
from omniedit.subjects.shard_subjects import find_shard_subjects
from omniedit.subjects.subject import write_subjects


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_section(parser, "--config", Config, required=True)
    parser.add_argument("--shard", type=at_least_zero, required=True, help="number of the shard, from 0")
    parser.add_argument("--shards", type=at_least_one, required=True, help="number of all shards")
    parser.add_argument("--spent", type=Path, help="folder where the run's jobs record their spending")
    parser.add_argument("--out", type=Path, required=True, help="output file of subjects (.parquet)")
    args = parser.parse_args()
    if args.shard >= args.shards:
        parser.error(f"--shard {args.shard} is not below --shards {args.shards}")

    clusters = find_shard_subjects(args.config, args.shard, args.shards, args.spent)
    subjects, rejected = write_subjects(args.out, clusters)
    print(f"{subjects} subjects, {rejected} rejected")


if __name__ == "__main__":
    run_program(main)
