"""Assign each accepted pair a ratio, a row and a part (written by one job) in the buckets: `buckets/plan.parquet`."""

import argparse
import json
from pathlib import Path

from omniedit.buckets.codecs import CODECS
from omniedit.buckets.growth import COLUMNS, find_earlier_placement
from omniedit.buckets.placement import (
    BucketSettings,
    draw,
    mix,
    place,
    read_accepted,
    read_plan,
    write_plan,
)
from omniedit.cli.arguments import at_least_one, run_seed
from omniedit.run.program import run_program
from omniedit.storage.shard_paths import expand_blocks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", required=True, help="path pattern decisions/gathered/{block}.parquet")
    parser.add_argument(
        "--blocks", type=at_least_one, required=True, help="number of blocks; {block} becomes 00000, 00001, ..."
    )
    parser.add_argument("--base-size", type=at_least_one, required=True, help="images have at least BASE_SIZE^2 pixels")
    parser.add_argument("--pairs-per-zarr-shard", type=at_least_one, required=True)
    parser.add_argument("--parts", type=at_least_one, required=True, help="number of jobs that write the buckets")
    parser.add_argument("--held-out", type=float, required=True, help="share of the pairs held out from training")
    parser.add_argument("--seed", type=run_seed, required=True, help="seed of the order of the pairs")
    parser.add_argument("--codec", choices=CODECS, default="zstd", help="codec of the images")
    parser.add_argument(
        "--grow", action="store_true", help="keep the placement of the plan at OUT, if all of its pairs remain"
    )
    parser.add_argument("--shares", type=json.loads, default={}, help="JSON: share of the pairs by imported data set")
    parser.add_argument("--max-pairs", type=at_least_one, help="draw at most this number of pairs")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    layout = BucketSettings(args.base_size, args.pairs_per_zarr_shard, args.parts, args.held_out, args.seed, args.codec)
    accepted = draw(mix(read_accepted(expand_blocks(args.decisions, args.blocks)), args.shares), args.max_pairs)
    earlier = None
    if args.grow and args.out.is_file():
        earlier = find_earlier_placement(accepted, layout, read_plan(args.out, COLUMNS))
        if earlier is None:
            print(f"{args.out}: its pairs or its layout changed; all pairs are placed again")
    table = place(accepted, layout, earlier)
    write_plan(args.out, table, layout)
    counts = {item["values"]: item["counts"] for item in table["ratio"].value_counts().to_pylist()}
    print(f"{len(table)} pairs: {dict(sorted(counts.items()))}")


if __name__ == "__main__":
    run_program(main)
