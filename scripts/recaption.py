"""Rewrite the instructions of good edits that do not follow them -> `candidates/recaptioned/{shard}.h5`.

A vision-language model, that of `proposals`, looks at those pairs of a shard number whose scores are good except for
success.
"""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from omniedit.config.arguments import add_section
from omniedit.config.schema import Config
from omniedit.errors import UserError
from omniedit.instructions.derived_pairs import grow_recaptions, write_derived
from omniedit.instructions.language_model import open_model
from omniedit.instructions.recaption import RECAPTIONED, Recaptioner, needs_recaption
from omniedit.pairs import EditPair, Rejection, Shard
from omniedit.run.program import run_program
from omniedit.storage.parquet import read_rows

COLUMNS = ("pair_id", "sc_score_1", "sc_score_2", "pq_score")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=Path, nargs="+", required=True, help="shards of pairs (.h5)")
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="their scores (.parquet)")
    add_section(parser, "--config", Config, required=True)
    parser.add_argument("--spent", type=Path, help="folder where the run's jobs record their spending")
    parser.add_argument("--out", type=Path, required=True, help="output file of pairs (.h5)")
    args = parser.parse_args()
    config: Config = args.config
    if config.proposals.source == "replies":
        raise UserError("proposals.source: replies cannot look at edits; give api or local")

    rows = [
        row for row in chain.from_iterable(read_rows(path, COLUMNS) for path in args.scores) if needs_recaption(row)
    ]
    with ExitStack() as stack:
        shards = [stack.enter_context(Shard(path, keeps_last=False)) for path in args.candidates]
        outcomes: Iterator[EditPair | Rejection] = iter(())
        if rows:  # a local model takes long to load
            model = stack.enter_context(open_model(config.proposals, args.spent))
            outcomes = grow_recaptions(shards, rows, Recaptioner(model, config.proposals), config.proposals.at_once)
        made = write_derived(args.out, RECAPTIONED, config.seed, outcomes)
    print(f"{made} of {len(rows)} pairs have a new instruction")


if __name__ == "__main__":
    run_program(main)
