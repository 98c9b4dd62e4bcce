"""What this machine can run: `omniedit doctor`."""

import argparse

from omniedit.run.doctor import report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments, because the command has none."""


def run(args: argparse.Namespace) -> None:
    print("\n".join(report()))
