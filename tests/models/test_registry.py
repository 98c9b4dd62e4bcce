"""Tests of fetching models over HTTP, from a small server that answers like the hub with tiny files."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from helpers.chain import REPOSITORY, checkout, environment, options
from helpers.hub_entry import ENTRY
from helpers.preloaded import run_snakemake
from omniedit.errors import UserError
from omniedit.models.registry import MODELS, describe_unready, model_folder, read_models
from omniedit.tasks import OMNIEDIT_TASKS


@pytest.fixture
def logged_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)


@pytest.mark.usefixtures("logged_out")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        (
            {"revision": None},
            "run: python scripts/fetch_models.py style --pin && snakemake --force {records}/style.json",
        ),
        ({"gated": True}, "snakemake --force {records}/style.json; before that accept its licence (Apache-2.0) at"),
        (
            {"class": "StableDiffusionPipeline"},
            "a StableDiffusionPipeline cannot be used here; give one of StableDiffusionXL",
        ),
    ],
)
def test_unready_model_message_gives_the_complete_command(changes: dict, words: str | None, tmp_path: Path) -> None:
    entries = {"style": {**ENTRY, "class": "StableDiffusionXLInstructPix2PixPipeline", **changes}, "base": ENTRY}
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(entries))
    lines = describe_unready(["style", "base"], tmp_path / "models.yaml", tmp_path / "models")
    assert len(lines) == (words is not None)
    assert all(str(words).format(records=tmp_path / "models") in line for line in lines)


@pytest.mark.parametrize("record", ['{"repository": "lab/ti', "{}", "[]", '{"files": {"a": 1}}'])
def test_incomplete_record_raises_error(record: str, tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text(yaml.safe_dump({"base": ENTRY}))
    (tmp_path / "base.json").write_text(record)
    words = r"base.json: damaged, or not a record of a fetched model; .*snakemake --force .*base.json"
    with pytest.raises(UserError, match=words):
        model_folder("base", tmp_path / "models.yaml", tmp_path)
    assert len(describe_unready(["base"], tmp_path / "models.yaml", tmp_path)) == 1


def test_run_stops_before_its_first_job_if_models_are_missing(tmp_path: Path) -> None:
    tasks = {task.name: {"pairs_per_shard": 0} for task in OMNIEDIT_TASKS}
    tasks["object_removal"] = {"pairs_per_shard": 1, "specialist": "learned"}
    judges = {"scoring": {"judge": "internvl", "teacher": None}, "bench": {"judge": "internvl"}}
    root = checkout(tmp_path, {"tasks": tasks, "learned": {"replies": "replies.jsonl"}, **judges})
    (root / "replies.jsonl").touch()
    (root / "config").unlink()
    shutil.copytree(REPOSITORY / "config", root / "config")
    entries = yaml.safe_load((REPOSITORY / MODELS).read_text())
    entries["detector"]["revision"] = None
    entries["segmenter"]["class"] = "Sam9Model"
    (root / MODELS).write_text(yaml.safe_dump(entries))
    variables = {**environment(), "HF_TOKEN": "hf_somebody"}

    def run(option: str) -> subprocess.CompletedProcess[str]:
        target = "results/mini/candidates/object_removal/00000.h5"
        return run_snakemake(options(target, option), root, variables)

    lines = [
        "error: IDEA-Research/grounding-dino-base (role detector) was not fetched; config/models.yaml pins no "
        "revision of it; on a machine with internet access, run: python scripts/fetch_models.py detector --pin && "
        "snakemake --force models/detector.json",
        "error: config/models.yaml: segmenter: a Sam9Model cannot be used here; give one of SamModel, Sam2Model",
    ]
    done = run("--keep-going")
    assert done.returncode and [line for line in done.stderr.splitlines() if line.startswith("error")] == lines
    assert not (root / "results/mini/sources").exists() and not (root / "models").exists()
    looked = run("--dry-run")
    assert looked.returncode == 0 and all(line in looked.stderr for line in lines)


def test_repository_models_are_pinned_except_for_known_ones() -> None:
    models = read_models(REPOSITORY / MODELS)
    assert {"base", "judge", "detector", "segmenter", "inpainting", "generation", "style"} <= set(models)
    assert [role for role, model in models.items() if model.revision is None] == [
        *("instruct_pix2pix", "editscore", "style", "editing", "ip_adapter", "depth", "controlnet_depth", "semantic")
    ]
