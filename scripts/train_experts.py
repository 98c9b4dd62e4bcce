"""Train or render the experts of a shard of subjects and paint its pairs: `candidates/subjects/{shard}.h5`."""

import argparse
from pathlib import Path

from omniedit.config.arguments import add_section
from omniedit.config.schema import Config
from omniedit.models.loading import default_device
from omniedit.run.program import run_program
from omniedit.subjects.experts import run_experts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subjects", type=Path, help="shard of subjects, from cluster_subjects.py")
    add_section(parser, "--config", Config, required=True)
    parser.add_argument("--device", default="", help="device of torch; a GPU if there is one")
    parser.add_argument("--spent", type=Path, help="folder where the run's jobs record their spending")
    parser.add_argument("--out", type=Path, required=True, help="output file of pairs (.h5)")
    args = parser.parse_args()

    pairs, rejected = run_experts(
        args.subjects, args.config, args.device or str(default_device()), args.spent, args.out
    )
    print(f"{pairs} pairs, {rejected} rejections")


if __name__ == "__main__":
    run_program(main)
