"""The `omniedit` command."""

import argparse

from omniedit import __version__
from omniedit.errors import run_program


def main() -> None:
    run_program(_main)


def _main() -> None:
    parser = argparse.ArgumentParser(prog="omniedit", description="Instruction-based image editing.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="what this machine can run, and what each profile lacks")
    config = commands.add_parser("check", help="whether config files can be used, and what would be wrong with them")
    config.add_argument("files", nargs="+", metavar="FILE", help="as given to snakemake --configfile")
    status = commands.add_parser("status", help="what of a run is done, at work, failed or waiting")
    status.add_argument("run", nargs="?", default="mini", help="its name, `run` in the config (default: mini)")
    plan = commands.add_parser("plan", help="memory, speed and GPU-hours of a config's training, before it is started")
    plan.add_argument("--config", default="config/config.yaml", help="a config file (default: %(default)s)")
    plan.add_argument("--gpu", choices=["a100", "h100", "h200"], default="h100")
    plan.add_argument("--gpus", type=int, default=8, help="of all nodes together (default: %(default)s)")
    plan.add_argument("--mfu", type=float, default=0.45, help="share of the GPU's peak (default: %(default)s)")
    plan.add_argument("--pairs", type=int, help="to train on, for a config that gives epochs")
    args = parser.parse_args()
    if args.command == "plan":
        from omniedit.config_files import load
        from omniedit.training.budget import Machine
        from omniedit.training.budget import plan as plan_of

        print("\n".join(plan_of(load(args.config), Machine(args.gpu, args.gpus, args.mfu), args.pairs)))
    if args.command == "doctor":
        from omniedit.doctor import report

        print("\n".join(report()))
    if args.command == "check":
        from omniedit.config_files import load

        for file in args.files:
            load(file)
            print(f"{file}: good")
    if args.command == "status":
        from omniedit import status as status_of

        print("\n".join(status_of.report(args.run)))
