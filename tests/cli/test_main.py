"""Tests for the `omniedit` command: an invalid option gives one line, and a reader may stop reading."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from omniedit.cli import main as cli


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--gpus", "0"], "argument --gpus: '0' is not valid; give a whole number, at least 1"),
        (["--gpus", "-8"], "argument --gpus: '-8' is not valid; give a whole number, at least 1"),
        (["--mfu", "0"], "argument --mfu: '0' is not valid; give a number above 0 and at most 1"),
        (["--mfu", "3"], "argument --mfu: '3' is not valid; give a number above 0 and at most 1"),
        (["--pairs", "none"], "argument --pairs: 'none' is not valid; give a whole number, at least 1"),
    ],
)
def test_unplannable_arguments_give_one_line(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["omniedit", "plan", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2 and capsys.readouterr().err.splitlines()[-1].endswith(message)


@pytest.mark.parametrize("port", ["0", "99999", "http"])
def test_an_invalid_port_is_rejected_with_the_valid_range(
    port: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["omniedit", "demo", "--port", port])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2 and "1 to 65535" in capsys.readouterr().err


def test_a_file_in_place_of_an_output_folder_gives_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    words = ["bench", "omniedit", "--editors", "no_edit", "--judges", "none", "-o", str(tmp_path / "file")]
    monkeypatch.setattr("sys.argv", ["omniedit", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: {tmp_path}/file: File exists; give another path\n"


def test_a_path_longer_than_the_system_allows_gives_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / ("x" * 300)
    monkeypatch.setattr("sys.argv", ["omniedit", "import", "jsonl", str(path), "-o", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and line.endswith(": File name too long; give another path")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_command_runs_with_closed_output(closed: str, tmp_path: Path) -> None:
    program = (
        "from omniedit.cli import main as cli; import sys; sys.argv = ['omniedit', 'bench-set', 'list']; cli.main()"
    )
    words = ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, program]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == "" and bool(done.stdout) == (closed == "2>&-")


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_closed_output_pipe_gives_no_traceback(size: int) -> None:
    """Print a text that fits in the buffer, so that the final flush fails, and one that does not."""
    program = f"from omniedit.cli import main as cli\ncli._main = lambda: print('x' * {size})\ncli.main()"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.returncode == 1 and done.stderr == ""


def test_another_broken_pipe_raises_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_lost() -> None:
        raise BrokenPipeError("an endpoint's")

    monkeypatch.setattr(cli, "_main", raise_lost)
    with pytest.raises(BrokenPipeError, match="an endpoint's"):
        cli.main()
