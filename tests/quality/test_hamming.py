"""Tests of the Hamming search against a comparison of all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniedit.quality import hamming
from omniedit.quality.hamming import find_close_matches, find_close_pairs


def make_hashes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return sorted hashes, half of them with up to ten flipped bits of another."""
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    near = hashes[: count // 2].copy()
    for _ in range(10):
        near ^= np.where(
            rng.random(len(near)) < 0.6, np.uint64(1) << rng.integers(0, 64, len(near), dtype=np.uint64), 0
        )
    return np.unique(np.concatenate([hashes, near]))


def compare_all(left: np.ndarray, right: np.ndarray, radius: int) -> set[tuple[int, int]]:
    distances = np.bitwise_count(left[:, None] ^ right[None])
    return {(int(left[i]), int(right[j])) for i, j in zip(*np.nonzero(distances <= radius), strict=True)}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 6), st.sampled_from([3, 1 << 15]))
def test_all_near_hashes_are_found_once(seed: int, radius: int, chunk: int) -> None:
    hashes = make_hashes(np.random.default_rng(seed), 60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hamming, "_CHUNK", chunk)
        found = [
            tuple(sorted(map(int, pair)))
            for a, b in find_close_pairs(hashes, radius)
            for pair in zip(a, b, strict=True)
        ]
    assert len(found) == len(set(found))
    assert set(found) == {pair for pair in compare_all(hashes, hashes, radius) if pair[0] < pair[1]}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 6), st.sampled_from([2, 1 << 20]))
def test_join_of_two_sets_is_exact(seed: int, radius: int, most: int) -> None:
    hashes = np.random.default_rng(seed).permutation(make_hashes(np.random.default_rng(seed), 60))
    left, right = hashes[:50], np.concatenate([hashes[50:], hashes[:5]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hamming, "_EXPANDED", most)
        found = [
            tuple(map(int, pair)) for a, b in find_close_matches(left, right, radius) for pair in zip(a, b, strict=True)
        ]
    assert len(found) == len(set(found))
    assert set(found) == compare_all(left, right, radius)


def test_hashes_in_a_single_bucket_are_found() -> None:
    hashes = np.arange(500, dtype=np.uint64) << np.uint64(8)
    found = {tuple(sorted(map(int, pair))) for a, b in find_close_pairs(hashes, 2) for pair in zip(a, b, strict=True)}
    assert found == {pair for pair in compare_all(hashes, hashes, 2) if pair[0] < pair[1]}


def test_empty_set_has_no_near_hashes() -> None:
    empty = np.zeros(0, np.uint64)
    assert not list(find_close_pairs(empty, 6))
    assert not list(find_close_matches(empty, np.ones(1, np.uint64), 6))
    assert not list(find_close_matches(np.ones(1, np.uint64), empty, 6))


@pytest.mark.parametrize("radius", [-1, 7])
def test_radius_beyond_the_guarantee_raises_error(radius: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 6"):
        list(find_close_pairs(np.zeros(1, np.uint64), radius))
