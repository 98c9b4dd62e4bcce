"""Score a shard's pairs with the teacher, unchanged and with known defects. The student is trained on the result.

Every pair, or `--pairs` of them, is scored unchanged and with `--defects-per-pair` known defects drawn for it. Scores
of unchanged pairs are taken from `--scores` if the teacher is the run's judge. The cost estimate for an endpoint is
printed first.
"""

import argparse
from pathlib import Path

from omniedit.cli.arguments import at_least_zero, run_seed
from omniedit.config.arguments import add_section
from omniedit.config.schema import ScoringConfig
from omniedit.pairs import Shard
from omniedit.run.program import run_program
from omniedit.scoring import open_priced_judge
from omniedit.scoring.student.teacher import TEACHER_SCHEMA, lessons, read_known_scores, summary, teach_shard
from omniedit.scoring.verdict import check_scored
from omniedit.storage.parquet import write_rows
from omniedit.storage.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("candidates", type=Path, help="shard of edit pairs (.h5)")
    parser.add_argument("--scores", type=Path, help="the shard's scores, if the teacher gave them")
    parser.add_argument("--judge", choices=("reference", "api"), default="reference", help="the teacher")
    add_section(parser, "--config", ScoringConfig)
    parser.add_argument("--spent", type=Path, help="folder where the run's jobs record their spending; for --judge api")
    parser.add_argument("--pairs", type=at_least_zero, help="maximum number of the shard's pairs; all if omitted")
    parser.add_argument("--defects-per-pair", type=at_least_zero, default=2)
    parser.add_argument("--seed", type=run_seed, required=True)
    parser.add_argument("--out", type=Path, required=True, help="Parquet file of the teacher's scores")
    args = parser.parse_args()

    with Shard(args.candidates) as shard:
        chosen = lessons(shard.pair_ids, args.defects_per_pair, args.seed, args.pairs)
        with (
            open_priced_judge(args.judge, len(chosen), scoring=args.config, spent=args.spent) as teacher,
            Progress("pairs") as progress,
        ):
            known = read_known_scores(args.scores, teacher) if args.scores else {}
            rows = []
            for row in teach_shard(shard, chosen, teacher, known):
                rows.append(row)
                progress.advance()
        reasons = [str(row["reasoning"]) for row in rows if row["status"] != "scored"]
        check_scored(teacher, len(rows) - len(reasons), len(reasons), reasons[0] if reasons else "")
    write_rows(args.out, rows, TEACHER_SCHEMA)
    print(summary(rows, len(chosen)))


if __name__ == "__main__":
    run_program(main)
