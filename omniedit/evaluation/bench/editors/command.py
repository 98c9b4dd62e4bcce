"""Editor that is a command line, run once for each item without a shell."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from omniedit.evaluation.bench.editors.editor import BenchEditor, EditFailure, FailureKind, ItemRequest
from omniedit.evaluation.bench.editors.entries import CommandEntry
from omniedit.imaging.decode import UnreadableImage
from omniedit.imaging.images import Image, encode_png
from omniedit.plain_text import clean_line
from omniedit.redaction import redact
from omniedit.sources.photo_file import EncodedPhoto

_PLACEHOLDER = re.compile(r"\{(image|instruction|output|seed|item_id)\}")
MAX_REASON_LENGTH = 300


class CommandEditor(BenchEditor):
    """Editor that runs a command for each item.

    The command reads {image}, a PNG file, and writes {output}, an image of any supported format and size.
    """

    batch_size = 1

    def __init__(self, entry: CommandEntry) -> None:
        self.entry, self.sizes = entry, entry.sizes
        self.version = redact(f"command {' '.join(entry.command)}")

    def edit(self, requests: Sequence[ItemRequest]) -> list[Image | EditFailure]:
        return [self._edit(request) for request in requests]

    def _edit(self, request: ItemRequest) -> Image | EditFailure:
        with tempfile.TemporaryDirectory(prefix="omniedit-bench-") as name:
            image, output, log = (Path(name, file) for file in ("image.png", "output.png", "log.txt"))
            image.write_bytes(encode_png(request.source))
            item = request.item
            values = {"image": str(image), "output": str(output), "instruction": item.instruction}
            values |= {"seed": str(request.seed), "item_id": item.item_id}
            failure = self._run(fill(self.entry.command, values), log)
            return failure or _read_output(output)

    def _run(self, arguments: Sequence[str], log: Path) -> EditFailure | None:
        """Run the command in its own process group; return a failure unless it exits with 0."""
        try:
            with log.open("wb") as file:
                process = subprocess.Popen(
                    arguments, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
                )
        except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
            return EditFailure(f"the command cannot be started: {error}")
        try:
            status = process.wait(self.entry.timeout_s)
        except subprocess.TimeoutExpired:
            return EditFailure(f"no output within {self.entry.timeout_s:g} s")
        finally:
            _end_group(process)
        if not status:
            return None
        kind = FailureKind.REFUSAL if status == self.entry.refusal_status else FailureKind.FAILURE
        return EditFailure(f"the command ended with status {status}: {_last_line(log)}", kind)


def fill(command: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Fill the placeholders of a command with values; braces in a value are kept. `python` is this Python."""
    filled = [_PLACEHOLDER.sub(lambda place: values[place[1]], part) for part in command]
    return [sys.executable, *filled[1:]] if filled[0] == "python" else filled


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill the processes that the command left running, even after an interrupt."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_bytes()[-10_000:].decode(errors="replace").strip().splitlines()
    return clean_line(redact(lines[-1]), MAX_REASON_LENGTH) if lines else "it printed nothing"


def _read_output(output: Path) -> Image | EditFailure:
    if not output.is_file():
        return EditFailure("the command ended with status 0, but wrote no {output}")
    try:
        with EncodedPhoto(output) as photo:
            return photo.decode()
    except UnreadableImage as error:
        return EditFailure(f"the command's output: {error}")
