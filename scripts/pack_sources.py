"""Pack the photos of one shard into a tar in WebDataset's layout: `sources/{shard}.tar`."""

import argparse
from pathlib import Path

from omniedit.errors import UserError
from omniedit.run.program import run_program
from omniedit.sources.photo_index import SAMPLE
from omniedit.sources.photo_shard import pack
from omniedit.storage.atomic import replace_file
from omniedit.storage.parquet import read_rows
from omniedit.storage.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path, help="sources/index.parquet")
    parser.add_argument("--shard", required=True, help="number of the shard, five digits, or bench")
    parser.add_argument("--path", default="", help="folder that was indexed; '' for the sample")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    rows = [row for row in read_rows(args.index) if row["shard"] == args.shard]
    if not rows:
        raise UserError(f"{args.index}: has no shard '{args.shard}'")
    with replace_file(args.out) as temporary, Progress("photos", total=len(rows)) as progress:
        for _ in pack(Path(args.path or SAMPLE), rows, temporary):
            progress.advance()


if __name__ == "__main__":
    run_program(main)
