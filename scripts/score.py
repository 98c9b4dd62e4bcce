"""Score the edit pairs of one shard: candidates/{task}/{shard}.h5 -> scores/{task}/{shard}.parquet."""

import argparse
from pathlib import Path

from omniedit.config import Config
from omniedit.errors import run_program
from omniedit.pairs import Shard
from omniedit.progress import Progress
from omniedit.scoring import JUDGES, judging
from omniedit.scoring.score import SCORES_SCHEMA, score_row, write_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("candidates", type=Path, help="shard of edit pairs (.h5)")
    parser.add_argument("--judge", choices=JUDGES, required=True)
    parser.add_argument("--scorer", type=Path, help="folder of the trained student; for --judge student")
    parser.add_argument("--config", type=Path, help="the run's config.json, of which scoring.api; for --judge api")
    parser.add_argument("--spent", type=Path, help="folder where jobs of a run note what they spent; for --judge api")
    parser.add_argument("--out", type=Path, required=True, help="Parquet file of the scores")
    args = parser.parse_args()

    api = Config.model_validate_json(args.config.read_text()).scoring.api if args.config else None
    rows = []
    with (
        Shard(args.candidates) as shard,
        judging(args.judge, len(shard), args.scorer, api, args.spent) as judge,
        Progress("pairs", total=len(shard)) as progress,
    ):
        for first in range(0, len(shard), judge.batch_size):
            with progress.waiting():
                pairs = [shard[row] for row in range(first, min(first + judge.batch_size, len(shard)))]
            verdicts = judge.judge(pairs)
            rows += [score_row(pair.pair_id, verdict, judge) for pair, verdict in zip(pairs, verdicts, strict=True)]
            progress.advance(len(pairs))
    write_rows(args.out, rows, SCORES_SCHEMA)


if __name__ == "__main__":
    run_program(main)
