"""Turn one archive of photos into one shard in a single pass: `sources/{shard}.tar`, `sources/index/{shard}.parquet`.

With --bench-photos, for the first archive, the benchmark's photos go to --bench-tar instead.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from omniedit.cli.arguments import at_least_one, at_least_zero, run_seed
from omniedit.errors import UserError
from omniedit.plain_text import clean_line
from omniedit.redaction import restore
from omniedit.run.program import run_program
from omniedit.sources.archive_items import open_archive
from omniedit.sources.archive_stream import READERS, stream
from omniedit.sources.file_identity import read_content, record_file
from omniedit.sources.photo_index import BENCH, BENCH_SCHEMA, INDEX_SCHEMA, IndexRow, PhotoRequirements
from omniedit.sources.photo_shard import new_shard, split
from omniedit.sources.shard_assignment import hold_out
from omniedit.storage.archives import archive_name, is_remote
from omniedit.storage.atomic import replace_file
from omniedit.storage.parquet import write_rows
from omniedit.storage.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", help="path, or URL for fsspec (may be redacted by the run)")
    parser.add_argument("--kind", choices=READERS, required=True)
    parser.add_argument("--image-column", help="for --kind parquet: the column of the source photos")
    parser.add_argument("--min-pixels", type=at_least_one, required=True)
    parser.add_argument("--max-pixels", type=at_least_one, required=True)
    parser.add_argument("--ratio-tolerance", type=float, required=True)
    parser.add_argument("--crop", choices=["centre", "saliency"], required=True)
    parser.add_argument("--out", type=Path, required=True, help="output shard, named {five digits}.tar")
    parser.add_argument("--index", type=Path, required=True, help="output index, one row per item of the archive")
    bench = parser.add_argument_group("options for the first archive")
    bench.add_argument("--bench-photos", type=at_least_zero, default=0, help="photos held out for the benchmark")
    bench.add_argument("--seed", type=run_seed, help="seed that selects these photos")
    bench.add_argument("--bench-tar", type=Path)
    bench.add_argument("--bench", type=Path, help="output table with the source ids and digests of these photos")
    args = parser.parse_args()

    if (args.bench_photos > 0) != (None not in (args.seed, args.bench_tar, args.bench)):
        raise UserError("--bench-photos, --seed, --bench-tar and --bench must be given together")

    content = None
    if not is_remote(args.archive):
        archive = Path(args.archive)
        content = read_content({archive.name: archive}, {}, record_file(args.index))
    demands = PhotoRequirements(args.min_pixels, args.max_pixels, args.ratio_tolerance, args.crop)
    if args.bench_photos:
        rows = _first_archive(args, demands)
        write_rows(args.bench, [row for row in rows if row.get("shard") == BENCH], BENCH_SCHEMA)
    else:
        with replace_file(args.out) as temporary, temporary.open("wb") as file:
            rows = _pack(args, demands, file)
    write_rows(args.index, rows, INDEX_SCHEMA)
    if content:
        content.write(record_file(args.index))


def _first_archive(args: argparse.Namespace, demands: PhotoRequirements) -> list[IndexRow]:
    """Pack the first archive and hold out the benchmark's photos.

    The choice is made when all photos have been read. Until then, they are in an unnamed temporary file.
    """
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=args.out.parent) as whole:
        rows = hold_out(_pack(args, demands, whole), args.bench_photos, args.seed)
        whole.seek(0)
        bench_ids, shard_ids = (
            {row["source_id"] for row in rows if row["status"] == "kept" and (row["shard"] == BENCH) == is_bench}
            for is_bench in (True, False)
        )
        with (
            replace_file(args.bench_tar) as bench,
            replace_file(args.out) as rest,
            bench.open("wb") as bench_file,
            rest.open("wb") as rest_file,
        ):
            split(whole, [(bench_ids, bench_file), (shard_ids, rest_file)])
    return rows


def _pack(args: argparse.Namespace, demands: PhotoRequirements, file: IO[bytes]) -> list[IndexRow]:
    rows = []
    name = archive_name(args.archive)
    with open_archive(restore(args.archive)) as archive, new_shard(file) as tar, Progress("entries") as progress:
        options = {"column": args.image_column} if args.kind == "parquet" else {}
        photos = progress.over(READERS[args.kind](archive, name, **options))
        for row in stream(photos, args.out.stem, demands, tar):
            if row["status"] != "kept":
                print(f"{row['status']} {clean_line(row['file'])}: {row['reason']}", flush=True)
            rows.append(row)
    return rows


if __name__ == "__main__":
    run_program(main)
