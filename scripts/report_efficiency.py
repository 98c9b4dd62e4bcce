"""Report the resources that the run's jobs requested from Slurm and used: sacct -> report/efficiency.html."""

import argparse
from datetime import datetime
from pathlib import Path

from omniedit.errors import UserError
from omniedit.run.accounting import accounting, read_attempts
from omniedit.run.efficiency import efficiency_page
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="name of the run")
    parser.add_argument("--logs", type=Path, required=True, help="folder of its logs; the oldest gives the start time")
    parser.add_argument("--out", type=Path, required=True, help="the page (.html)")
    args = parser.parse_args()

    oldest = min((path.stat().st_mtime for path in args.logs.rglob("*.log")), default=datetime.now().timestamp())
    try:
        attempts, trouble = read_attempts(accounting(datetime.fromtimestamp(oldest)), args.run, Path()), ""
    except UserError as error:
        attempts, trouble = [], f"{error}."
    with replace_file(args.out) as temporary:
        temporary.write_text(efficiency_page(args.run, attempts, trouble), encoding="utf-8")


if __name__ == "__main__":
    run_program(main)
