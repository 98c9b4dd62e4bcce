"""Write the key figures of the front page: index, decisions, buckets, scorer, losses, table -> report/summary.html."""

import argparse
import json
from itertools import chain
from pathlib import Path

from omniedit.cli.arguments import at_least_one, overall_score
from omniedit.evaluation.table3 import LABELS, TABLE3_SCHEMA
from omniedit.reporting.summary import data_facts, editor_facts, student_fact, summary
from omniedit.reporting.training import read_curve
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text
from omniedit.storage.parquet import read_rows, stream_rows
from omniedit.storage.shard_paths import expand_blocks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--index", type=Path, nargs="+", required=True, help="sources/index.parquet and imports.parquet"
    )
    parser.add_argument("--decisions", required=True, help="path pattern decisions/gathered/{block}.parquet")
    parser.add_argument(
        "--blocks", type=at_least_one, required=True, help="number of blocks; {block} becomes 00000, 00001, ..."
    )
    parser.add_argument("--buckets", type=Path, required=True, help="buckets/manifest.json")
    parser.add_argument("--scorer", type=Path, help="folder of the student, with agreement.json, if there is one")
    parser.add_argument("--model", choices=LABELS, required=True, help="the run's editor")
    parser.add_argument("--editor", type=Path, required=True, help="its train/{model}.metrics.jsonl")
    parser.add_argument("--table", type=Path, required=True, help="bench/table3.parquet")
    parser.add_argument("--min-score", type=overall_score, required=True, help="the filter's threshold")
    parser.add_argument("--out", type=Path, required=True, help="output fragment (.html)")
    args = parser.parse_args()

    photos = chain.from_iterable(stream_rows(path, ["status", "shard"]) for path in args.index)
    decisions = [row for path in expand_blocks(args.decisions, args.blocks) for row in read_rows(path, ["kept"])]
    curve, table = read_curve(LABELS[args.model], args.editor), read_rows(args.table, TABLE3_SCHEMA.names)
    facts = data_facts(photos, decisions, json.loads(args.buckets.read_text())["buckets"], args.min_score)
    facts += editor_facts(args.model, curve, table)
    if args.scorer:
        facts.append(student_fact(json.loads((args.scorer / "agreement.json").read_text())))
    write_text(args.out, summary(facts))


if __name__ == "__main__":
    run_program(main)
