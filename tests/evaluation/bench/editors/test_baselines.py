"""Tests of editors without a model."""

import numpy as np

from helpers.small_bench import noise, small_item
from omniedit.evaluation.bench.editors.baselines import NoEdit, Target
from omniedit.evaluation.bench.editors.editor import EditFailure, ItemRequest, item_seed
from omniedit.imaging.images import encode_png


def test_no_edit_returns_the_source() -> None:
    request = ItemRequest(small_item(0), noise(0), 0)
    assert np.array_equal(NoEdit().edit([request])[0], noise(0))


def test_target_editor_returns_the_target_of_the_benchmark() -> None:
    encoded = encode_png(noise(5))
    requests = [
        ItemRequest(small_item(0, target=lambda: encoded), noise(0), 0),
        ItemRequest(small_item(1), noise(1), 0),
    ]
    found, missing = Target().edit(requests)
    assert np.array_equal(found, noise(5))
    assert isinstance(missing, EditFailure) and "gives no result" in missing.reason


def test_the_seed_of_an_item_depends_on_seed_and_id() -> None:
    seeds = {item_seed(seed, name) for seed in (0, 1) for name in ("a", "b")}
    assert len(seeds) == 4 and all(0 <= seed < 2**56 for seed in seeds) and item_seed(0, "a") in seeds
