"""The student's agreement with its teacher: scorer/ -> report/agreement.html."""

import argparse
import json
from pathlib import Path

from omniedit.errors import run_program
from omniedit.files import replaced
from omniedit.reporting.agreement import agreement_page
from omniedit.tables import read_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scorer", type=Path, help="folder of the student, with agreement.json and agreement.parquet")
    parser.add_argument("--run", required=True, help="name of the run, for the heading")
    parser.add_argument("--judge", required=True, help="the judge whose scores the filter uses")
    parser.add_argument("--min-score", type=float, required=True, help="the filter's threshold")
    parser.add_argument("--out", type=Path, required=True, help="the page (.html)")
    args = parser.parse_args()

    figures = json.loads((args.scorer / "agreement.json").read_text())
    rows = read_rows(args.scorer / "agreement.parquet")
    page = agreement_page(args.run, figures, rows, args.judge, args.min_score)
    with replaced(args.out) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    run_program(main)
