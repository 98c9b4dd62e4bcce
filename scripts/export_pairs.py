"""Export the chosen pairs of a run: candidates, scores, decisions -> a folder in the format of other trainers."""

import argparse
from pathlib import Path

from omniedit.cli.export_pairs import add_choice, read_options
from omniedit.exchange.exporting import export_run
from omniedit.run.program import run_program


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of the run: results/{run}")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; it must be empty or missing")
    add_choice(parser)
    args = parser.parse_args()
    print(f"{args.out}: {export_run(args.run, read_options(args), args.out)} rows")


if __name__ == "__main__":
    run_program(main)
