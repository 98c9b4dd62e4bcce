"""Report the resources that the run's jobs requested from Slurm and used: sacct -> report/efficiency.html."""

from datetime import datetime
from pathlib import Path

from omniedit.cli.arguments import page_parser
from omniedit.errors import UserError
from omniedit.run.accounting import accounting, read_attempts
from omniedit.run.efficiency import efficiency_page
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text


def main() -> None:
    parser = page_parser(__doc__)
    parser.add_argument("--logs", type=Path, required=True, help="folder of its logs; the oldest gives the start time")
    args = parser.parse_args()

    oldest = min((path.stat().st_mtime for path in args.logs.rglob("*.log")), default=datetime.now().timestamp())
    try:
        attempts, trouble = read_attempts(accounting(datetime.fromtimestamp(oldest)), args.run, Path()), ""
    except UserError as error:
        attempts, trouble = [], f"{error}."
    write_text(args.out, efficiency_page(args.run, attempts, trouble))


if __name__ == "__main__":
    run_program(main)
