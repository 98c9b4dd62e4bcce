"""Index the source images of imported pairs, with their licences: candidates -> `sources/imports.parquet`."""

import argparse
from pathlib import Path

from omniedit.exchange.index import write_import_index
from omniedit.run.program import run_program
from omniedit.storage.shard_paths import add_shard_options, expand_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("candidates", help="path pattern candidates/{task}/{shard}.h5")
    add_shard_options(parser)
    parser.add_argument("--bench", type=Path, help="sources/bench.parquet, if the benchmark holds out imported pairs")
    parser.add_argument("--out", type=Path, required=True, help="output file (.parquet)")
    args = parser.parse_args()

    write_import_index(args.out, expand_files(args.candidates, args.tasks, args.shards), args.bench)


if __name__ == "__main__":
    run_program(main)
