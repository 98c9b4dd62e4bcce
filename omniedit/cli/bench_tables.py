"""The paper's Tables 6 and 7 from run folders: `omniedit bench-tables`."""

import argparse

from omniedit.browsing.run_files import find_run
from omniedit.cli.arguments import path, run_seed
from omniedit.evaluation.bench.tables.ablation_runs import read_run
from omniedit.evaluation.bench.tables.ablations import write_ablations


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="name or folder of the filtered run; its architectures are Table 7")
    parser.add_argument(
        "others",
        nargs="*",
        metavar="RUN",
        help="names or folders of runs to compare with it, such as an unfiltered one",
    )
    parser.add_argument("--set", metavar="NAME", help="set of bench.sets (default: the runs' own benchmark)")
    parser.add_argument("--seed", type=run_seed, default=0, help="seed of bootstrap and test (default: 0)")
    parser.add_argument(
        "-o", "--out", type=path, metavar="FOLDER", help="output folder (default: bench/ of the first run)"
    )


def run(args: argparse.Namespace) -> None:
    """Write the tables and print them.

    Raises:
        UserError: a run has no scores, or the runs cannot be compared.
    """
    folders = [find_run(name) for name in (args.run, *args.others)]
    runs = [read_run(folder, args.set) for folder in dict.fromkeys(folders)]
    paths = write_ablations(args.out or folders[0] / "bench", runs, args.seed)
    print(paths[0].read_text())
    print("\n".join(map(str, paths)))
