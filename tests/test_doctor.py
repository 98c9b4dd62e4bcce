import subprocess
import sys

import pytest

from omniedit import doctor


def test_ten_lines_that_start_with_their_subject() -> None:
    done = subprocess.run([sys.executable, "-m", "omniedit", "doctor"], capture_output=True, text=True)
    assert done.returncode == 0
    subjects = [line.split()[0] for line in done.stdout.splitlines()]
    assert len(subjects) == 10
    assert {"cpu", "gpu", "attention", "slurm", "models", "embedded"} <= set(subjects)


def test_a_missing_package_is_named_for_the_embedded_run(monkeypatch: pytest.MonkeyPatch) -> None:
    found = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "pypatchmatch" else found(name))
    assert doctor.missing_for_embedded() == ["package pypatchmatch"]


def test_the_cluster_needs_sbatch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "sbatch on the PATH" in doctor.missing_for_cluster()
