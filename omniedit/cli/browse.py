"""Local page to look at a run's pairs and decide by hand: `omniedit browse`."""

import getpass
import signal
import threading
from importlib.util import find_spec

from omniedit.browsing.files import find_run
from omniedit.errors import UserError


def serve(run: str, port: int, who: str | None) -> None:
    """Serve the page until interrupted.

    Args:
        who: name to record with decisions; None for the user's name.

    Raises:
        UserError: there is no such run, the port is taken, or a package is missing.
    """
    folder = find_run(run)
    if find_spec("jinja2") is None:
        raise UserError("Jinja is not installed; run: pip install 'omniedit[report]'")
    from omniedit.browsing.catalog import Catalog
    from omniedit.browsing.server import LOOPBACK, BrowseServer

    catalog = Catalog(folder, who or user_name())
    try:
        server = BrowseServer(catalog, port)
    except OSError as error:
        raise UserError(f"{LOOPBACK}:{port}: {error.strerror}; give another --port") from None
    threading.Thread(target=catalog.read_shards, daemon=True).start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with server:
        print(f"{server.address}  shows {folder}; Ctrl-C ends it", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def user_name() -> str:
    """Return the name of this user; a container may have none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
