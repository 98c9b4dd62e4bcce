"""Tests of gates: from signatures of several shards to findings, and from findings to decisions by policy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from omniedit.imaging.images import Image
from omniedit.pairs import EditPair
from omniedit.quality.benchmark_leaks import BenchmarkSet
from omniedit.quality.gates import Action, Gate, find_faults, rejection_reasons
from omniedit.quality.hashes import hash_image
from omniedit.quality.signature import SIGNATURES_SCHEMA, sign_pair
from omniedit.storage.parquet import write_rows
from omniedit.tasks import Task


def make_photo(seed: int) -> Image:
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.random((n, n, 3)).astype(np.float32), (360, 360)) for n in (5, 40, 160)]
    return (255 * (0.5 * layers[0] + 0.25 * layers[1] + 0.25 * layers[2])).astype(np.uint8)


def darken(image: Image) -> Image:
    return cv2.convertScaleAbs(image, alpha=0.4)


def make_pair(pair_id: str, seed: int, **changes: Any) -> EditPair:
    photo = make_photo(seed)
    pair = EditPair(pair_id, Task.ENVIRONMENT_CHANGE, ("Make it night.",), photo, darken(photo), None, {})
    return replace(pair, **changes)


def shift(image: Image, pixels: int) -> Image:
    return cv2.warpAffine(image, np.float32([[1, 0, pixels], [0, 1, 0]]), (360, 360), borderMode=cv2.BORDER_REFLECT)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    photo = make_photo(1)
    encode = lambda image: cv2.imdecode(cv2.imencode(".jpg", image)[1], cv2.IMREAD_COLOR)  # noqa: E731
    shards = [
        [make_pair("good", 1), make_pair("same", 2, edited=make_photo(2)), make_pair("moved", 3)],
        [
            make_pair("again", 1),
            make_pair("near", 1, source=encode(photo), edited=encode(darken(photo))),
            make_pair("label", 4, task=Task.OBJECT_REMOVAL),
            make_pair("swapped", 5, source=darken(make_photo(5)), edited=make_photo(5)),
        ],
    ]
    shards[0][2] = replace(shards[0][2], edited=shift(shards[0][2].edited, 5))
    folder = tmp_path_factory.mktemp("signatures")
    for number, pairs in enumerate(shards):
        write_rows(folder / f"{number:05d}.parquet", map(sign_pair, pairs), SIGNATURES_SCHEMA)
    return sorted(folder.iterdir())


FAULTS = {
    ("same", Gate.IDENTICAL),
    ("moved", Gate.MISALIGNED),
    ("again", Gate.DUPLICATE),
    ("near", Gate.NEAR_DUPLICATE),
    ("label", Gate.MISLABELLED),
    ("swapped", Gate.SWAPPED),
}


def test_only_actual_faults_are_found(files: list[Path]) -> None:
    found = list(find_faults(files))
    assert {(finding.pair_id, finding.gate) for finding in found} == FAULTS
    assert len(found) == len(FAULTS)


def test_finding_has_its_measurement(files: list[Path]) -> None:
    details = {finding.gate: finding for finding in find_faults(files)}
    assert details[Gate.MISALIGNED].detail.startswith("shift (+5.0, ")
    assert details[Gate.MISALIGNED].value == pytest.approx(5, abs=0.5)
    assert details[Gate.DUPLICATE].detail == "exact: good"
    assert details[Gate.MISLABELLED].detail == "the instruction asks for environment change"


def test_benchmark_image_is_found_in_all_pairs_that_use_it(files: list[Path]) -> None:
    bench = BenchmarkSet("bench", ("one.jpg",), np.frombuffer(hash_image(make_photo(1)), np.uint8)[None])
    leaks = [finding for finding in find_faults(files, [bench]) if finding.gate is Gate.LEAK]
    assert {finding.pair_id for finding in leaks} == {"good", "again", "near"}
    assert "one.jpg in bench" in leaks[0].detail


def test_disabled_gates_find_nothing(files: list[Path]) -> None:
    found = find_faults(files, policy={Gate.IDENTICAL: Action.FLAG})
    assert [finding.pair_id for finding in found] == ["same"]


def test_only_gates_that_reject_give_a_reason_and_the_first_one_counts() -> None:
    rows = [
        {"pair_id": "a", "gate": Gate.LEAK, "detail": "x"},
        {"pair_id": "a", "gate": Gate.NEAR_DUPLICATE, "detail": "near: b"},
        {"pair_id": "a", "gate": Gate.MISALIGNED, "detail": "shift"},
        {"pair_id": "c", "gate": Gate.SWAPPED, "detail": "clues"},
        {"pair_id": "d", "gate": Gate.LEAK, "detail": "x"},
    ]
    policy = dict.fromkeys((Gate.LEAK, Gate.NEAR_DUPLICATE), Action.REJECT) | {Gate.MISALIGNED: Action.FLAG}
    assert rejection_reasons(rows, policy) == {"a": "near duplicate of b", "d": "benchmark leak"}
    assert rejection_reasons([], policy) == {}
