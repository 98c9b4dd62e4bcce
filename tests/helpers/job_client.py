"""Program that stands in for `python` on a PATH of `preloaded_jobs`, which defines REAL before it.

It asks the preloaded process to run a script of the checkout or Snakemake, passes signals on and ends as that ends.
Scripts that fetch from another model hub run as usual, because its address is read by an import.
"""

# Importing pathlib would take longer than all the rest.
# ruff: noqa: PTH109, PTH118, PTH120

import json
import os
import signal
import socket
import sys

FOLDER = os.environ["PRELOADED_JOBS"]
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


def is_job(arguments):
    if arguments[:2] == ["-m", "snakemake"]:
        return True
    script = os.path.realpath(arguments[0]) if arguments else ""
    return (
        os.path.dirname(script) == os.environ["PRELOADED_SCRIPTS"]
        and script.endswith(".py")
        and "HF_ENDPOINT" not in os.environ
    )


def run(arguments):
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(os.path.join(FOLDER, "socket"))
        umask = os.umask(0)
        request = {"arguments": arguments, "folder": os.getcwd(), "variables": dict(os.environ), "umask": umask}
        socket.send_fds(server, [b"."], [0, 1, 2])
        server.sendall(json.dumps(request).encode() + b"\n")
        answers = server.makefile()
        job = int(answers.readline())
        for number in FORWARDED:
            signal.signal(number, lambda number, _: os.kill(job, number))
        return int(answers.readline())


if not is_job(sys.argv[1:]):
    os.execv(REAL, [REAL, *sys.argv[1:]])  # noqa: F821
status = run(sys.argv[1:])
if status < 0:
    if status != -signal.SIGKILL:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
