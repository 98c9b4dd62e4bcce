"""Run a step of `omniedit bench` as a job: edits, scores or metrics of an editor, or the tables of a set."""

import argparse

from omniedit.cli.bench import add_arguments, run
from omniedit.run.program import run_program


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    run(parser.parse_args())


if __name__ == "__main__":
    run_program(main)
