"""Check of config files: `omniedit check`."""

import argparse

from omniedit.config.loading import load
from omniedit.exchange.formats import check_formats
from omniedit.models.registry import required_roles


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="config files, as for snakemake --configfile; the last one wins"
    )


def run(args: argparse.Namespace) -> None:
    config = load(*args.files)
    check_formats(config)
    required_roles(config)
    print(f"{' over '.join(reversed(args.files))}: valid")
