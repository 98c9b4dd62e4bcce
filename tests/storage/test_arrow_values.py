"""Arrow data from outside becomes Python values, whatever it holds."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from omniedit.storage.arrow_values import to_rows, to_values

NOT_UTF8 = pa.Array.from_buffers(
    pa.string(), 2, [None, pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0])), pa.py_buffer(b"a\xffb")]
)
"""The texts b'a' and b'\\xffb'."""


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (NOT_UTF8, ["a", "\ufffdb"]),
        (NOT_UTF8.cast(pa.binary()), [b"a", b"\xffb"]),
        (pa.DictionaryArray.from_arrays(pa.array([1, None, 0], pa.int8()), NOT_UTF8), ["\ufffdb", None, "a"]),
        (pa.ListArray.from_arrays([0, 2], NOT_UTF8), [["a", "\ufffdb"]]),
        (pa.FixedSizeListArray.from_arrays(NOT_UTF8, 2), [["a", "\ufffdb"]]),
        (
            pa.StructArray.from_arrays([NOT_UTF8, pa.array([b"\xff", None])], ["name", "bytes"]),
            [{"name": "a", "bytes": b"\xff"}, {"name": "\ufffdb", "bytes": None}],
        ),
        (pa.MapArray.from_arrays([0, 2], NOT_UTF8, pa.array([1, 2])), [[("a", 1), ("\ufffdb", 2)]]),
    ],
)
def test_text_that_is_not_utf8_is_replaced_at_any_depth(column: pa.Array, values: list[Any]) -> None:
    assert to_values(column) == values


def test_times_that_python_cannot_hold_become_text_or_numbers() -> None:
    assert to_values(pa.array([date(2024, 1, 2)])) == [date(2024, 1, 2)]
    assert to_values(pa.array([10**7, None], pa.int32()).cast(pa.date32())) == ["29349-01-26", None]
    assert to_values(pa.array([7], pa.timestamp("us", "No/Such_Zone"))) == [7]


def test_rows_hold_the_columns_by_name() -> None:
    batch = pa.RecordBatch.from_arrays([NOT_UTF8, pa.array([1, 2])], ["text", "number"])
    assert list(to_rows(batch)) == [{"text": "a", "number": 1}, {"text": "\ufffdb", "number": 2}]
