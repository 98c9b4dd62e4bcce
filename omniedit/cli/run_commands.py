"""Subcommands for this machine, a config or a run: doctor, check, status, inspect, browse, plan."""

import argparse

from omniedit.cli.arguments import above_zero, at_least_one, path, port, share, words
from omniedit.cli.command import Subcommand
from omniedit.errors import UserError


def _add_doctor_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments, because the command has none."""


def _doctor(args: argparse.Namespace) -> None:
    from omniedit.run.doctor import report

    print("\n".join(report()))


def _add_check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="config files, as for snakemake --configfile; the last one wins"
    )


def _check(args: argparse.Namespace) -> None:
    from omniedit.config.loading import load
    from omniedit.exchange.formats import check_formats
    from omniedit.models.registry import required_roles

    config = load(*args.files)
    check_formats(config)
    required_roles(config)
    print(f"{' over '.join(reversed(args.files))}: valid")


def _add_status_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", nargs="?", default="mini", type=run_name, help="name of the run, `run` in the config (default: mini)"
    )


def _status(args: argparse.Namespace) -> None:
    from omniedit.run.status import report

    print("\n".join(report(args.run)))


def _add_inspect_arguments(parser: argparse.ArgumentParser) -> None:
    _add_run_argument(parser)
    parser.add_argument("--pair", metavar="ID", help="print all facts about this pair")
    parser.add_argument("--save", type=path, metavar="FOLDER", help="with --pair: write its images to this folder")
    parser.add_argument(
        "--sheet", type=path, metavar="FILE.jpg", help="write a contact sheet: the best pairs of each task"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def _inspect(args: argparse.Namespace) -> None:
    from omniedit.cli.inspect import inspect_pair, inspect_run

    if args.pair is None and args.save:
        raise UserError("--save: give --pair ID, the pair whose images to save")
    if args.pair is not None and args.sheet:
        raise UserError("--sheet: shows the whole run; omit --pair")
    if args.pair is not None:
        print(inspect_pair(args.run, args.pair, args.json, args.save))
    else:
        print(inspect_run(args.run, args.json, args.sheet))


def _add_browse_arguments(parser: argparse.ArgumentParser) -> None:
    _add_run_argument(parser)
    parser.add_argument("--port", type=port, default=7870, help="port on this machine (default: %(default)s)")
    parser.add_argument("--who", type=words, help="name to record with decisions (default: your user name)")


def _browse(args: argparse.Namespace) -> None:
    from omniedit.cli.browse import serve

    serve(args.run, args.port, args.who)


def _add_run_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=run_name, help="name of the run, or its folder")


def _add_plan_arguments(parser: argparse.ArgumentParser) -> None:
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


def _plan(args: argparse.Namespace) -> None:
    from omniedit.config.loading import load
    from omniedit.models.registry import required_roles
    from omniedit.run.plan import Machine
    from omniedit.run.plan import plan as plan_of

    config = load(*args.config)
    required_roles(config)  # config/models.yaml has all models of the config
    if "api" in config.judges.values():
        from omniedit.scoring.cost import cost

        print("\n".join([*cost(config), ""]))
    print("\n".join(plan_of(config, Machine(args.gpu, args.gpus, args.mfu, args.memory), args.pairs)))
    if config.learned_tasks:
        from omniedit.specialists.learned.gpu_hours import gpu_hours

        print("\n".join(["", *gpu_hours(config, args.gpu)]))


def run_name(text: str) -> str:
    return str(path(text))


RUN_COMMANDS = {
    "doctor": Subcommand(
        "report what this machine can run, and what each profile lacks", _add_doctor_arguments, _doctor
    ),
    "check": Subcommand("check config files, merged as Snakemake merges them", _add_check_arguments, _check),
    "status": Subcommand("report the done, running, failed and waiting jobs of a run", _add_status_arguments, _status),
    "inspect": Subcommand(
        "count a run's pairs, or show one pair with its provenance and scores", _add_inspect_arguments, _inspect
    ),
    "browse": Subcommand(
        "serve a local page to look at pairs and accept or reject them", _add_browse_arguments, _browse
    ),
    "plan": Subcommand("estimate the time, memory and cost of a config's run", _add_plan_arguments, _plan),
}
