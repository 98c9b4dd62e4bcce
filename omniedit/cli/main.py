"""The `omniedit` command."""

import argparse
import errno
import os
import select
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from omniedit import __version__
from omniedit.errors import UserError
from omniedit.run.program import run_program

COMMANDS = {
    "doctor": "report what this machine can run, and what each profile lacks",
    "check": "check config files, merged as Snakemake merges them",
    "status": "report the done, running, failed and waiting jobs of a run",
    "inspect": "count a run's pairs, or show one pair with its provenance and scores",
    "browse": "serve a local page to look at pairs and accept or reject them",
    "plan": "estimate the time, memory and cost of a config's run",
    "edit": "edit images from an instruction",
    "demo": "serve a web page that edits images",
    "score": "score the images of a table by a rubric",
    "imagine": "make photos of rarely combined concepts with a language model and a text-to-image model",
    "import": "import edit pairs from another data set, or from folders of your own, as candidates of a run",
    "export": "export the pairs of a run in the formats that other trainers read",
    "export-editor": "export an editor as one file for ComfyUI, or its adapters as a LoRA",
    "agree": "compare a judge's scores with people's ratings or other scores",
    "bench": "compare editors on a benchmark",
    "compare": "let a judge compare editors in pairs, and rank the editors",
    "metrics": "measure the edited images of a table by L1, LPIPS, DINO, CLIP and other metrics",
    "rate": "serve a local page where people rate edits, and report their ratings",
    "reward-bench": "measure a judge's recorded votes or scores on a reward bench",
    "bench-set": "list and read benchmark sets, make your own, compute a benchmark's table from recorded scores",
    "bench-tables": "compare filtered with unfiltered runs, and architectures: the paper's Tables 6 and 7",
}
"""Line of help of each subcommand."""
MODULES = {"import": "import_pairs", "export": "export_pairs"}
"""Modules of subcommands that have another name."""
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
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=f"{text[:1].upper()}{text[1:]}.")
        if name in sys.argv:
            _load(name).add_arguments(command)
    args = parser.parse_args()
    try:
        _load(args.command).run(args)
    except OSError as error:
        if error.errno not in PATH_ERRORS or error.filename is None:
            raise
        raise UserError(f"{error.filename}: {error.strerror}; give another path") from None


def _load(command: str) -> ModuleType:
    """Import the module of a subcommand; those of the others stay unloaded."""
    return import_module(f"{__package__}.{MODULES.get(command, command.replace('-', '_'))}")
