"""Combine all benchmark scores in one table: bench/{model}/{task}.parquet -> bench/table3.parquet and .md."""

import argparse
from pathlib import Path
from typing import get_args

from omniedit.cli.arguments import run_seed
from omniedit.config.schema import JudgeName
from omniedit.evaluation.table3 import TABLE3_SCHEMA, markdown, read_scores, table3
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text
from omniedit.storage.parquet import write_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("scores", type=Path, nargs="+", help="Parquet files of bench_score.py, or @LIST")
    parser.add_argument("--seed", type=run_seed, default=0, help="seed of the bootstrap")
    parser.add_argument("--filtered-by", choices=get_args(JudgeName), required=True, help="judge of the training data")
    parser.add_argument("--out", type=Path, required=True, help="output table (.parquet)")
    parser.add_argument("--markdown", type=Path, required=True, help="output table as Markdown (.md)")
    args = parser.parse_args()

    table = table3(read_scores(args.scores), args.seed)
    write_rows(args.out, table, TABLE3_SCHEMA)
    write_text(args.markdown, markdown(table, args.filtered_by))
    print(args.markdown.read_text())


if __name__ == "__main__":
    run_program(main)
