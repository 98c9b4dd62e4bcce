"""Tests of duplicates: the kinds, the pair that is kept, and edits that are no duplicates."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.small_signatures import flip_low_bits, make_signatures, rekey, take
from omniedit.quality import duplicates
from omniedit.quality.duplicates import EXACT, MIRRORED, NEAR, SAME_IMAGES, Duplicate, find_duplicates
from omniedit.quality.hashes import mirror, mirror_changes


def test_different_pairs_have_no_duplicates() -> None:
    assert find_duplicates(make_signatures(400)) == []
    assert find_duplicates(make_signatures(0)) == []


def test_equal_pixels_are_exact_duplicates_and_differing_instructions_are_noted() -> None:
    pairs = take(make_signatures(3), [0, 1, 0, 0, 2])
    pairs.instruction[3] += 1
    assert find_duplicates(pairs) == [Duplicate(2, 0, EXACT), Duplicate(3, 0, SAME_IMAGES)]


def make_near(*rows: int) -> "duplicates.Signatures":
    """Return copies whose pixels differ."""
    pairs = take(make_signatures(5), list(rows))
    pairs.source_digest[:] = np.arange(len(rows))
    return pairs


def test_near_source_near_edited_and_same_change_are_a_duplicate() -> None:
    pairs = make_near(0, 1, 0)
    flip_low_bits(pairs, 2, "source_hash", 3)
    flip_low_bits(pairs, 2, "edited_hash", 5)
    assert find_duplicates(rekey(pairs)) == [Duplicate(2, 0, NEAR)]


@pytest.mark.parametrize("column", ["source_hash", "edited_hash"])
def test_one_distant_image_prevents_a_duplicate(column: str) -> None:
    pairs = make_near(0, 0)
    flip_low_bits(pairs, 1, column, 60)
    assert find_duplicates(rekey(pairs)) == []


def test_different_edits_of_one_source_are_not_duplicates() -> None:
    pairs = make_near(0, 0, 0)
    pairs.change_hash[1] ^= np.uint64(2**20 - 1)
    pairs.change_levels[2] = 60
    assert find_duplicates(pairs) == []


def test_mirrored_pair_is_found_unless_allowed() -> None:
    pairs = make_near(0, 1, 0)
    pairs.source_hash[2:], pairs.edited_hash[2:] = mirror(pairs.source_hash[2:]), mirror(pairs.edited_hash[2:])
    pairs.change_hash[2:] = mirror_changes(pairs.change_hash[2:])
    flip_low_bits(pairs, 2, "edited_hash", 2)
    assert find_duplicates(rekey(pairs)) == [Duplicate(2, 0, MIRRORED)]
    assert find_duplicates(rekey(pairs), mirrored=False) == []


def test_copy_of_a_mirrored_pair_duplicates_the_mirrored_one() -> None:
    pairs = make_near(0, 0, 0)
    for column in (pairs.source_hash, pairs.edited_hash):
        column[1:] = mirror(column[1:])
    pairs.change_hash[1:] = mirror_changes(pairs.change_hash[1:])
    assert find_duplicates(rekey(pairs)) == [Duplicate(1, 0, MIRRORED), Duplicate(2, 1, NEAR)]
    flip_low_bits(pairs, 2, "edited_hash", 2)
    assert find_duplicates(rekey(pairs)) == [Duplicate(1, 0, MIRRORED), Duplicate(2, 1, NEAR)]


def test_first_of_near_pairs_is_kept() -> None:
    pairs = make_near(0, 0, 0)
    flip_low_bits(pairs, 1, "edited_hash", 1)
    assert find_duplicates(rekey(pairs)) == [Duplicate(1, 0, NEAR), Duplicate(2, 0, NEAR)]


def test_chain_of_near_pairs_removes_only_pairs_near_a_kept_one() -> None:
    pairs = make_near(0, 0, 0)
    for row in (1, 2):
        flip_low_bits(pairs, row, "source_hash", 6 * row)
        flip_low_bits(pairs, row, "edited_hash", 20 * row)
    assert find_duplicates(rekey(pairs)) == [Duplicate(1, 0, NEAR)]


def test_images_without_contrast_are_compared_only_by_pixels() -> None:
    pairs = make_near(0, 0, 0)
    pairs.plain[1:] = True
    assert find_duplicates(pairs) == []
    pairs.source_digest[2] = pairs.source_digest[1]
    assert find_duplicates(pairs) == [Duplicate(2, 1, EXACT)]


def test_many_copies_keep_one_original_with_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_MAX_EDGES", 50)
    monkeypatch.setattr(duplicates, "_CHUNK", 7)
    pairs = make_near(*[0] * 40, *[1] * 3)
    pairs.change_levels[:, 0] += np.arange(43) / 100  # distinct levels, so that each copy is compared
    for row in range(40):
        flip_low_bits(pairs, row, "edited_hash", 1, start=row % 5)
    found = find_duplicates(rekey(pairs))
    assert {duplicate.row for duplicate in found} == {*range(1, 40), 41, 42}
    assert {duplicate.original for duplicate in found} == {0, 40}


def test_pairs_in_reverse_order_have_the_same_duplicates() -> None:
    pairs = make_near(0, 1, 0, 2, 1)
    flip_low_bits(pairs, 2, "source_hash", 2)
    found = find_duplicates(take(rekey(pairs), [4, 3, 2, 1, 0]))
    assert {(4 - one.original, 4 - one.row) for one in found} == {
        (one.row, one.original) for one in find_duplicates(rekey(pairs))
    }


def test_signatures_are_not_modified() -> None:
    pairs = make_near(0, 0)
    before = replace(pairs, edited_hash=pairs.edited_hash.copy())
    find_duplicates(pairs)
    assert (before.edited_hash == pairs.edited_hash).all()
