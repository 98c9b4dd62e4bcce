"""Tests that the import and export commands in the documents run in a folder with the named data."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.pair_files import make_image, make_mask, omniedit_rows, write_parquet
from helpers.scored_run import make_run

REPOSITORY = Path(__file__).parents[2]
PAGES = ("README.md", "docs/your-own-data.md")


def read_commands(page: str) -> list[str]:
    """Return the commands for pairs that a page shows, as a shell would receive them."""
    lines = (REPOSITORY / page).read_text().splitlines()
    shown = [line.strip().partition(" # ")[0] for line in lines]
    return [line for line in shown if line.startswith(("omniedit import ", "omniedit export "))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the data sets and runs that the documents name."""
    write_parquet(tmp_path / "data/omniedit/0.parquet", omniedit_rows(2))
    image, mask = ({"bytes": content, "path": None} for content in (make_image(), make_mask()))
    columns = {"img_id": ["1"], "turn_index": [1], "source_img": [image], "mask_img": [mask], "target_img": [image]}
    write_parquet(tmp_path / "data/magicbrush/0.parquet", {**columns, "instruction": ["Go."]})
    for name in ("before_after/source", "before_after/target"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "a.png").write_bytes(make_image())
    (tmp_path / "data/before_after/target/a.txt").write_text("Make it night.")
    (tmp_path / "data/a.png").write_bytes(make_image())
    (tmp_path / "data/pairs.csv").write_text("before,after,ask\na.png,a.png,Go.\n")
    (tmp_path / "data/mine").mkdir()
    (tmp_path / "data/mine/a.png").write_bytes(make_image())
    (tmp_path / "data/mine/0.jsonl").write_text(json.dumps({"before": "a.png", "after": "a.png", "ask": "Go."}))
    text = (REPOSITORY / "docs/your-own-data.md").read_text().partition("with `data/mine.yaml`:\n\n")[2]
    (tmp_path / "data/mine.yaml").write_text(text.partition("\n\n")[0].replace("\n    ", "\n").removeprefix("    "))
    _write_perception(tmp_path)
    make_run(tmp_path / "results/mini", {"a": 9.0, "b": 5.0}, instruction="Go.")
    return tmp_path


def _write_perception(folder: Path) -> None:
    """Write the segmentation data and the questions that the documents name, one row each."""
    for name in ("val2017", "train2017", "annotations"):
        (folder / name).mkdir()
    for name in ("val2017", "train2017"):
        (folder / name / "a.png").write_bytes(make_image())
    region = {"image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}
    instances: dict[str, list[dict[str, object]]] = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [region],
    }
    instances["categories"] = [{"id": 1, "name": "dog"}]
    (folder / "annotations/instances_val2017.json").write_text(json.dumps(instances))
    turns = [{"from": "human", "value": "What is it?"}, {"from": "gpt", "value": "A dog."}]
    (folder / "llava_instruct_150k.json").write_text(json.dumps([{"image": "a.png", "conversations": turns}]))


@pytest.mark.parametrize("page", PAGES)
def test_documented_pair_commands_work_as_shown(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    shown = read_commands(page)
    assert any("import" in line for line in shown) and any("export" in line for line in shown)
    for line in shown:
        command = [sys.executable, "-m", *shlex.split(line)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        assert "\n0 pairs" not in done.stdout and "rejected" not in done.stdout, (line, done.stdout)
