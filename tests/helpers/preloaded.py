"""Snakemake in processes that are forked from one which has already imported it.

The imports of Snakemake take two seconds of processor time, more than a dry run of the small chain.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path


def run_snakemake(arguments: list[str], folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `snakemake ARGUMENTS` in a folder, with these environment variables only."""
    with tempfile.TemporaryDirectory() as screens:
        out, err = Path(screens, "out"), Path(screens, "err")
        streams = [os.devnull, str(out), str(err)]
        request = {"arguments": arguments, "folder": str(folder), "variables": dict(variables), "streams": streams}
        server = _server()
        assert server.stdin and server.stdout
        server.stdin.write(f"{json.dumps(request)}\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        return subprocess.CompletedProcess(arguments, status, out.read_text(), err.read_text())


@cache
def _server() -> subprocess.Popen[str]:
    """Start the process that forks; it ends with this one, whose pipe it reads."""
    return subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _serve() -> None:
    import snakemake.cli  # noqa: F401

    import omniedit.config.schema  # noqa: F401

    gc.freeze()
    while line := sys.stdin.readline():
        pid = os.fork()
        if not pid:
            _snakemake(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _snakemake(arguments: list[str], folder: str, variables: dict[str, str], streams: list[str]) -> None:
    """Take on the request's streams, folder and variables, and run Snakemake, which exits."""
    from snakemake.cli import main

    for number, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
    os.setpgid(0, 0)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.path[0] = folder
    sys.argv = ["snakemake", *arguments]
    main()


if __name__ == "__main__":
    _serve()
