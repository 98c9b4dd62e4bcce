"""Edit pairs of other data sets through the real DAG, alone and together with the pairs of specialists."""

import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.chain import SMALL, checkout, rules_to_run, snakemake, try_snakemake
from omniedit.imaging.images import encode_mask, encoded_size
from omniedit.pairs import Shard
from omniedit.storage.parquet import read_rows
from omniedit.tasks import Task

ALONE = {
    **SMALL,
    "sources": {"kind": "pairs", "format": "magicbrush", "path": "mine", "shards": 2},
    "scoring": {"judge": "student", "teacher": None, "student": {"start": "shipped"}, "canary": None},
    "filter": {"min_score": 0},
    "train": {**SMALL["train"], "base": {"model": "shipped"}},
    "bench": {**SMALL["bench"], "judge": "student", "photos": 1},
}
CHANGED = ("environment_change", "style_transfer", "background_swap")


@pytest.fixture(scope="module")
def root(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with pairs of the small chain as a data set of two files, and a config that reads it."""
    root = checkout(tmp_path_factory.mktemp("imports"), ALONE)
    (root / "mine").mkdir()
    for number, task in enumerate(CHANGED[:2]):
        with Shard(run / f"results/small/candidates/{task}/00000.h5") as shard:
            pairs = [shard.encoded_pair(row) for row in range(len(shard))]
        whole = [encode_mask(np.ones(encoded_size(pair.source)[::-1], bool)) for pair in pairs]
        rows = [
            {
                "img_id": pair.provenance["source_id"],
                "turn_index": 1,
                "source_img": {"bytes": pair.source, "path": None},
                "mask_img": {
                    "bytes": encode_mask(np.ones(encoded_size(pair.source, "source")[::-1], bool)),
                    "path": None,
                },
                "instruction": pair.instructions[0],
                "target_img": {"bytes": pair.edited, "path": None},
            }
            for pair, mask in zip(pairs, whole, strict=True)
        ]
        broken = rows[0] | {"img_id": "broken", "target_img": {"bytes": b"no image", "path": None}}
        pq.write_table(pa.Table.from_pylist([*rows, broken]), root / f"mine/{number}.parquet")
    return root


def test_imported_pairs_reach_an_editor_and_a_report(root: Path) -> None:
    snakemake(root, "all")
    results = root / "results/small"
    assert not (results / "objects").exists(), "nothing is synthesized"
    kept = read_rows(results / "buckets/plan.parquet", ["pair_id", "folder"])
    assert kept and {row["folder"] for row in kept} == {"magicbrush"}
    with Shard(results / "bench/set/magicbrush.h5") as held_out:
        assert len(held_out)
        assert not set(held_out.pair_ids) & {row["pair_id"] for row in kept}
    index = read_rows(results / "sources/imports.parquet", ["file", "status", "reason", "shard"])
    assert sum(row["status"] == "refused" for row in index) == 2, "a broken row in each file"
    assert {row["shard"] for row in index if row["status"] == "kept"} >= {"bench"}
    assert (results / "train/editnet/model_index.json").is_file()
    assert "EditNet" in (results / "bench/table3.md").read_text()
    assert (results / "faults/findings.parquet").is_file()
    for page in ("summary", "provenance", "filter", "gallery.magicbrush"):
        assert (results / f"report/{page}.html").is_file()
    assert rules_to_run(root, "all") <= {"report_efficiency"}


def test_data_set_is_identified_by_its_content(root: Path, tmp_path: Path) -> None:
    file = root / "mine/1.parquet"
    shutil.copy(file, tmp_path)
    os.utime(file)
    assert rules_to_run(root, "all") <= {"report_efficiency"}
    table = pq.read_table(file)
    pq.write_table(table.slice(1), file)
    wanted = "results/small/candidates/magicbrush"
    try:
        assert rules_to_run(root, f"{wanted}/00000.h5") == set()
        assert rules_to_run(root, f"{wanted}/00001.h5") == {"import_shard"}
    finally:
        shutil.copy(tmp_path / file.name, file)


def test_imported_pairs_are_combined_with_those_of_specialists(run: Path, root: Path, tmp_path: Path) -> None:
    data_set = {"format": "magicbrush", "path": str(root / "mine"), "share": 0.25}
    tasks = {task: {"pairs_per_shard": 2 * (task == Task.STYLE_TRANSFER)} for task in SMALL["tasks"]}
    sources = {**SMALL["sources"], "path": str(run / "photos")}
    scoring = {**SMALL["scoring"], "judge": "student", "teacher": "reference"}
    checkout(tmp_path, {**SMALL, "sources": sources, "tasks": tasks, "scoring": scoring, "imports": {"mine": data_set}})
    planned = snakemake(tmp_path, "--dry-run", "--printshellcmds", "all")
    assert "candidates/mine/00000.h5" in planned and "--shares '{\"mine\": 0.25}'" in planned
    assert "teacher/style_transfer/" in planned and "teacher/mine/" not in planned, "its truth is unknown"
    assert "bench/set/style_transfer.h5" in planned and "bench/set/mine.h5" not in planned


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scoring": {"judge": "reference"}}, ["scoring.judge: reference cannot score", "magicbrush"]),
        ({"sources": {"kind": "pairs", "path": "mine"}}, ["sources: format is required"]),
        ({"sources": {"kind": "pairs", "format": "magicbrush", "path": "nowhere"}}, ["sources.path", "nowhere"]),
        ({"sources": {"kind": "sample", "format": "magicbrush"}}, ["sources: format is only for kind `pairs`"]),
        ({"train": SMALL["train"]}, ["train.base.model: null pre-trains a base on photos"]),
        (
            {"imports": {"object_swap": {"format": "table", "path": "mine"}}},
            ["imports", "'object_swap' is a task"],
        ),
    ],
)
def test_invalid_import_settings_stop_with_one_line(change: dict, words: list[str], tmp_path: Path) -> None:
    root = checkout(tmp_path, {**ALONE, **change})
    (root / "mine").mkdir()
    done = try_snakemake(root, "--dry-run", "all")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert all(word in line for word in words), line
