"""Jobs of a run by their state: `omniedit status`."""

import argparse

from omniedit.cli.arguments import run_name
from omniedit.run.status import report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", nargs="?", default="mini", type=run_name, help="name of the run, `run` in the config (default: mini)"
    )


def run(args: argparse.Namespace) -> None:
    print("\n".join(report(args.run)))
