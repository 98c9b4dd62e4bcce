"""Local page to look at a run's pairs and decide by hand: `omniedit browse`."""

import getpass
import os
import threading
from importlib.util import find_spec

from omniedit.browsing.run_files import find_run
from omniedit.errors import UserError


def serve(run: str, port: int, who: str | None) -> None:
    """Serve the page until an interrupt or SIGTERM ends the process.

    Args:
        who: name to record with decisions; None for the user's name.

    Raises:
        UserError: the run does not exist, the port is taken, or a package is missing.
    """
    folder = find_run(run)
    if find_spec("jinja2") is None:
        raise UserError("Jinja is not installed; run: pip install 'omniedit[report]'")
    from omniedit.browsing.catalog import Catalog
    from omniedit.browsing.server import BrowseServer

    catalog = Catalog(folder, who or user_name())
    server = BrowseServer(catalog, port)
    threading.Thread(target=catalog.read_shards, daemon=True).start()
    server.serve(f"shows {folder}; Ctrl-C ends it")
    os._exit(0)  # at once: h5py's exit handler would wait forever for a thread that was reading a file


def user_name() -> str:
    """Return the name of this user, or a general one in a container without users."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
