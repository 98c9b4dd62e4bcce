"""Score the edit pairs of one shard: candidates/{task}/{shard}.h5 -> scores/{task}/{shard}.parquet."""

import argparse
from functools import partial
from pathlib import Path

from omniedit.config.arguments import add_section
from omniedit.config.schema import ScoringConfig
from omniedit.pairs import Shard
from omniedit.run.program import run_program
from omniedit.scoring import JUDGES, open_priced_judge
from omniedit.scoring.ensemble import read_member
from omniedit.scoring.judge_shards import judge_shard
from omniedit.scoring.score_table import SCORES_SCHEMA, score_rows
from omniedit.storage.parquet import write_tables
from omniedit.storage.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("candidates", type=Path, help="shard of edit pairs (.h5)")
    parser.add_argument("--judge", choices=JUDGES, required=True)
    parser.add_argument(
        "--scorer", type=Path, help="folder of the trained student or of a model, or its models/ROLE.json"
    )
    parser.add_argument("--member", help="name of the judge in scoring.ensemble.judges, whose options are used")
    add_section(parser, "--config", ScoringConfig)
    parser.add_argument("--spent", type=Path, help="folder where the run's jobs record their spending; for --judge api")
    parser.add_argument("--out", type=Path, required=True, help="Parquet file of the scores")
    args = parser.parse_args()
    scoring = read_member(args.config, args.member) if args.member else args.config

    with (
        Shard(args.candidates) as shard,
        open_priced_judge(args.judge, len(shard), args.scorer, scoring, args.spent) as judge,
        Progress("pairs", total=len(shard)) as progress,
    ):
        batches = judge_shard(shard, judge, progress)
        write_tables(args.out, map(partial(score_rows, judge=judge), batches), SCORES_SCHEMA)


if __name__ == "__main__":
    run_program(main)
