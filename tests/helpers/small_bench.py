"""Small benchmark set of flat and noisy images, and editors on it."""

from collections.abc import Sequence

import numpy as np

from omniedit.evaluation.bench.editors.editor import BenchEditor, EditFailure, ItemRequest
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.imaging.images import Image, encode_png
from omniedit.pairs import Captions


def noise(seed: int, height: int = 40, width: int = 60) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def small_item(number: int, **changes) -> BenchItem:
    encoded = encode_png(noise(number, 40 + number, 60))
    values = {"captions": Captions("noise", f"brighter noise {number}")} | changes
    return BenchItem(f"style/{number}", "style", f"make it brighter, {number}", lambda: encoded, **values)


def small_set(count: int = 4) -> BenchSet:
    return BenchSet("small", "0" * 64, [small_item(number) for number in range(count)])


def session_set(turns: int = 3) -> BenchSet:
    """Return one session of a chained set; its turns are in reverse order."""
    items = [small_item(number, session="s", turn=number) for number in range(turns, 0, -1)]
    return BenchSet("sessions", "1" * 64, items, chained=True)


class Brighten(BenchEditor):
    """Editor that adds one level to all pixels, and fails at the items of `failing`."""

    version = "brighten"
    batch_size = 2

    def __init__(self, failing: Sequence[str] = ()) -> None:
        self.failing, self.requests = set(failing), list[ItemRequest]()

    def edit(self, requests: Sequence[ItemRequest]) -> list[Image | EditFailure]:
        self.requests += requests
        return [
            EditFailure("it fails") if request.item.item_id in self.failing else request.source // 2 + 60
            for request in requests
        ]
