"""Index the source photos: accepted ones with ratio and shard, rejected ones with a reason: `sources/index.parquet`."""

import argparse
from pathlib import Path

from omniedit.cli.arguments import at_least_one, at_least_zero, run_seed
from omniedit.errors import UserError
from omniedit.plain_text import clean_line
from omniedit.run.program import run_program
from omniedit.sources.file_identity import read_content, record_file
from omniedit.sources.listing import list_files
from omniedit.sources.photo_index import (
    BENCH,
    BENCH_SCHEMA,
    INDEX_SCHEMA,
    SAMPLE,
    PhotoRequirements,
    check_some_kept,
    index_rows,
    photo_files,
)
from omniedit.sources.shard_assignment import deal
from omniedit.storage.parquet import write_rows
from omniedit.storage.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=["sample", "folder"], required=True)
    parser.add_argument("--path", default="", help="folder of the photos, for --kind folder; '' for the sample")
    parser.add_argument("--min-pixels", type=at_least_one, required=True)
    parser.add_argument("--max-pixels", type=at_least_one, required=True)
    parser.add_argument("--ratio-tolerance", type=float, required=True)
    parser.add_argument("--crop", choices=["centre", "saliency"], required=True)
    parser.add_argument("--shards", type=at_least_one, required=True)
    parser.add_argument("--bench-photos", type=at_least_zero, required=True, help="photos held out for the benchmark")
    parser.add_argument("--seed", type=run_seed, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--bench", type=Path, required=True, help="the benchmark's photos: sources/bench.parquet")
    args = parser.parse_args()
    if (args.kind == "folder") != bool(args.path):
        raise UserError("--path is required for --kind folder and not allowed for other kinds")

    root = Path(args.path or SAMPLE)
    listing = list_files(root)
    content = read_content({file: root / file for file in listing.files}, listing.unread, record_file(args.out))
    demands = PhotoRequirements(args.min_pixels, args.max_pixels, args.ratio_tolerance, args.crop)
    rows = []
    with Progress("files", total=len(photo_files(listing.files)) + len(listing.unread)) as progress:
        for row in index_rows(root, listing, demands):
            if row["status"] != "kept":
                print(f"{row['status']} {clean_line(row['file'])}: {row['reason']}", flush=True)
            rows.append(row)
            progress.advance(row["status"] != "warned")
    check_some_kept(root, rows)
    dealt = deal(rows, args.shards, args.bench_photos, args.seed)
    write_rows(args.bench, [row for row in dealt if row.get("shard") == BENCH], BENCH_SCHEMA)
    write_rows(args.out, dealt, INDEX_SCHEMA)
    content.write(record_file(args.out))


if __name__ == "__main__":
    run_program(main)
