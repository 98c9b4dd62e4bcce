import signal
import subprocess
import sys
from pathlib import Path

import pytest

from omniedit.errors import UserError, error_line
from omniedit.storage.quarantine import quarantine_damaged

PROGRAM = """
import time
from omniedit.errors import UserError
from omniedit.run.program import run_program
def main():
    {body}
run_program(main)
"""


def test_user_error_is_one_line_without_traceback() -> None:
    program = PROGRAM.format(body="raise UserError('a.yaml: key: wrong; give another')")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: a.yaml: key: wrong; give another\n"


def test_ctrl_c_is_one_line_and_ends_the_program_by_the_signal() -> None:
    body = "import os, signal; signal.signal(2, signal.default_int_handler); os.kill(os.getpid(), 2)"
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(body=body)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGINT and done.stderr == "error: interrupted\n"


@pytest.mark.parametrize(
    "error", ["OSError(28, 'No space left on device', 'a.h5')", "RuntimeError('write failed: No space left on device')"]
)
def test_full_disk_is_one_line_without_traceback(error: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(body=f"raise {error}")], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert done.stderr.endswith("; free some space and run again\n")


def test_damaged_file_is_recorded_and_set_aside_by_the_next_run(tmp_path: Path) -> None:
    run = tmp_path / "results/mini"
    table = run / "scorer/agreement.parquet"
    table.parent.mkdir(parents=True)
    (table.parent / "config.json").write_text("the model's")
    table.write_bytes(b"no table")
    program = PROGRAM.format(body=f"from omniedit.storage.parquet import read_rows; read_rows({str(table)!r})")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith(f"error: {table}: damaged: not a valid Parquet file")
    assert done.stderr.endswith("run the same snakemake command again to recreate it\n") and table.is_file()
    subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert quarantine_damaged(run) == [table]
    assert {path.name for path in table.parent.iterdir()} == {"agreement.parquet.damaged", "config.json"}
    assert quarantine_damaged(run) == []


def test_damaged_file_outside_a_run_is_to_be_deleted(tmp_path: Path) -> None:
    (tmp_path / "00000.parquet").write_bytes(b"no table")
    program = PROGRAM.format(
        body=f"from omniedit.storage.parquet import read_rows; read_rows({str(tmp_path / '00000.parquet')!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.endswith("delete it to recreate it\n") and len(list(tmp_path.iterdir())) == 1


def test_temporarily_unreadable_file_is_not_called_damaged(tmp_path: Path) -> None:
    program = PROGRAM.format(body=f"from omniedit.pairs import Shard; Shard({str(tmp_path)!r})")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2 and "cannot be read" in done.stderr and tmp_path.is_dir()


def test_error_line_is_printable_redacted_and_keeps_its_remedy() -> None:
    line = error_line(UserError("a.csv:\n'\x1b[31m\0'\nhttp://bob:hunter2@host/v1 " + "x" * 10_000 + "; give another"))
    assert line.startswith("a.csv: ' [31m ' http://***@host/v1 xxx") and line.endswith("xxx; give another")
    assert line.isprintable() and len(line) < 1300
