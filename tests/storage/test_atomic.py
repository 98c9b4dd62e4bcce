import os
import subprocess
import sys
from pathlib import Path

import pytest

from omniedit.storage.atomic import replace_file


def test_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    path.write_text("old")
    with pytest.raises(RuntimeError), replace_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "editnet"
    path.mkdir()
    (path / "stale").touch()
    with replace_file(path) as temporary:
        temporary.mkdir()
        (temporary / "fresh").touch()
    assert [p.name for p in path.iterdir()] == ["fresh"]


def test_next_write_removes_files_of_a_killed_process(tmp_path: Path) -> None:
    write = (
        "from omniedit.storage.atomic import replace_file\n"
        "with replace_file({!r}) as file:\n file.mkdir(); print(flush=True); input()"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", write.format(str(path))], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for path in (tmp_path / "editnet", tmp_path / "editnet", tmp_path / "base")
    ]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
    killed, alive, other = writers
    for writer in (killed, other):
        writer.kill()
        writer.wait()
    assert len(list(tmp_path.iterdir())) == 3
    with replace_file(tmp_path / "editnet") as temporary:
        temporary.mkdir()
    left = {path.name.split(".")[-2] for path in tmp_path.glob(".*.tmp")}
    assert left == {str(alive.pid), str(other.pid)}
    alive.kill()
    alive.wait()


def test_files_of_another_pid_namespace_are_not_removed(tmp_path: Path) -> None:
    """Process ids of that namespace mean nothing here, although its container has this host's name."""
    code = (
        "import os; from omniedit.storage import processes\n"
        "processes.pid_namespace = lambda: 'pid:[1]'; os.getpid = lambda: 2**22 + 1\n"
        "from omniedit.storage.atomic import replace_file\n"
        f"with replace_file({str(tmp_path / 'editnet')!r}) as file: file.mkdir(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    (writing,) = tmp_path.iterdir()
    with replace_file(tmp_path / "editnet") as temporary:
        temporary.touch()
    assert writing.is_dir()


def test_files_of_another_machine_are_removed_after_a_day(tmp_path: Path) -> None:
    left = [tmp_path / f".editnet.node{number}.1.tmp" for number in (1, 2)]
    for folder in left:
        folder.mkdir()
        (folder / "weights").touch()
        os.utime(folder, (0, 0))
    os.utime(left[0] / "weights", (0, 0))
    with replace_file(tmp_path / "editnet") as temporary:
        temporary.touch()
    assert not left[0].exists() and left[1].exists()


def test_written_files_respect_the_umask(tmp_path: Path) -> None:
    write = (
        "import os; from pathlib import Path; os.umask(0o002); from omniedit.storage.atomic import replace_file\n"
        f"with replace_file({str(tmp_path / 'editnet')!r}) as folder:\n"
        " weights = folder / 'vae/weights'; weights.parent.mkdir(parents=True)\n"
        " weights.touch(); weights.chmod(0o600)\n"
    )
    subprocess.run([sys.executable, "-c", write], check=True)
    assert (tmp_path / "editnet/vae/weights").stat().st_mode & 0o777 == 0o664


FULL = "No space left on device"


@pytest.mark.parametrize("error", [OSError(28, FULL), RuntimeError(f"I/O: {FULL}")])
def test_a_full_disk_names_the_file_that_was_written(tmp_path: Path, error: Exception) -> None:
    file = tmp_path / "a.npz"
    with pytest.raises(OSError, match=FULL) as raised, replace_file(file) as temporary:
        temporary.write_bytes(b"part")
        raise error
    assert raised.value.filename == str(file) and not list(tmp_path.iterdir())
