"""Web page to edit images from instructions: `omniedit demo`."""

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from omniedit.browsing.local_server import check_address
from omniedit.cli.arguments import add_editor_arguments, port
from omniedit.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for all (default: %(default)s)"
    )
    parser.add_argument("--port", type=port, default=7860, help="port on this machine (default: %(default)s)")
    add_editor_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Serve the page until interrupted.

    Raises:
        UserError: Gradio is not installed, the folder holds no editor, or the port is taken.
    """
    check_gradio()
    check_address(args.host, args.port)
    from omniedit.models.loading import load_editor

    editor = load_editor(args.model, args.device)
    with private_uploads():
        import gradio

        from omniedit.cli.demo_page import CSS, build

        page = build(editor, str(args.model or "the small editor that ships with OmniEdit"))
        try:
            address = {"server_name": args.host, "server_port": args.port}
            page.queue().launch(**address, share=False, theme=gradio.themes.Soft(), css=CSS)
        except OSError as error:
            raise UserError(f"{args.host}:{args.port}: {error}") from None


@contextmanager
def private_uploads() -> Iterator[Path]:
    """Make Gradio store visitors' images in a folder that only this user can read, and delete it at the end.

    SIGTERM and SIGHUP end the block too. Enter it before Gradio is imported.
    """

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with TemporaryDirectory(prefix="omniedit-demo-") as folder:
            os.environ["GRADIO_TEMP_DIR"] = folder
            yield Path(folder)
    finally:
        os.environ.pop("GRADIO_TEMP_DIR", None)
        for number, handler in before.items():
            signal.signal(number, handler)


def check_gradio() -> None:
    """Check that Gradio is installed, and turn off its analytics. Call it before Gradio is imported.

    Raises:
        UserError: Gradio is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    if find_spec("gradio") is None:
        raise UserError("Gradio is not installed; run: pip install 'omniedit[demo]'")
