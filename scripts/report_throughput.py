"""Report time, memory and throughput of every stage: benchmarks/{run}, logs/{run} -> report/throughput.html."""

from pathlib import Path

from omniedit.cli.arguments import page_parser
from omniedit.reporting.throughput import read_jobs, throughput_page
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text


def main() -> None:
    parser = page_parser(__doc__)
    parser.add_argument("--benchmarks", type=Path, required=True, help="folder of Snakemake's benchmark files")
    parser.add_argument("--logs", type=Path, required=True, help="folder of the jobs' logs, with the same layout")
    args = parser.parse_args()

    page = throughput_page(args.run, read_jobs(args.benchmarks, args.logs))
    write_text(args.out, page)


if __name__ == "__main__":
    run_program(main)
