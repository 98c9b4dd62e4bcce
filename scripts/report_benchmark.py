"""Report the benchmark's table, figure and edits: bench/table3.parquet, bench/{model}/* -> report/benchmark.html."""

from pathlib import Path
from typing import get_args

from omniedit.cli.arguments import page_parser
from omniedit.config.schema import JudgeName
from omniedit.evaluation.table3 import TABLE3_SCHEMA, read_scores
from omniedit.reporting.bench_items import group_edits
from omniedit.reporting.benchmark import benchmark_page
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text
from omniedit.storage.parquet import read_rows


def main() -> None:
    parser = page_parser(__doc__)
    parser.add_argument("--table", type=Path, required=True, help="bench/table3.parquet")
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="bench/{model}/{task}.parquet")
    parser.add_argument("--edits", type=Path, nargs="+", required=True, help="bench/{model}/{task}.h5")
    parser.add_argument("--filtered-by", choices=get_args(JudgeName), required=True, help="judge of the training data")
    args = parser.parse_args()

    table = read_rows(args.table, TABLE3_SCHEMA.names)
    page = benchmark_page(args.run, table, read_scores(args.scores), group_edits(args.edits), args.filtered_by)
    write_text(args.out, page)


if __name__ == "__main__":
    run_program(main)
