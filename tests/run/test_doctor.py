import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.chain import REPOSITORY
from omniedit.config.loading import load
from omniedit.models.registry import ModelEntry, get_model, required_roles
from omniedit.run import doctor


def test_doctor_prints_ten_lines_that_start_with_their_subject() -> None:
    done = subprocess.run([sys.executable, "-m", "omniedit", "doctor"], capture_output=True, text=True)
    assert done.returncode == 0
    subjects = [line.split()[0] for line in done.stdout.splitlines()]
    assert len(subjects) == 10
    assert {"cpu", "gpu", "attention", "slurm", "models", "embedded"} <= set(subjects)


def test_missing_package_is_reported_for_the_embedded_run(monkeypatch: pytest.MonkeyPatch) -> None:
    found = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "pypatchmatch" else found(name))
    assert doctor.missing_for_embedded() == ["package pypatchmatch"]


def test_missing_models_are_those_required_by_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").symlink_to(REPOSITORY / "config")
    monkeypatch.chdir(tmp_path)
    assert doctor.missing_models(doctor.DEFAULT) == []
    required = required_roles(load(doctor.PAPER))
    assert doctor.missing_models(doctor.PAPER) == required and "judge" in required
    model = get_model("judge")
    (tmp_path / "models").mkdir()
    (tmp_path / "models/judge.json").write_text(json.dumps(model_record(model, tmp_path / "nothing")))
    assert doctor.missing_models(doctor.PAPER) == [role for role in required if role != "judge"]


def model_record(model: ModelEntry, folder: Path) -> dict[str, object]:
    return {"repository": model.repository, "revision": model.revision, "folder": str(folder), "files": {}}


def test_missing_sbatch_is_reported_for_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "sbatch on the PATH" in doctor.missing_for_cluster()
