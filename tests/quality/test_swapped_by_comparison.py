"""Tests of swapped pairs that other pairs reveal."""

from collections.abc import Sequence

import numpy as np

from helpers.small_signatures import make_signatures
from omniedit.quality.signature_table import Signatures
from omniedit.quality.swapped_by_comparison import find_swapped_turns, swap_odds


def link(*pairs: tuple[int, int]) -> Signatures:
    """Return pairs of images, each named by a number."""
    signatures = make_signatures(len(pairs))
    signatures.source_digest[:], signatures.edited_digest[:] = np.array(pairs).T
    return signatures


def odds(pairs: Sequence[tuple[int, int]], task: str = "style_transfer", session: str | None = None) -> list[int]:
    return np.sign(swap_odds(link(*pairs), [task] * len(pairs), [session] * len(pairs))).astype(int).tolist()


def test_pair_ending_in_the_source_of_others_looks_swapped() -> None:
    assert odds([(1, 2), (1, 3), (1, 4), (5, 1)]) == [-1, -1, -1, 1]


def test_source_of_several_pairs_looks_right() -> None:
    assert odds([(1, 2), (1, 3), (1, 4)]) == [-1, -1, -1]


def test_single_other_pair_is_not_enough_evidence() -> None:
    assert odds([(1, 2), (3, 1)]) == [0, 0]


def test_additions_and_sessions_give_no_such_evidence() -> None:
    pairs = [(1, 2), (1, 3), (1, 4), (5, 1)]
    assert odds(pairs, task="object_addition") == [0] * 4
    assert odds(pairs, session="s") == [0] * 4


def test_turn_that_breaks_a_chain_is_found() -> None:
    assert find_swapped_turns(link((1, 2), (3, 2), (3, 4)), {"s": [0, 1, 2]}) == [1]
    assert find_swapped_turns(link((2, 1), (2, 3), (3, 4)), {"s": [0, 1, 2]}) == [0]


def test_intact_chains_shared_sources_and_short_sessions_are_not_flagged() -> None:
    assert find_swapped_turns(link((1, 2), (2, 3), (3, 4)), {"s": [0, 1, 2]}) == []
    assert find_swapped_turns(link((1, 2), (1, 3), (1, 4)), {"s": [0, 1, 2]}) == []
    assert find_swapped_turns(link((1, 2), (1, 3)), {"s": [0, 1]}) == []
