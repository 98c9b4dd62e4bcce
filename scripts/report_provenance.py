"""Report photos, licences, models, versions and config: sources/index.parquet, candidates -> report/provenance.html."""

import argparse
import json
from itertools import chain
from pathlib import Path

from omniedit.reporting.provenance import provenance_page
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text
from omniedit.storage.parquet import stream_rows
from omniedit.storage.shard_paths import add_shard_options, expand_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, help="the run's config as JSON")
    parser.add_argument(
        "--index", type=Path, nargs="+", required=True, help="sources/index.parquet and imports.parquet"
    )
    parser.add_argument("--candidates", required=True, help="path pattern candidates/{task}/{shard}.h5")
    add_shard_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="output page (.html)")
    args = parser.parse_args()

    candidates = expand_files(args.candidates, args.tasks, args.shards)
    sources = chain.from_iterable(map(stream_rows, args.index))
    page = provenance_page(args.config["run"], args.config, sources, candidates)
    write_text(args.out, page)


if __name__ == "__main__":
    run_program(main)
