"""Report scores and filter: candidates, scores and decisions of all tasks and shards -> report/filter.html."""

from omniedit.cli.arguments import add_task_thresholds, overall_score, page_parser
from omniedit.reporting.candidates import read_columns
from omniedit.reporting.filtering import filter_page
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text
from omniedit.storage.shard_paths import add_candidate_options, candidate_files


def main() -> None:
    parser = page_parser(__doc__)
    add_candidate_options(parser)
    parser.add_argument("--min-score", type=overall_score, required=True, help="the filter's threshold")
    add_task_thresholds(parser)
    args = parser.parse_args()

    candidates, rejections = read_columns(candidate_files(args))
    write_text(args.out, filter_page(args.run, candidates, rejections, args.min_score, args.min_scores))


if __name__ == "__main__":
    run_program(main)
