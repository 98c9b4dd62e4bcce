"""Tests of editors that are command lines."""

import time
from pathlib import Path

import numpy as np
import pytest

from helpers.small_bench import noise, small_item
from omniedit.evaluation.bench.editors.command import CommandEditor, fill
from omniedit.evaluation.bench.editors.editor import EditFailure, ItemRequest
from omniedit.evaluation.bench.editors.entries import CommandEntry
from omniedit.imaging.images import Image

COPY = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"


def run(code: str, instruction: str = "make it night", **options) -> Image | EditFailure:
    command = ["python", "-c", code, "{image}", "{output}", "{instruction}", "{seed}"]
    entry = CommandEntry.model_validate({"kind": "command", "command": command, **options})
    item = small_item(0)
    return CommandEditor(entry).edit([ItemRequest(type(item)("a", "t", instruction, item.source), noise(0), 7)])[0]


def test_a_command_reads_the_image_and_writes_the_output() -> None:
    assert np.array_equal(run(COPY), noise(0))


def test_texts_reach_the_command_unchanged(tmp_path: Path) -> None:
    """A shell would run the second command, and a second pass would replace the braces."""
    hostile = f'\'; touch {tmp_path}/owned; echo "$HOME" {{output}} {{seed}}'
    written = tmp_path / "text"
    code = f"import sys, pathlib; pathlib.Path({str(written)!r}).write_text('|'.join(sys.argv[3:])); {COPY}"
    assert isinstance(run(code, hostile), np.ndarray)
    assert written.read_text() == f"{hostile}|7"
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "code, reason",
    [
        ("import sys; print('no weights'); sys.exit(2)", "the command ended with status 2: no weights"),
        ("pass", "the command ended with status 0, but wrote no {output}"),
        ("import sys; open(sys.argv[2], 'w').write('text')", "the command's output"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "status -9: it printed nothing"),
    ],
)
def test_a_command_without_an_image_is_a_failure_with_its_reason(code: str, reason: str) -> None:
    failure = run(code)
    assert isinstance(failure, EditFailure) and reason in failure.reason and failure.kind == "failure"


def test_a_configured_exit_status_is_a_refusal() -> None:
    failure = run("import sys; sys.exit(3)", refusal_status=3)
    assert isinstance(failure, EditFailure) and failure.kind == "refusal"


def test_a_hanging_command_is_stopped_with_all_its_children(tmp_path: Path) -> None:
    sign = tmp_path / "alive"
    child = f"import time, pathlib; time.sleep(2); pathlib.Path({str(sign)!r}).touch()"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    failure = run(code, timeout_s=1.0)
    assert isinstance(failure, EditFailure) and failure.reason == "no output within 1 s"
    time.sleep(2)
    assert not sign.exists()


def test_a_missing_program_is_a_failure() -> None:
    entry = CommandEntry(kind="command", command=["/no/such/program", "{image}", "{output}"])
    (failure,) = CommandEditor(entry).edit([ItemRequest(small_item(0), noise(0), 0)])
    assert isinstance(failure, EditFailure) and "cannot be started" in failure.reason


def test_only_known_placeholders_are_filled() -> None:
    values = {"image": "i.png", "output": "o.png", "instruction": "x", "seed": "1", "item_id": "a"}
    assert fill(["edit", "{image}:{output}", "{json}", "{{seed}}"], values) == ["edit", "i.png:o.png", "{json}", "{1}"]
