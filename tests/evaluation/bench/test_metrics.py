"""Tests of metrics of editors' outputs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from helpers.small_bench import Brighten, small_set
from omniedit.evaluation.bench.edit_records import EditFolder
from omniedit.evaluation.bench.metrics import DEFAULT_METRICS, measure_edits, read_metrics
from omniedit.evaluation.bench.run import RunOptions, edit_set
from omniedit.evaluation.metrics.networks import Networks, NotAvailable
from omniedit.imaging.images import Image


def test_edits_are_measured_and_failures_have_no_values(tmp_path: Path) -> None:
    edit_set(small_set(), Brighten(["style/1"]), EditFolder(tmp_path), RunOptions())
    measure_edits(small_set(), EditFolder(tmp_path), DEFAULT_METRICS, Networks("cpu"))
    values, about = read_metrics(tmp_path)
    assert values["style/1"] == {} and 0 < values["style/0"]["l1_source"] < 1
    assert "psnr_outside" not in values["style/0"]  # the items have no mask
    assert about["unavailable"] == {}


def test_edits_are_measured_again_only_after_a_change(tmp_path: Path) -> None:
    edit_set(small_set(), Brighten(["style/1"]), EditFolder(tmp_path), RunOptions())
    for expected in (1, 1, 2):
        if expected == 2:
            edit_set(small_set(), Brighten(), EditFolder(tmp_path), RunOptions())
        measure_edits(small_set(), EditFolder(tmp_path), ["l1_source"], Networks("cpu"))
        assert bool(read_metrics(tmp_path)[0]["style/1"]) == (expected == 2)
    before = (tmp_path / "metrics.parquet").stat().st_mtime_ns
    measure_edits(small_set(), EditFolder(tmp_path), ["l1_source"], Networks("cpu"))
    assert (tmp_path / "metrics.parquet").stat().st_mtime_ns == before
    measure_edits(small_set(), EditFolder(tmp_path), ["ssim_source"], Networks("cpu"))
    assert list(read_metrics(tmp_path)[0]["style/0"]) == ["ssim_source"]


class Differences:
    """Stand-in for DreamSim's network."""

    weights = "fetched"

    def distances(self, a: Sequence[Image], b: Sequence[Image]) -> list[float]:
        return [0.5] * len(a)


class Unfetched(Networks):
    """Networks none of which has been fetched."""

    def __getitem__(self, name: str) -> Any:
        raise NotAvailable("fetch it")


def test_edits_are_measured_again_when_the_weights_of_a_metric_have_been_fetched(tmp_path: Path) -> None:
    edit_set(small_set(), Brighten(), EditFolder(tmp_path), RunOptions())
    fetched = Networks("cpu", {"dreamsim": Differences()})
    for networks, values in ((Unfetched(), {}), (fetched, {"dreamsim_source": 0.5})):
        measure_edits(small_set(), EditFolder(tmp_path), ["dreamsim_source"], networks)
        assert read_metrics(tmp_path)[0]["style/0"] == values


@pytest.mark.parametrize("name", ["lpips", "fid"])
def test_a_metric_without_its_weights_or_targets_has_no_figure(tmp_path: Path, name: str) -> None:
    edit_set(small_set(), Brighten(), EditFolder(tmp_path), RunOptions())
    measure_edits(small_set(), EditFolder(tmp_path), [name, "l1_source"], Networks("cpu"))
    values, _ = read_metrics(tmp_path)
    assert list(values["style/0"]) == ["l1_source"]


def test_results_without_measurements_are_empty(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == ({}, {})
