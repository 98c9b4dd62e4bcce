"""Combine the scores of an ensemble's judges: judges/{judge}/... -> scores/{task}/{shard}.parquet."""

import argparse
from pathlib import Path

from omniedit.config.arguments import add_section
from omniedit.config.ensemble import EnsembleConfig
from omniedit.run.program import run_program
from omniedit.scoring.ensemble import ensemble_rows
from omniedit.scoring.score_table import SCORES_SCHEMA
from omniedit.storage.parquet import read_rows, write_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", type=Path, nargs="+", help="scores of a shard's pairs, one file for each judge")
    parser.add_argument("--judges", nargs="+", required=True, help="names of the judges, in the same order")
    add_section(parser, "--combination", EnsembleConfig, default=EnsembleConfig())
    parser.add_argument("--out", type=Path, required=True, help="Parquet file of the combined scores")
    args = parser.parse_args()
    if len(args.scores) != len(args.judges):
        parser.error(f"{len(args.scores)} files of scores and {len(args.judges)} --judges; give one name for each file")
    tables = {name: read_rows(path) for name, path in zip(args.judges, args.scores, strict=True)}
    rows = ensemble_rows(tables, args.combination)
    write_rows(args.out, rows, SCORES_SCHEMA)
    unscorable = sum(row["status"] != "scored" for row in rows)
    print(f"{len(rows)} pairs by {len(tables)} judges, {unscorable} unscorable")


if __name__ == "__main__":
    run_program(main)
