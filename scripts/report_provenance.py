"""Photos, licences, models, versions, config: sources/index.parquet, candidates -> report/provenance.html."""

import argparse
import json
from pathlib import Path

from omniedit.errors import run_program
from omniedit.files import replaced
from omniedit.reporting.provenance import provenance_page
from omniedit.tables import read_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, help="the config as run, as JSON")
    parser.add_argument("--index", type=Path, required=True, help="sources/index.parquet")
    parser.add_argument("--candidates", type=Path, nargs="*", default=[], help="candidates/{task}/{shard}.h5")
    parser.add_argument("--out", type=Path, required=True, help="the page (.html)")
    args = parser.parse_args()

    page = provenance_page(args.config["run"], args.config, read_rows(args.index), args.candidates)
    with replaced(args.out) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    run_program(main)
