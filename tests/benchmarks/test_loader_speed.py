"""Tests that the benchmarks of the store run and print the named measurements."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import codecs, loader_speed, photo_stores, store_speed
from helpers.small_training import make_run
from omniedit.buckets.codecs import CODECS
from omniedit.buckets.store import BucketStore


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    make_run(root)
    return root / "buckets"


def test_loader_benchmark_compares_all_readers(
    buckets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loader_speed, "LATENTS", (2, 4, 8, 8))
    monkeypatch.setattr(loader_speed, "PROMPT", (3, 4))
    monkeypatch.setattr(loader_speed, "BATCH", 2)
    words = [str(buckets), "--pairs", "8", "--rounds", "1", "--first-batch", "2000", "--consumer", "2000"]
    monkeypatch.setattr(sys, "argv", ["loader_speed.py", *words])
    loader_speed.main()
    printed = capsys.readouterr().out
    assert "first batch of mid-epoch, 2000 pairs, 64 ranks" in printed and "waits" in printed
    assert (
        printed.count("np.memmap") == 2
        and "BatchLoader over EncodedPairs" in printed
        and "buckets, one pair" in printed
    )


def test_codecs_are_compared_by_size_and_error(
    buckets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["codecs.py", str(buckets), "--rounds", "1"])
    codecs.main()
    rows = {line[:24].strip(): line.split()[-1] for line in capsys.readouterr().out.splitlines()[2:]}
    assert {name for name, error in rows.items() if error == "0"} >= {"buckets.codec: zstd", "buckets.codec: filtered"}
    assert int(rows["buckets.codec: jpeg"]) > 0 and np.unique(list(rows)).size == len(codecs.WAYS)


@pytest.mark.parametrize("words", [["plan", "--pairs", "500"], ["open", "--rows", "40"]])
def test_planning_and_opening_are_measured(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["store_speed.py", *words])
    store_speed.main()
    assert {"plan": "GB", "open": "ms if it is open"}[words[0]] in capsys.readouterr().out


def test_sealing_is_measured(
    buckets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["store_speed.py", "seal", str(buckets)])
    store_speed.main()
    assert "times one SHA-256 of all files" in capsys.readouterr().out


def test_stores_of_sample_photos_hold_the_same_pairs_in_each_codec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["photo_stores.py", str(tmp_path), "--pairs", "2"])
    photo_stores.main()
    batches = {codec: BucketStore(tmp_path / codec).read("2x3", [0, 1]) for codec in CODECS}
    assert (batches["zstd"].source == batches["filtered"].source).all()
    difference = batches["zstd"].edited.astype(int) - batches["jpeg"].edited
    assert 0 < abs(difference).mean() < 3 and batches["jpeg"].mask.any()
