"""Tests of the batch plan: deterministic by seed and step, independent of the number of ranks, complete epochs."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.buckets import BatchPlan
from omniedit.errors import UserError

RATIOS = ["1x1", "2x3", "16x9"]
sizes = st.fixed_dictionaries({ratio: st.integers(0, 40) for ratio in RATIOS}).filter(lambda s: any(s.values()))


def epoch(plan: BatchPlan, number: int) -> list[tuple[str, tuple[int, ...]]]:
    """Return (ratio, indices of all ranks) of each step."""
    steps = range(number * plan.steps_per_epoch, (number + 1) * plan.steps_per_epoch)
    batches = []
    for step in steps:
        ranks = [plan.batch(step, rank) for rank in range(plan.world_size)]
        assert len({ratio for ratio, _ in ranks}) == 1
        assert {len(indices) for _, indices in ranks} == {plan.batch_size // plan.world_size}
        batches.append((ranks[0][0], tuple(np.concatenate([indices for _, indices in ranks]).tolist())))
    return batches


@given(sizes, st.sampled_from([1, 2, 4, 8]), st.integers(0, 3), st.integers(0, 5))
def test_epoch_covers_every_sample_once_except_incomplete_batches(
    sizes: dict[str, int], batch_size: int, number: int, seed: int
) -> None:
    batches = epoch(BatchPlan(sizes, batch_size, 1, seed), number)
    for ratio, size in sizes.items():
        seen = Counter(index for r, indices in batches if r == ratio for index in indices)
        assert all(0 <= index < size for index in seen)
        if size >= batch_size:
            assert set(seen.values()) == {1} and size - len(seen) == size % batch_size
        elif size:
            assert len(seen) == size and max(seen.values()) - min(seen.values()) <= 1
        else:
            assert not seen


@given(sizes, st.integers(0, 30), st.integers(0, 5))
def test_batches_do_not_depend_on_the_number_of_ranks(sizes: dict[str, int], step: int, seed: int) -> None:
    def batch(world_size: int) -> tuple[str, list[int]]:
        plan = BatchPlan(sizes, 8, world_size, seed)
        parts = [plan.batch(step, rank) for rank in range(world_size)]
        return parts[0][0], np.concatenate([indices for _, indices in parts]).tolist()

    assert batch(1) == batch(2) == batch(8)


def test_batch_depends_only_on_seed_and_step() -> None:
    size = {"1x1": 30, "2x3": 20}
    forwards = [BatchPlan(size, 4, 2, 7).batch(step, 1) for step in range(40)]
    again = BatchPlan(dict(reversed(size.items())), 4, 2, 7)
    for step in reversed(range(40)):
        ratio, indices = again.batch(step, 1)
        assert (ratio, indices.tolist()) == (forwards[step][0], forwards[step][1].tolist())


def test_epochs_and_seeds_differ_and_buckets_alternate() -> None:
    size = {"1x1": 80, "2x3": 80}
    plan = BatchPlan(size, 4, 1, 0)
    assert epoch(plan, 0) != epoch(plan, 1) != epoch(BatchPlan(size, 4, 1, 1), 1)
    ratios = [ratio for ratio, _ in epoch(plan, 0)]
    changes = sum(a != b for a, b in pairwise(ratios))
    assert changes > 10


def test_samples_left_over_in_one_epoch_appear_in_another() -> None:
    plan = BatchPlan({"1x1": 7}, 4, 1, 0)
    seen = {index for number in range(12) for _, indices in epoch(plan, number) for index in indices}
    assert seen == set(range(7))


def test_indivisible_batch_size_and_empty_buckets_raise_errors() -> None:
    with pytest.raises(UserError, match=r"train\.batch_size 6 cannot be shared by 4 ranks"):
        BatchPlan({"1x1": 3}, 6, 4, 0)
    with pytest.raises(UserError, match="no pair to train on"):
        BatchPlan({"1x1": 0}, 4, 2, 0)
