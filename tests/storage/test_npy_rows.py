"""Tests of rows of .npy files, read at their offsets."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.errors import UserError
from omniedit.storage.npy_rows import NpyRows


@given(st.lists(st.integers(1, 4), min_size=2, max_size=5), st.data())
def test_rows_match_those_of_numpy(
    tmp_path_factory: pytest.TempPathFactory, shape: list[int], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("rows") / "a.npy"
    array = np.random.default_rng(0).integers(-9, 9, shape, np.int16)
    np.save(path, array)
    dims = data.draw(st.integers(1, len(shape) - 1))
    rows, flat = NpyRows(path, dims, "remedy"), array.reshape(-1, *shape[len(shape) - dims :])
    out = np.empty(rows.row_shape, rows.dtype)
    for row in range(len(flat)):
        rows.read(row, out)
        assert (out == flat[row]).all()
    with pytest.raises(UserError, match=r"a\.npy: cannot be read \(it is shorter than its header says\); remedy"):
        rows.read(len(flat), out)


@pytest.mark.parametrize("content", [None, b"", b"\x93NUMPY\x01\x00v\x00{", b"not numpy"])
def test_invalid_npy_file_raises_error_with_remedy(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.npy: cannot be read .*; encode again"):
        NpyRows(tmp_path / "a.npy", 1, "encode again")
