"""Tests that the commands, configs and Python of the documents on pairs work as shown."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.pair_files import make_image, make_mask, omniedit_rows, write_parquet
from helpers.scored_run import make_run
from omniedit.config.loading import load
from omniedit.config.schema import Config
from omniedit.pairs import EditPair
from omniedit.tasks import Task

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


def read_blocks(page: str) -> list[str]:
    """Return the indented blocks of a page, without their indentation."""
    text = (REPOSITORY / page).read_text()
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", text, re.MULTILINE)
    return [textwrap.dedent(block).strip() for block in found]


def test_documented_configs_are_valid(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for name in ("photos", "refcoco", "data/emu_edit_test"):
        (folder / name).mkdir(parents=True)
    shutil.copy(folder / "annotations/instances_val2017.json", folder / "refcoco/refs.json")
    sections = {*Config.model_fields}
    blocks = [block for block in read_blocks(PAGES[1]) if block.partition(":")[0] in sections]
    assert len(blocks) >= 7
    for block in blocks:
        for number, text in enumerate(block.splitlines() if block.count("\nsources:") else [block]):
            if "s3://" in text or "sources: { kind: parquet" in text:  # 1231 archives, or photos that are not here
                continue
            config = folder / f"my{number}.yaml"
            config.write_text(text)
            assert load(config) is not None, text


def test_documented_python_runs_as_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = folder / "results/mini/sources/index.parquet"
    write_parquet(index, {"status": ["kept"], "file": ["a.jpg"], "reason": [""]})
    (shown,) = [block for block in read_blocks(PAGES[1]) if block.startswith('python -c "')]
    python = shown.replace("python -c", f"{shlex.quote(sys.executable)} -c")
    done = subprocess.run(python, shell=True, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "kept a.jpg \n"), done.stderr
    blocks = read_blocks(PAGES[1])
    (snippet,) = [block for block in blocks if block.startswith("from omniedit.instructions.composed_pairs")]
    image = np.zeros((8, 8, 3), np.uint8)
    pair = EditPair("a", Task.STYLE_TRANSFER, ("Go.",), image, image, None, {"source_id": "a"})
    names: dict[str, Any] = {"pair": pair, "first": pair, "second": pair, "turns": [pair, pair]}
    exec(snippet, names)
    assert names["back"] is names["both"] is names["whole"] is None


def test_documented_script_grows_pairs_as_shown(folder: Path) -> None:
    (shown,) = [line for block in read_blocks(PAGES[1]) for line in block.splitlines() if "grow_pairs.py" in line]
    command = shown.replace("python scripts", f"{shlex.quote(sys.executable)} {shlex.quote(str(REPOSITORY))}/scripts")
    env = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, shell=True, cwd=folder / "results/mini", capture_output=True, text=True, env=env)
    assert done.returncode == 0 and "0 inverse pairs from 1 accepted" in done.stdout, (done.stdout, done.stderr)
