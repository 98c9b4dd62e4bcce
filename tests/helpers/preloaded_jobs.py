"""Jobs of the workflow in processes that are forked from one which has already imported what they need.

A job of the small chain computes for a second and imports for three to ten; on Slurm, two more processes of Snakemake
lead to it. `jobs_environment` puts a `python` on the PATH (`job_client.py`) that hands the scripts of this checkout and
Snakemake to that process, and runs anything else as usual.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from filelock import FileLock

from omniedit.storage import atomic

CLIENT = Path(__file__).with_name("job_client.py")
REPOSITORY = Path(__file__).parents[2]
SKIPPED = ("omniedit.run", "omniedit.cli", "omniedit.__main__", "omniedit.scoring.vlm_judges.vllm")
"""Modules that jobs of the tests do not import."""
SNAKEMAKE = ("snakemake.cli", "snakemake_executor_plugin_slurm", "snakemake_executor_plugin_slurm_jobstep")


@cache
def jobs_environment() -> dict[str, str]:
    """Start the process, once for all workers of pytest-xdist, and return the variables that lead jobs to it.

    It ends with pytest.
    """
    in_worker = "PYTEST_XDIST_TESTRUNUID" in os.environ
    pytest = os.getppid() if in_worker else os.getpid()
    folder = Path(tempfile.gettempdir(), f"omniedit-jobs-{pytest}")
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "python").exists():
            _start(folder, pytest)
    path = f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "PRELOADED_JOBS": str(folder), "PRELOADED_SCRIPTS": str(REPOSITORY / "scripts")}


def _start(folder: Path, pytest: int) -> None:
    command = [sys.executable, "-m", "helpers.preloaded_jobs", str(folder), str(pytest)]
    variables = os.environ | {
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    with (folder / "log").open("wb") as log:
        subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    while not (folder / "socket").exists():
        time.sleep(0.05)
    (folder / "python").write_text(f"#!{sys.executable} -IS\nREAL = {sys.executable!r}\n{CLIENT.read_text()}")
    (folder / "python").chmod(0o755)


def serve(folder: Path, pytest: int) -> None:
    """Fork a process for each request until pytest ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
        server.listen(64)
        gc.disable()  # the imports leave nothing to collect
        for name in (*SNAKEMAKE, *_modules()):
            importlib.import_module(name)
        gc.freeze()
        gc.enable()
        while _is_alive(pytest):
            if select.select([server], [], [], 1.0)[0]:
                client = server.accept()[0]
                if not os.fork():
                    server.close()
                    _supervise(client)
                client.close()


def _modules() -> Iterator[str]:
    for module in pkgutil.walk_packages([str(REPOSITORY / "omniedit")], "omniedit."):
        if not module.name.startswith(SKIPPED):
            yield module.name


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _supervise(client: socket.socket) -> None:
    """Run a job, report its end, and end it with its client."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, streams = _receive(client)
    job = os.fork()
    if not job:
        client.close()
        _run(streams, **request)
    for stream in streams:
        os.close(stream)
    client.sendall(f"{job}\n".encode())
    ended = os.pidfd_open(job)
    if client.fileno() in select.select([client.fileno(), ended], [], [])[0]:
        os.kill(job, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
    with suppress(BrokenPipeError):  # the client was killed
        client.sendall(f"{status}\n".encode())
    os._exit(0)


def _receive(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive a request, a line of JSON, with the client's standard streams."""
    _, streams, _, _ = socket.recv_fds(client, 1, 3)
    return json.loads(client.makefile().readline()), list(streams)


def _run(streams: list[int], arguments: list[str], folder: str, variables: dict[str, str], umask: int) -> NoReturn:
    """Take on the streams, folder, variables and umask of a job, run its script or Snakemake, then exit."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.umask(umask)
    atomic._UMASK = umask  # read at its import
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    status = 0
    try:
        if arguments[0] == "-m":
            _run_snakemake(arguments[2:])
        else:
            sys.argv = arguments
            sys.path[:0] = [str(Path(arguments[0]).parent)]
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as exit:
        status = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    finish(status)


def _run_snakemake(arguments: list[str]) -> None:
    """Run Snakemake, whose own processes of Snakemake are forked too."""
    from snakemake.cli import main

    sys.argv = ["snakemake", *arguments]
    sys.path[0] = str(Path.cwd())
    sys.executable = os.environ["PRELOADED_JOBS"] + "/python"
    main()


def finish(status: int) -> NoReturn:
    """End this process as the interpreter does, but leave its modules, which take two seconds to clear."""
    threading._shutdown()  # type: ignore[attr-defined]  # joins threads, after the hooks of executors
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
