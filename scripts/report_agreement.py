"""Report the student's agreement with its teacher at the threshold: scorer/ -> report/agreement.html and .json."""

import json
from pathlib import Path

from omniedit.cli.arguments import overall_score, page_parser
from omniedit.reporting.student_agreement import agreement_page
from omniedit.run.program import run_program
from omniedit.scoring.student.agreement import BEFORE_TRAINING, at_min_score
from omniedit.storage.atomic import write_text
from omniedit.storage.parquet import read_rows


def main() -> None:
    parser = page_parser(__doc__)
    parser.add_argument("scorer", type=Path, help="folder of the student, with agreement.json and agreement.parquet")
    parser.add_argument("--judge", required=True, help="the judge whose scores the filter uses")
    parser.add_argument("--min-score", type=overall_score, required=True, help="the filter's threshold")
    parser.add_argument("--replies", type=Path, help="replies of teacher and student to some pairs (.parquet)")
    parser.add_argument("--figures", type=Path, help="figures of the page (.json)")
    args = parser.parse_args()

    agreement = json.loads((args.scorer / "agreement.json").read_text())
    rows, before = read_rows(args.scorer / "agreement.parquet"), args.scorer / f"{BEFORE_TRAINING}.parquet"
    figures = at_min_score(agreement, rows, read_rows(before) if before.is_file() else None, args.min_score)
    if args.figures:
        write_text(args.figures, json.dumps(figures, indent=2) + "\n")
    replies = read_rows(args.replies) if args.replies else []
    page = agreement_page(args.run, figures, rows, args.judge, args.min_score, replies)
    write_text(args.out, page)


if __name__ == "__main__":
    run_program(main)
