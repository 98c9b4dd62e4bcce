"""Report what other thresholds would accept, and whether the judge drifted -> report/thresholds.html."""

import argparse
import json
from pathlib import Path

from omniedit.cli.arguments import at_least_zero, overall_score
from omniedit.reporting.candidates import read_columns
from omniedit.reporting.thresholds import thresholds_page
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.storage.parquet import read_rows
from omniedit.storage.shards import add_shard_options, expand_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="name of the run, for the heading")
    parser.add_argument("--candidates", required=True, help="path pattern candidates/{task}/{shard}.h5")
    parser.add_argument("--scores", required=True, help="path pattern scores/{task}/{shard}.parquet")
    parser.add_argument("--decisions", required=True, help="path pattern decisions/{task}/{shard}.parquet")
    add_shard_options(parser)
    parser.add_argument(
        "--teacher", help="path pattern teacher/{task}/{shard}.parquet, if the teacher is not the judge"
    )
    parser.add_argument(
        "--taught", type=at_least_zero, default=0, help="number of shards that the teacher scored, from the first"
    )
    parser.add_argument("--canary", type=Path, help="canary.json of the run")
    parser.add_argument("--min-score", type=overall_score, required=True, help="the filter's threshold")
    parser.add_argument("--out", type=Path, required=True, help="the page (.html)")
    args = parser.parse_args()

    patterns = args.candidates, args.scores, args.decisions
    teacher = {
        (row["pair_id"], str(task)): row["o_score"]
        for task in (args.tasks if args.teacher else [])
        for path in expand_files(args.teacher, [task], args.taught)
        for row in read_rows(path, ["pair_id", "defect", "o_score"])
        if row["defect"] == "" and row["o_score"] is not None
    }
    files, scores, decisions = (expand_files(pattern, args.tasks, args.shards) for pattern in patterns)
    candidates, _ = read_columns(files, scores, decisions, teacher)
    canary = json.loads(args.canary.read_text()) if args.canary else None
    page = thresholds_page(args.run, candidates, canary, args.min_score)
    with replace_file(args.out) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    run_program(main)
