"""Find the faults of pairs, over all shards: signatures -> `faults/findings.parquet`."""

import argparse
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from omniedit.config.arguments import add_section
from omniedit.config.gates import GatesConfig
from omniedit.quality.benchmark_leaks import read_benchmark
from omniedit.quality.gates import FINDINGS_SCHEMA, find_faults, to_policy
from omniedit.run.program import run_program
from omniedit.storage.parquet import write_rows
from omniedit.storage.shard_paths import add_shard_options, expand_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("signatures", help="path pattern faults/signatures/{task}/{shard}.parquet")
    add_shard_options(parser)
    add_section(parser, "--gates", GatesConfig, required=True)
    parser.add_argument("--out", type=Path, required=True, help="output file (.parquet)")
    args = parser.parse_args()

    files = expand_files(args.signatures, args.tasks, args.shards)
    benchmarks = [read_benchmark(Path(folder)) for folder in args.gates.benchmarks]
    findings = list(find_faults(files, benchmarks, policy=to_policy(args.gates.model_dump())))
    write_rows(args.out, map(asdict, findings), FINDINGS_SCHEMA)
    counts = Counter(finding.gate for finding in findings)
    print(", ".join(f"{count} {gate}" for gate, count in counts.most_common()) or "no faults")


if __name__ == "__main__":
    run_program(main)
