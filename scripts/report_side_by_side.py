"""Report the benchmark's edits side by side: bench/{model}/* -> report/side_by_side.html."""

from pathlib import Path

from omniedit.cli.arguments import page_parser
from omniedit.evaluation.table3 import read_scores
from omniedit.reporting.bench_items import group_edits, side_by_side_page
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text


def main() -> None:
    parser = page_parser(__doc__)
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="bench/{model}/{task}.parquet")
    parser.add_argument("--edits", type=Path, nargs="+", required=True, help="bench/{model}/{task}.h5")
    args = parser.parse_args()

    write_text(args.out, side_by_side_page(args.run, read_scores(args.scores), group_edits(args.edits)))


if __name__ == "__main__":
    run_program(main)
