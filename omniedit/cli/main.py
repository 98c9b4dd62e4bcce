"""The `omniedit` command."""

import argparse
import errno
import os
import select
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from omniedit import __version__
from omniedit.cli import (
    agree,
    bench,
    bench_set,
    bench_tables,
    compare,
    export_editor,
    export_pairs,
    imagine,
    import_pairs,
    metrics,
    rate,
    reward_bench,
)
from omniedit.cli.arguments import at_least_one, path, port, scale, share, whole, words
from omniedit.errors import UserError
from omniedit.run.program import run_program

PATH_ERRORS = (errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.EPERM, errno.EROFS)
"""Errors of a path that cannot be read or written; the user can name another one."""
STDOUT = 1
"""File descriptor of standard output."""


def main() -> None:
    try:
        try:
            run_program(_main)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _nobody_reads(STDOUT):
            raise
        os._exit(1)  # the reader, such as `head`, has closed the pipe; any other exit would flush the rest


def _nobody_reads(descriptor: int) -> bool:
    """Return whether a descriptor is a pipe whose other end is closed."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _main() -> None:
    parser = argparse.ArgumentParser(prog="omniedit", description="Instruction-based image editing.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        command.add_arguments(commands.add_parser(name, help=command.help))
    args = parser.parse_args()
    try:
        COMMANDS[args.command].run(args)
    except OSError as error:
        if error.errno not in PATH_ERRORS or error.filename is None:
            raise
        raise UserError(f"{error.filename}: {error.strerror}; give another path") from None


@dataclass(frozen=True)
class Command:
    """Subcommand: its line of help, its arguments, and what it does. Modules are imported when a command runs."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


def _add_doctor_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command takes no arguments."""


def _doctor(args: argparse.Namespace) -> None:
    from omniedit.run.doctor import report

    print("\n".join(report()))


def _add_check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="config files, as for snakemake --configfile; the last one wins"
    )


def _check(args: argparse.Namespace) -> None:
    from omniedit.config.loading import load
    from omniedit.models.registry import required_roles

    required_roles(load(*args.files))
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
    parser.add_argument("--pair", metavar="ID", help="print everything that the run knows about this pair")
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
        raise UserError("--sheet: shows the whole run; leave --pair out")
    if args.pair is not None:
        print(inspect_pair(args.run, args.pair, args.json, args.save))
    else:
        print(inspect_run(args.run, args.json, args.sheet))


def _add_browse_arguments(parser: argparse.ArgumentParser) -> None:
    _add_run_argument(parser)
    parser.add_argument("--port", type=port, default=7870, help="port on this machine (default: %(default)s)")
    parser.add_argument("--who", type=words, help="name to record with decisions (default: the user's)")


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
    parser.add_argument("--gpu", choices=["a100", "h100", "h200", "4090", "3090"], default="h100")
    parser.add_argument(
        "--memory", type=float, metavar="GB", help="memory of each GPU (default: that of its data sheet)"
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
    from omniedit.run.plan import Machine
    from omniedit.run.plan import plan as plan_of

    config = load(*args.config)
    if "api" in config.judges.values():
        from omniedit.scoring.cost import cost

        print("\n".join([*cost(config), ""]))
    print("\n".join(plan_of(config, Machine(args.gpu, args.gpus, args.mfu, args.memory), args.pairs)))
    if config.learned_tasks:
        from omniedit.specialists.learned.gpu_hours import gpu_hours

        print("\n".join(["", *gpu_hours(config, args.gpu)]))


def _add_edit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="+", type=path, metavar="IMAGE", help="image files, or folders of images")
    parser.add_argument("instruction", type=words, help='what to change, such as "make it snow"')
    parser.add_argument(
        "-o", "--out", type=path, help="output file or folder (default: photo.edited.jpg next to photo.jpg)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.add_argument("--negative", type=words, default="", metavar="TEXT", help="what the edit should avoid")
    parser.add_argument("--steps", type=at_least_one, help="number of sampling steps (default: the editor's own)")
    parser.add_argument(
        "--scheduler",
        choices=["euler", "heun", "lcm", "dpm", "unipc"],
        help="solver of the sampling, for fewer steps (default: the editor's own)",
    )
    parser.add_argument("--guidance", type=scale, help="guidance scale of the instruction (default: the editor's own)")
    parser.add_argument(
        "--image-guidance", type=scale, help="guidance scale of the source image (default: the editor's own)"
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed of the noise, 0 to 2^64 - 1 (default: %(default)s)")
    parser.add_argument(
        "--reference",
        type=path,
        action="append",
        default=[],
        metavar="IMAGE",
        help="reference image that the instruction points to; give it once per image",
    )
    parser.add_argument("--task", type=words, help="task of the edit (default: the editor decides)")
    _add_editor_arguments(parser)


def _edit(args: argparse.Namespace) -> None:
    from omniedit.cli.edit import Settings, edit_files

    scales = args.guidance, args.image_guidance
    settings = Settings(args.instruction, args.negative, args.steps, *scales, args.seed, args.task, args.scheduler)
    edit_files(args.inputs, args.out, args.overwrite, args.model, args.device, settings, args.reference)


def _add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 is all (default: %(default)s)"
    )
    parser.add_argument("--port", type=port, default=7860)
    _add_editor_arguments(parser)


def _demo(args: argparse.Namespace) -> None:
    from omniedit.cli.demo import launch

    launch(args.model, args.device, args.host, args.port)


def _add_score_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "table", type=path, metavar="TABLE.csv", help="one example per row; paths are relative to its folder"
    )
    parser.add_argument("-o", "--out", type=path, required=True, help="output table, .parquet or .csv")
    parser.add_argument(
        "--rubric",
        metavar="NAME|FILE.yaml",
        help="name of a rubric, or your own file; docs/judging.md lists all (default: edit, or the one of --prompts)",
    )
    parser.add_argument(
        "--prompts", type=path, metavar="FOLDER", help="checkout of a benchmark, whose official prompts are used"
    )
    parser.add_argument("--passes", type=at_least_one, metavar="N", help="ask each question N times and average")
    parser.add_argument(
        "--judge",
        choices=["api", "ensemble", "internvl", "student", "vlm"],
        default="api",
        help="(default: %(default)s)",
    )
    parser.add_argument(
        "--scorer",
        type=path,
        metavar="FOLDER",
        help="folder of a model or its models/ROLE.json, or folder of a student other than the shipped one",
    )
    parser.add_argument("--config", type=path, metavar="FILE", help="config file, whose `scoring` section is used")
    parser.add_argument("--url", help="address of the endpoint, instead of the config's")
    parser.add_argument("--model", help="model at the endpoint, instead of the config's")
    parser.add_argument("--yes", action="store_true", help="accept the cost, if prices but no budget are set")


def _score(args: argparse.Namespace) -> None:
    from omniedit.cli.score import score_table, scoring_config
    from omniedit.config.schema import SHIPPED
    from omniedit.scoring.prompts.reader import choose_rubric

    given = {name: value for name in ("url", "model") if (value := getattr(args, name))}
    scoring = scoring_config(args.config, given)
    scorer = args.scorer or (Path(SHIPPED) if args.judge == "student" else None)
    rubric = choose_rubric(args.rubric, args.prompts, args.passes)
    score_table(args.table, args.out, rubric, args.judge, scorer, scoring, args.yes)


def _add_editor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=path, help="folder of the editor (default: the small shipped one)")
    parser.add_argument("--device", default="", help="cuda, cpu, ... (default: a GPU if there is one)")


COMMANDS = {
    "doctor": Command("report what this machine can run, and what each profile lacks", _add_doctor_arguments, _doctor),
    "check": Command("check that config files are valid together", _add_check_arguments, _check),
    "status": Command("report the done, running, failed and waiting jobs of a run", _add_status_arguments, _status),
    "inspect": Command(
        "count a run's pairs, or show one pair with its provenance and scores", _add_inspect_arguments, _inspect
    ),
    "browse": Command("serve a local page to look at a run's pairs and decide by hand", _add_browse_arguments, _browse),
    "plan": Command("estimate the time, memory and cost of a config's run", _add_plan_arguments, _plan),
    "edit": Command("edit images by an instruction", _add_edit_arguments, _edit),
    "demo": Command("serve a web page that edits images", _add_demo_arguments, _demo),
    "score": Command("score the images of a table by a rubric", _add_score_arguments, _score),
    "imagine": Command(imagine.HELP, imagine.add_arguments, imagine.run),
    "import": Command(import_pairs.HELP, import_pairs.add_arguments, import_pairs.run),
    "export": Command(export_pairs.HELP, export_pairs.add_arguments, export_pairs.run),
    "export-editor": Command(export_editor.HELP, export_editor.add_arguments, export_editor.run),
    "agree": Command(agree.HELP, agree.add_arguments, agree.run),
    "bench": Command(bench.HELP, bench.add_arguments, bench.run),
    "compare": Command(compare.HELP, compare.add_arguments, compare.run),
    "metrics": Command(metrics.HELP, metrics.add_arguments, metrics.run),
    "rate": Command(rate.HELP, rate.add_arguments, rate.run),
    "reward-bench": Command(reward_bench.HELP, reward_bench.add_arguments, reward_bench.run),
    "bench-set": Command(bench_set.HELP, bench_set.add_arguments, bench_set.run),
    "bench-tables": Command(bench_tables.HELP, bench_tables.add_arguments, bench_tables.run),
}


def run_name(text: str) -> str:
    return str(path(text))


def seed(text: str) -> int:
    from omniedit.cli.edit import MAX_SEED

    return whole(text, 0, MAX_SEED, "0 to 2^64 - 1")
