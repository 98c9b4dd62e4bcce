"""Write the gallery of one task: candidates, scores and decisions of all its shards -> report/gallery.{task}.html."""

from omniedit.cli.arguments import at_least_zero, overall_score, page_parser
from omniedit.reporting.candidates import read_candidates
from omniedit.reporting.gallery import Sample, gallery
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text
from omniedit.storage.shards import add_candidate_options, candidate_files


def main() -> None:
    parser = page_parser(__doc__)
    add_candidate_options(parser)
    parser.add_argument("--min-score", type=overall_score, required=True, help="the filter's threshold, for the text")
    parser.add_argument("--kept", type=at_least_zero, default=12, help="maximum number of accepted pairs to show")
    parser.add_argument("--rejected", type=at_least_zero, default=6, help="maximum number of rejected pairs to show")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw of accepted pairs")
    args = parser.parse_args()

    (task,) = args.tasks
    candidates, rejections = read_candidates(*candidate_files(args))
    sample = Sample(args.kept, args.rejected)
    rejected = rejections.get(task, [])
    write_text(args.out, gallery(args.run, task, candidates, rejected, args.min_score, sample, args.seed))


if __name__ == "__main__":
    run_program(main)
