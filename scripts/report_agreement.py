"""Report the student's agreement with its teacher at the threshold: scorer/ -> report/agreement.html and .json."""

import argparse
import json
from pathlib import Path

from omniedit.cli.arguments import overall_score
from omniedit.reporting.agreement import agreement_page
from omniedit.run.program import run_program
from omniedit.scoring.student.agreement import BEFORE, at_min_score
from omniedit.storage.atomic import replace_file
from omniedit.storage.parquet import read_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scorer", type=Path, help="folder of the student, with agreement.json and agreement.parquet")
    parser.add_argument("--run", required=True, help="name of the run, for the heading")
    parser.add_argument("--judge", required=True, help="the judge whose scores the filter uses")
    parser.add_argument("--min-score", type=overall_score, required=True, help="the filter's threshold")
    parser.add_argument("--out", type=Path, required=True, help="the page (.html)")
    parser.add_argument("--figures", type=Path, help="figures of the page (.json)")
    args = parser.parse_args()

    agreement = json.loads((args.scorer / "agreement.json").read_text())
    rows, before = read_rows(args.scorer / "agreement.parquet"), args.scorer / f"{BEFORE}.parquet"
    figures = at_min_score(agreement, rows, read_rows(before) if before.is_file() else None, args.min_score)
    if args.figures:
        with replace_file(args.figures) as temporary:
            temporary.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    page = agreement_page(args.run, figures, rows, args.judge, args.min_score)
    with replace_file(args.out) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    run_program(main)
