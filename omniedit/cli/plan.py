"""Time, memory and cost of a config's run: `omniedit plan`."""

import argparse

from omniedit.cli.arguments import above_zero, at_least_one, share
from omniedit.config.loading import load
from omniedit.models.registry import required_roles


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        nargs="+",
        default=["config/config.yaml"],
        help="config files, as for snakemake --configfile (default: config/config.yaml)",
    )
    parser.add_argument(
        "--gpu",
        type=str.lower,
        choices=["a100", "h100", "h200", "4090", "3090"],
        default="h100",
        help="model of the GPUs (default: %(default)s)",
    )
    parser.add_argument(
        "--memory", type=above_zero, metavar="GB", help="memory of each GPU (default: from its data sheet)"
    )
    parser.add_argument(
        "--gpus", type=at_least_one, default=8, help="number of GPUs on all nodes (default: %(default)s)"
    )
    parser.add_argument(
        "--mfu", type=share, default=0.45, help="share of the GPU's peak that training reaches (default: %(default)s)"
    )
    parser.add_argument("--pairs", type=at_least_one, help="number of training pairs, if the config gives epochs")


def run(args: argparse.Namespace) -> None:
    from omniedit.run.plan import Machine, plan
    from omniedit.scoring.cost import cost
    from omniedit.specialists.learned.gpu_hours import gpu_hours

    config = load(*args.config)
    required_roles(config)  # config/models.yaml has all models of the config
    if "api" in config.judges.values():
        print("\n".join([*cost(config), ""]))
    print("\n".join(plan(config, Machine(args.gpu, args.gpus, args.mfu, args.memory), args.pairs)))
    if config.learned_tasks:
        print("\n".join(["", *gpu_hours(config, args.gpu)]))
