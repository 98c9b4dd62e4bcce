"""Import one shard of a data set of edit pairs: rows -> `candidates/{name}/{shard}.h5`."""

import argparse
import json
from pathlib import Path

from omniedit.cli.arguments import at_least_one, at_least_zero
from omniedit.exchange.importing import import_shard, parse_options, record_import
from omniedit.redaction import restore
from omniedit.run.program import run_program


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", help="file, folder, glob, range or URL, possibly redacted by the run")
    parser.add_argument("--name", required=True, help="name of the data set in the run")
    parser.add_argument("--options", required=True, help="JSON: the fields of `ImportOptions`, such as format")
    parser.add_argument("--shard", type=at_least_zero, required=True, help="number of the shard, from 0")
    parser.add_argument("--shards", type=at_least_one, required=True, help="number of all shards")
    parser.add_argument("--out", type=Path, required=True, help="output file of pairs (.h5)")
    args = parser.parse_args()
    if args.shard >= args.shards:
        parser.error(f"--shard {args.shard} is not below --shards {args.shards}")

    options = parse_options(json.dumps({**json.loads(args.options), "name": args.name}))
    path = restore(args.path)
    record_import(path, options, args.shard, args.shards, args.out)
    outcome = import_shard(path, options, args.shard, args.shards, args.out)
    print("\n".join(outcome.describe()))


if __name__ == "__main__":
    run_program(main)
