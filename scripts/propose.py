"""Proposals for a shard of photos, from a vision-language model's recorded replies: `proposals/{shard}.parquet`."""

import argparse
from pathlib import Path

from omniedit.errors import run_program
from omniedit.instructions.proposals import proposals_of, recorded_replies, write_proposals
from omniedit.sources.shard import PhotoShard


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="shard of photos, sources/{shard}.tar")
    parser.add_argument("--replies", type=Path, required=True, help="JSON lines with source_id, task and reply")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    with PhotoShard(args.photos) as photos:
        rows = proposals_of(photos.names, recorded_replies(args.replies))
    for row in rows:
        if row["refused"]:
            print(f"refused {row['task']} for {row['source_id']}: {row['refused']}", flush=True)
    write_proposals(args.out, rows)
    print(f"{sum(row['refused'] is None for row in rows)} of {len(rows)} proposals can be used")


if __name__ == "__main__":
    run_program(main)
