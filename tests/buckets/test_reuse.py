"""Tests that memory of batches is reused once nothing refers to it, and never before."""

import gc

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from omniedit.buckets.reuse import ArrayPool


def test_memory_is_reused_once_its_arrays_are_gone() -> None:
    memory = ArrayPool()
    first = memory.empty((4, 3))
    place = first.ctypes.data
    del first
    assert memory.empty((3, 2, 2)).ctypes.data == place
    assert len(memory._blocks) == 1


def test_view_or_tensor_keeps_its_memory_alive() -> None:
    memory = ArrayPool()
    array = memory.empty((8,), np.int16)
    array[:] = 7
    kept = [array[2:4], torch.from_numpy(array)[5:]]
    del array
    memory.empty((8,), np.int16)[:] = 0
    assert kept[0].tolist() == [7, 7] and kept[1].tolist() == [7, 7, 7]
    kept.clear()
    gc.collect()
    memory.empty((8,), np.int16)
    assert len(memory._blocks) == 2


@given(st.lists(st.tuples(st.integers(1, 64), st.integers(0, 3)), max_size=40))
def test_live_arrays_never_overlap_and_blocks_never_exceed_peak_use(steps: list[tuple[int, int]]) -> None:
    memory, held, most = ArrayPool(), [], 0
    for number, (size, drop) in enumerate(steps):
        array = memory.empty((size,), np.int64)
        array[:] = number
        held.append((number, array))
        del array
        most = max(most, len(held))
        assert all((kept == value).all() for value, kept in held)
        del held[:drop]
    assert len(memory._blocks) <= most
