"""Write the student's replies to some held-out pairs, next to the teacher's -> replies.parquet."""

import argparse
from pathlib import Path

from omniedit.cli.arguments import at_least_one
from omniedit.config.arguments import add_section
from omniedit.config.schema import ScoringConfig
from omniedit.run.program import run_program
from omniedit.scoring import load_judge
from omniedit.scoring.replies import MAX_REPLIES, write_replies
from omniedit.storage.parquet import read_rows
from omniedit.storage.shard_paths import add_shard_options, expand_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scorer", type=Path, help="folder of the student, with agreement.parquet")
    parser.add_argument("--candidates", required=True, help="path pattern candidates/{task}/{shard}.h5")
    parser.add_argument("--teacher", required=True, help="path pattern teacher/{task}/{shard}.parquet")
    add_shard_options(parser)
    add_section(parser, "--config", ScoringConfig, default=ScoringConfig())
    parser.add_argument(
        "--count", type=at_least_one, default=MAX_REPLIES, help="number of pairs (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, required=True, help="Parquet file of the replies")
    args = parser.parse_args()

    rows = read_rows(args.scorer / "agreement.parquet")
    candidates, teachers = (expand_files(p, args.tasks, args.shards) for p in (args.candidates, args.teacher))
    student = load_judge("student", args.scorer, args.config.model_copy(update={"readout": "reply"}))
    write_replies(args.out, student, rows, candidates, teachers, args.count)


if __name__ == "__main__":
    run_program(main)
