"""Report time, memory and throughput of every stage: benchmarks/{run}, logs/{run} -> report/throughput.html."""

import argparse
from pathlib import Path

from omniedit.reporting.throughput import read_jobs, throughput_page
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="name of the run, for the heading")
    parser.add_argument("--benchmarks", type=Path, required=True, help="folder of Snakemake's benchmark files")
    parser.add_argument("--logs", type=Path, required=True, help="folder of the jobs' logs, with the same layout")
    parser.add_argument("--out", type=Path, required=True, help="the page (.html)")
    args = parser.parse_args()

    page = throughput_page(args.run, read_jobs(args.benchmarks, args.logs))
    with replace_file(args.out) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    run_program(main)
