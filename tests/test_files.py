import os
import subprocess
import sys
from pathlib import Path

import pytest

from omniedit.files import hold_lock, replaced


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    path.write_text("old")
    with pytest.raises(RuntimeError), replaced(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "editnet"
    path.mkdir()
    (path / "stale").touch()
    with replaced(path) as temporary:
        temporary.mkdir()
        (temporary / "fresh").touch()
    assert [p.name for p in path.iterdir()] == ["fresh"]


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path: Path) -> None:
    write = (
        "from omniedit.files import replaced\nwith replaced({!r}) as file:\n file.mkdir(); print(flush=True); input()"
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
    with replaced(tmp_path / "editnet") as temporary:
        temporary.mkdir()
    left = {path.name.split(".")[-2] for path in tmp_path.glob(".*.tmp")}
    assert left == {str(alive.pid), str(other.pid)}
    alive.kill()
    alive.wait()


def test_what_another_machine_left_goes_after_a_day(tmp_path: Path) -> None:
    left = [tmp_path / f".editnet.node{number}.1.tmp" for number in (1, 2)]
    for folder in left:
        folder.mkdir()
        (folder / "weights").touch()
        os.utime(folder, (0, 0))
    os.utime(left[0] / "weights", (0, 0))
    with replaced(tmp_path / "editnet") as temporary:
        temporary.touch()
    assert not left[0].exists() and left[1].exists()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    hold = f"from omniedit.files import hold_lock; hold_lock({str(tmp_path / 'lock')!r}); print('held', flush=True); "
    first = subprocess.Popen([sys.executable, "-c", hold + "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdout is not None
    first.stdout.readline()
    second = subprocess.run([sys.executable, "-c", hold], capture_output=True, text=True)
    assert f"process {first.pid}" in second.stderr
    first.kill()
    first.wait()
    assert subprocess.run([sys.executable, "-c", hold], capture_output=True).returncode == 0


def test_a_process_may_ask_for_its_own_lock_again(tmp_path: Path) -> None:
    assert hold_lock(tmp_path / "lock") and hold_lock(tmp_path / "lock")


def test_files_have_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    write = (
        "import os; from pathlib import Path; os.umask(0o002); from omniedit.files import replaced\n"
        f"with replaced({str(tmp_path / 'editnet')!r}) as folder:\n"
        " weights = folder / 'vae/weights'; weights.parent.mkdir(parents=True)\n"
        " weights.touch(); weights.chmod(0o600)\n"
    )
    subprocess.run([sys.executable, "-c", write], check=True)
    assert (tmp_path / "editnet/vae/weights").stat().st_mode & 0o777 == 0o664
