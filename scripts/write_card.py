"""Write an editor's model card: bucket plan, photo index, benchmark table, losses -> README.md."""

import argparse
from pathlib import Path

from omniedit.config.arguments import add_section
from omniedit.config.schema import Config
from omniedit.evaluation.table3 import LABELS, TABLE3_SCHEMA
from omniedit.reporting.model_card import model_card
from omniedit.reporting.training import read_curve
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.storage.parquet import read_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("editor", choices=LABELS)
    add_section(parser, "--config", Config, required=True)
    parser.add_argument("--base", help="name, revision and licence of a fetched base; omit for the run's own base")
    parser.add_argument("--plan", type=Path, required=True, help="buckets/plan.parquet")
    parser.add_argument(
        "--index", type=Path, nargs="+", required=True, help="sources/index.parquet and imports.parquet"
    )
    parser.add_argument("--table", type=Path, required=True, help="bench/table3.parquet")
    parser.add_argument("--metrics", type=Path, required=True, help="train/{editor}.metrics.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="output card (.md)")
    args = parser.parse_args()

    scores = read_rows(args.table, TABLE3_SCHEMA.names)
    curve = read_curve(LABELS[args.editor], args.metrics)
    with replace_file(args.out) as temporary:
        card = model_card(args.editor, args.config, args.plan, args.index, scores, curve, args.base)
        temporary.write_text(card, encoding="utf-8")


if __name__ == "__main__":
    run_program(main)
