"""Report how reliable the scores are: people's ratings, thresholds, missing scores, drift -> report/thresholds.html."""

import json
from pathlib import Path

from omniedit.cli.arguments import add_task_thresholds, at_least_zero, overall_score, page_parser
from omniedit.evaluation.agreement.run_ratings import measure_run
from omniedit.reporting.candidates import read_columns
from omniedit.reporting.thresholds import thresholds_page
from omniedit.reporting.trust import Trust
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text
from omniedit.storage.parquet import read_rows
from omniedit.storage.shard_paths import add_candidate_options, candidate_files, expand_files
from omniedit.tasks import Task


def main() -> None:
    parser = page_parser(__doc__)
    add_candidate_options(parser)
    parser.add_argument(
        "--teacher", help="path pattern teacher/{task}/{shard}.parquet, if the teacher is not the judge"
    )
    parser.add_argument(
        "--teacher-shards",
        type=at_least_zero,
        default=0,
        help="number of shards that the teacher scored, from the first",
    )
    parser.add_argument("--teacher-tasks", type=Task, nargs="+", default=[], help="tasks that the teacher scored")
    parser.add_argument("--canary", type=Path, nargs="+", default=[], help="canary.json of the judge or each judge")
    parser.add_argument("--min-score", type=overall_score, required=True, help="the filter's threshold")
    add_task_thresholds(parser)
    parser.add_argument("--ratings", type=Path, help="ratings of the run's pairs by people (.csv)")
    args = parser.parse_args()

    teacher = {
        (row["pair_id"], str(task)): row["o_score"]
        for task in (args.teacher_tasks if args.teacher else [])
        for path in expand_files(args.teacher, [task], args.teacher_shards)
        for row in read_rows(path, ["pair_id", "defect", "o_score"])
        if row["defect"] == "" and row["o_score"] is not None
    }
    files = candidate_files(args)
    trust = Trust()
    candidates, _ = read_columns(files, teacher, trust.add)
    people = measure_run(files[1], args.ratings) if args.ratings else None
    canaries = [json.loads(path.read_text()) for path in args.canary]
    page = thresholds_page(args.run, candidates, canaries, args.min_score, people, trust, args.min_scores)
    write_text(args.out, page)


if __name__ == "__main__":
    run_program(main)
