"""Plot the training curves: train/*.metrics.jsonl -> report/training.html."""

from pathlib import Path

from omniedit.cli.arguments import page_parser
from omniedit.evaluation.table3 import LABELS
from omniedit.reporting.training import INPAINTING, read_curve, training_page
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text


def main() -> None:
    parser = page_parser(__doc__)
    parser.add_argument(
        "--base", type=Path, nargs="*", default=[], help="train/base.metrics.jsonl, if the run trained a base"
    )
    parser.add_argument(
        "--inpainting",
        type=Path,
        nargs="*",
        default=[],
        help="train/inpainting.metrics.jsonl, if the run trained a specialist",
    )
    parser.add_argument("--editors", type=Path, nargs="+", required=True, help="train/{model}.metrics.jsonl")
    args = parser.parse_args()

    editors = [read_curve(LABELS[path.name.partition(".")[0]], path) for path in args.editors]
    own = [("Base", path) for path in args.base] + [(INPAINTING, path) for path in args.inpainting]
    curves = [*(read_curve(name, path) for name, path in own), *editors]
    write_text(args.out, training_page(args.run, curves))


if __name__ == "__main__":
    run_program(main)
