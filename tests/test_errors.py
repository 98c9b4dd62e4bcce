import os
import socket
import subprocess
import sys
from pathlib import Path

from omniedit.damage import set_aside_damaged

PROGRAM = """
import time
from omniedit.errors import UserError, run_program
def main():
    {body}
run_program(main)
"""


def test_a_users_mistake_is_one_line_without_traceback() -> None:
    program = PROGRAM.format(body="raise UserError('a.yaml: key: wrong; give another')")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: a.yaml: key: wrong; give another\n"


def test_a_damaged_file_is_noted_and_set_aside_by_the_next_run(tmp_path: Path) -> None:
    table = tmp_path / "scores/style_transfer/00000.parquet"
    table.parent.mkdir(parents=True)
    table.write_bytes(b"no table")
    program = PROGRAM.format(body=f"from omniedit.tables import read_rows; read_rows({str(table)!r})")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith(f"error: {table}: damaged: not a whole Parquet file")
    assert done.stderr.endswith("delete it to make it anew\n") and table.is_file()

    (tmp_path / "config.json").write_text("{}")
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert done.stderr.endswith("run the same snakemake command again to make it anew\n") and table.is_file()
    assert set_aside_damaged(tmp_path) == [table]
    assert [path.name for path in table.parent.iterdir()] == ["00000.parquet.damaged"]
    assert set_aside_damaged(tmp_path) == []


def test_a_file_that_cannot_be_had_now_is_not_called_damaged(tmp_path: Path) -> None:
    program = PROGRAM.format(body=f"from omniedit.pairs import Shard; Shard({str(tmp_path)!r})")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2 and "cannot be read" in done.stderr and tmp_path.is_dir()


def test_a_job_ends_with_the_run_that_started_it() -> None:
    controller = subprocess.Popen(["sleep", "60"])
    environment = {**os.environ, "OMNIEDIT_CONTROLLER": f"{socket.gethostname()}:{controller.pid}"}
    job = subprocess.Popen([sys.executable, "-c", PROGRAM.format(body="time.sleep(60)")], env=environment)
    controller.kill()
    controller.wait()
    assert job.wait(timeout=20) == 1
