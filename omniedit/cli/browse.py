"""Local page to look at a run's pairs and decide by hand: `omniedit browse`."""

import argparse
import getpass
import os
import threading
from importlib.util import find_spec

from omniedit.browsing.run_files import find_run
from omniedit.cli.arguments import port, run_name, words
from omniedit.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=run_name, help="name of the run, or its folder")
    parser.add_argument("--port", type=port, default=7870, help="port on this machine (default: %(default)s)")
    parser.add_argument("--who", type=words, help="name to record with decisions (default: your user name)")


def run(args: argparse.Namespace) -> None:
    """Serve the page until an interrupt or SIGTERM ends the process.

    Raises:
        UserError: the run does not exist, the port is taken, or a package is missing.
    """
    folder = find_run(args.run)
    if find_spec("jinja2") is None:
        raise UserError("Jinja is not installed; run: pip install 'omniedit[report]'")
    from omniedit.browsing.catalog import Catalog
    from omniedit.browsing.server import BrowseServer

    catalog = Catalog(folder, args.who or user_name())
    server = BrowseServer(catalog, args.port)
    threading.Thread(target=catalog.read_shards, daemon=True).start()
    server.serve(f"shows {folder}; Ctrl-C ends it")
    os._exit(0)  # exit at once, because h5py's exit handler would wait forever for a thread that was reading a file


def user_name() -> str:
    """Return the name of this user, or a general one in a container without users."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
