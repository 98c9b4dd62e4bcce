"""Arguments that the steps of the experiments share."""

import argparse
from collections.abc import Iterable
from pathlib import Path


def step_parser(description: str | None, settings: Iterable[str], *paths: str) -> argparse.ArgumentParser:
    """Return the parser of a step, with `--setting` and required paths.

    Args:
        settings: names of the experiment's settings.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", choices=settings, required=True)
    for path in paths:
        parser.add_argument(path, type=Path, required=True)
    return parser
