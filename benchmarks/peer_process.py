"""Readers of other libraries in a process of another environment."""

import json
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

Round = Callable[[np.ndarray], float]
"""Function that reads the pairs at these rows and returns the processor seconds."""


def write_records(folder: Path, kind: str, records: list[dict[str, bytes]], shapes: dict[str, list[int]]) -> None:
    (folder / "records").mkdir(parents=True)
    for row, record in enumerate(records):
        for field, value in record.items():
            (folder / "records" / f"{row}.{field}").write_bytes(value)
    about = {"kind": kind, "count": len(records), "shapes": shapes}
    (folder / "index.json").write_text(json.dumps(about))


def open_peers(python: Path, folder: Path, stack: ExitStack) -> dict[str, Round]:
    """Start the peers' process on a folder of records and return a function for each of its readers."""
    command = [str(python), str(Path(__file__).with_name("loader_peers.py")), str(folder)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    stack.callback(process.kill)
    assert process.stdin is not None and process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def answer() -> dict[str, Any]:
        for line in stdout:
            if line.startswith('{"'):
                return json.loads(line)
        raise SystemExit(f"{python}: ended with status {process.wait()}")

    def make_round(name: str) -> Round:
        def run(rows: np.ndarray) -> float:
            stdin.write(f"{name}\n")
            stdin.flush()
            return float(answer()["seconds"])

        return run

    while "readers" not in (reply := answer()):
        print(f"{reply['failed']}: not measured: {reply['why']}")
    return {name: make_round(name) for name in reply["readers"]}
