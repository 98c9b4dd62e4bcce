"""Comparison of the run's editor with others on a set, by jobs that run the steps of `omniedit bench`."""

import csv
from pathlib import Path

import pytest
import yaml

from helpers.chain import SMALL, checkout, rules_to_run, shrink_sample, snakemake, try_snakemake, write_set
from helpers.rival_editors import SIX, serving_rivals
from helpers.tiny_editor import make_pipeline
from helpers.vlm_server import MODEL as VLM
from omniedit.storage.manifest import seal_folder
from omniedit.storage.parquet import read_rows

RULES = ("compare_edit", "compare_score", "compare_measure", "compare_table")
TABLE = "results/small/bench/sets/mine/table.md"
SETS = {"mine": {"set": "items.csv"}, "other": {"set": "items.csv"}}
BENCH = {
    "sets": SETS,
    "editors": ["no_edit", "outside=outputs"],
    "editor_shards": 2,
    "judges": {"first": {"judge": "student"}, "second": {"judge": "student", "scoring": {"readout": "tokens"}}},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with a set of two items, outputs for one of them, and an editor as training leaves it."""
    root = checkout(tmp_path, {**SMALL, "bench": {**SMALL["bench"], **BENCH}})
    shrink_sample(root / "photos")
    write_set(root)
    return root


def test_a_run_compares_each_editor_on_each_set_by_each_judge(root: Path) -> None:
    planned = snakemake(root, "all", "--dry-run", "--quiet", "rules")
    jobs = dict(line.split() for line in planned.splitlines() if len(line.split()) == 2)
    # Three editors, the run's own among them, on two sets in two shards, scored by two judges.
    assert [int(jobs[rule]) for rule in RULES] == [12, 12, 6, 2]


def test_a_run_without_sets_compares_nothing(tmp_path: Path) -> None:
    root = checkout(tmp_path, SMALL)
    shrink_sample(root / "photos")
    assert not set(RULES) & rules_to_run(root, "all")


def test_six_editors_are_compared_by_the_workflow(root: Path) -> None:
    editor = root / "results/small/train/editnet"
    with seal_folder(editor) as folder:
        make_pipeline().save_pretrained(folder)
    only = [TABLE, "--allowed-rules", *RULES]
    with serving_rivals(root) as rivals:
        bench = {**SMALL["bench"], "sets": SETS, **rivals}
        (root / "small.yaml").write_text(yaml.safe_dump({**SMALL, "bench": bench}))
        snakemake(root, *only)
    rows = list(csv.DictReader((root / TABLE).with_suffix(".csv").open()))
    counts = {(row["row"], row["column"]): row["value"] for row in rows if row["table"] == "Items"}
    edited = {name: counts[name, "edited"] for name in SIX}
    assert edited == {**dict.fromkeys(SIX, "2"), "outside": "1"} and counts["outside", "failures"] == "1"
    scores = read_rows(root / "results/small/bench/sets/mine/editnet/scores/remote.parquet")
    assert [(row["status"], row["judge_version"]) for row in scores] == [("scored", VLM)] * 2
    assert not rules_to_run(root, *only)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"editors": ["editnet=outputs"]}, "bench.editors: editnet is also an editor of the run"),
        ({"editors": ["outputs/a"]}, "NAME=FOLDER names a folder"),
        ({"judges": {"x": {"judge": "reference"}}}, "bench.judges.x.judge"),
    ],
)
def test_an_invalid_comparison_stops_before_the_first_job(tmp_path: Path, changes: dict, problem: str) -> None:
    root = checkout(tmp_path, {**SMALL, "bench": {**SMALL["bench"], **BENCH, **changes}})
    done = try_snakemake(root, "all", "--dry-run")
    assert done.returncode and problem in done.stdout + done.stderr
