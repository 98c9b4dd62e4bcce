"""The `omniedit` command."""

import argparse
import errno
import os
import select
import sys
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
from omniedit.cli.command import Subcommand
from omniedit.cli.image_commands import IMAGE_COMMANDS
from omniedit.cli.run_commands import RUN_COMMANDS
from omniedit.errors import UserError
from omniedit.run.program import run_program

PATH_ERRORS = (
    *(errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR),
    *(errno.EPERM, errno.EROFS),
)
"""Errors of a path that cannot be read or written. The user can give another path."""
STDOUT = 1
"""File descriptor of standard output."""


def main() -> None:
    _open_closed_streams()
    try:
        try:
            run_program(_main)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _is_closed(STDOUT):
            raise
        os._exit(1)  # the reader, such as `head`, has closed the pipe; any other exit would flush the rest


def _open_closed_streams() -> None:
    """Discard standard output and error if the shell closed them (`>&-`), or files could get their descriptors."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (stays open for the life of the process)


def _is_closed(descriptor: int) -> bool:
    """Return whether a descriptor is a pipe whose other end is closed."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _main() -> None:
    parser = argparse.ArgumentParser(prog="omniedit", description="Instruction-based image editing.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        description = f"{command.help[:1].upper()}{command.help[1:]}."
        command.add_arguments(commands.add_parser(name, help=command.help, description=description))
    args = parser.parse_args()
    try:
        COMMANDS[args.command].run(args)
    except OSError as error:
        if error.errno not in PATH_ERRORS or error.filename is None:
            raise
        raise UserError(f"{error.filename}: {error.strerror}; give another path") from None


COMMANDS = {
    **RUN_COMMANDS,
    **IMAGE_COMMANDS,
    "imagine": Subcommand(imagine.HELP, imagine.add_arguments, imagine.run),
    "import": Subcommand(import_pairs.HELP, import_pairs.add_arguments, import_pairs.run),
    "export": Subcommand(export_pairs.HELP, export_pairs.add_arguments, export_pairs.run),
    "export-editor": Subcommand(export_editor.HELP, export_editor.add_arguments, export_editor.run),
    "agree": Subcommand(agree.HELP, agree.add_arguments, agree.run),
    "bench": Subcommand(bench.HELP, bench.add_arguments, bench.run),
    "compare": Subcommand(compare.HELP, compare.add_arguments, compare.run),
    "metrics": Subcommand(metrics.HELP, metrics.add_arguments, metrics.run),
    "rate": Subcommand(rate.HELP, rate.add_arguments, rate.run),
    "reward-bench": Subcommand(reward_bench.HELP, reward_bench.add_arguments, reward_bench.run),
    "bench-set": Subcommand(bench_set.HELP, bench_set.add_arguments, bench_set.run),
    "bench-tables": Subcommand(bench_tables.HELP, bench_tables.add_arguments, bench_tables.run),
}
