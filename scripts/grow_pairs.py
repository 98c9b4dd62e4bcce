"""Derive inverse or composed pairs from the accepted ones of a shard number -> `candidates/{how}/{shard}.h5`."""

import argparse
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from omniedit.cli.arguments import add_task_thresholds, overall_score, run_seed
from omniedit.instructions.composed_pairs import COMPOSED
from omniedit.instructions.derived_pairs import accepted_ids, grow_compositions, grow_inverses, write_derived
from omniedit.instructions.inverse_pairs import INVERSE
from omniedit.pairs import Shard
from omniedit.run.program import run_program
from omniedit.storage.parquet import read_rows

GROWERS = {INVERSE: grow_inverses, COMPOSED: grow_compositions}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("how", choices=GROWERS)
    parser.add_argument("--candidates", type=Path, nargs="+", required=True, help="shards of pairs (.h5)")
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="their scores (.parquet)")
    parser.add_argument("--min-score", type=overall_score, required=True, help="minimum O of an accepted pair, 0-10")
    add_task_thresholds(parser)
    parser.add_argument("--seed", type=run_seed, required=True)
    parser.add_argument("--out", type=Path, required=True, help="output file of pairs (.h5)")
    args = parser.parse_args()

    rows = chain.from_iterable(read_rows(path, ["pair_id", "o_score"]) for path in args.scores)
    with ExitStack() as stack:
        shards = [stack.enter_context(Shard(path, keeps_last=False)) for path in args.candidates]
        accepted = accepted_ids(rows, args.min_score, args.min_scores, shards)
        made = write_derived(args.out, args.how, args.seed, GROWERS[args.how](shards, accepted, args.seed))
    print(f"{made} {args.how} pairs from {len(accepted)} accepted ones")


if __name__ == "__main__":
    run_program(main)
