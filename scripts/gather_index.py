"""Merge the indexes of all archives: `sources/index/{shard}.parquet` -> `sources/index.parquet`."""

import argparse
from pathlib import Path

from omniedit.cli.arguments import at_least_one
from omniedit.run.program import run_program
from omniedit.sources.photo_index import INDEX_SCHEMA
from omniedit.storage.parquet import read_table, write_tables
from omniedit.storage.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", type=Path, help="folder with {shard}.parquet")
    parser.add_argument("--shards", type=at_least_one, required=True, help="number of shards: 00000, 00001, ...")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    parts = (args.parts / f"{shard:05d}.parquet" for shard in range(args.shards))
    with Progress("shards", total=args.shards) as progress:
        tables = (read_table(part, INDEX_SCHEMA.names) for part in progress.over(parts))
        write_tables(args.out, tables, INDEX_SCHEMA)


if __name__ == "__main__":
    run_program(main)
