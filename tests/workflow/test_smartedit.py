"""Config of SmartEdit's chain: a dry run plans both stages of the encoder, and its pairs can be made."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from benchmarks.smartedit.make_inputs import write_photos, write_segmentation
from helpers.chain import REPOSITORY, checkout, environment
from helpers.preloaded import run_snakemake
from omniedit.config.loading import load
from omniedit.models.registry import required_roles
from omniedit.specialists.registry import EMBEDDED
from omniedit.tasks import COMPLEX_TASKS

CONFIG = REPOSITORY / "config/smartedit.yaml"


def test_dry_run_plans_complex_pairs_perception_data_and_both_stages_of_the_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = checkout(tmp_path, {}) / "data/smartedit"
    inputs.mkdir(parents=True)
    write_photos(inputs / "photos", 3)
    write_segmentation(inputs / "segmentation", 2)
    (inputs / "language_model").mkdir()
    (inputs / "language_model/config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    config = load(CONFIG)
    Path(config.train.instruction_encoder.questions).mkdir(parents=True)
    options = ["--configfile", str(CONFIG), "--cores", "2", "--dry-run", "--quiet", "rules"]
    done = run_snakemake([*options, "all"], tmp_path, environment())
    assert done.returncode == 0, done.stderr[-2000:]
    jobs = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
    assert [jobs[rule] for rule in ("align_encoder", "train_editor", "import_shard")] == ["1"] * 3
    assert {*COMPLEX_TASKS} < {*config.specialist_tasks} and jobs["synthesize_shard"] == str(
        len(config.specialist_tasks)
    )
    assert required_roles(config) == [], "the language model is a folder, which is not fetched"


def test_the_synthesis_script_accepts_every_task_with_an_embedded_specialist(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = spec_from_file_location("synthesize", REPOSITORY / "scripts/synthesize.py")
    script = module_from_spec(spec)
    spec.loader.exec_module(script)

    def parse(task: str, *more: str) -> str:
        words = ["photos.tar", "--task", task, "--pairs", "1", "--seed", "0", "--out", "out.h5", *more]
        monkeypatch.setattr(sys, "argv", ["synthesize.py", *words])
        return script.parse_arguments().task

    assert [parse(task, "--specialist", "embedded") for task in EMBEDDED] == list(EMBEDDED)
    with pytest.raises(SystemExit):
        parse("complex_reasoning", "--specialist", "learned", "--learned", "{}", "--proposals", "file")
    assert "complex_reasoning has no learned specialist" in capsys.readouterr().err
