import threading
from collections.abc import Iterator

import pytest

from omniedit.specialists.prefetch import prefetch


def test_items_arrive_in_order_and_are_prepared_in_advance() -> None:
    third = threading.Event()

    def numbers() -> Iterator[int]:
        for number in range(5):
            if number == 3:
                third.set()
            yield number

    items = prefetch(numbers(), 4)
    assert next(items) == 0
    assert third.wait(300)
    assert list(items) == [1, 2, 3, 4]


def test_error_is_raised_when_its_item_is_requested() -> None:
    def failing() -> Iterator[int]:
        yield 0
        raise OSError("the disk is full")

    items = prefetch(failing(), 3)
    assert next(items) == 0
    with pytest.raises(OSError, match="the disk is full"):
        next(items)


def test_closing_stops_the_producer() -> None:
    made = []

    def endless() -> Iterator[int]:
        while True:
            made.append(len(made))
            yield made[-1]

    items = prefetch(endless(), 2)
    next(items)
    items.close()
    assert len(made) <= 4
