from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from omniedit.imaging.images import Image, Mask
from omniedit.pairs import EditPair, Shard
from omniedit.pairs.writer import write_shard
from omniedit.sources.photo import Photo
from omniedit.specialists.embedded import fill_cache
from omniedit.specialists.embedded.fill_cache import MAX_PHOTOS, FillCache
from omniedit.specialists.registry import build
from omniedit.tasks import SHARE_FILLS, Task

SHAPE = (48, 64)


def photo(source_id: str = "meadow", sha256: str = "a") -> Photo:
    image = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
    return Photo(source_id, image, "4x3", sha256=sha256)


def hole(left: int = 10) -> Mask:
    mask = np.zeros(SHAPE, bool)
    mask[20:30, left : left + 8] = True
    return mask


def grey_fill(image: Image, mask: Mask) -> Image:
    return np.where(mask[..., None], 128, image).astype(np.uint8)


@pytest.fixture
def inpainted_holes(monkeypatch: pytest.MonkeyPatch) -> list[Mask]:
    """Replace PatchMatch by a grey fill; return the list of the holes that were inpainted."""
    holes: list[Mask] = []
    monkeypatch.setattr(fill_cache, "inpaint", lambda image, mask: holes.append(mask) or grey_fill(image, mask))
    return holes


@pytest.fixture
def removals(tmp_path: Path) -> Iterator[Shard]:
    """Yield a shard with a removal from `photo()` at `hole()`, whose fill is red."""
    edited = photo().image.copy()
    edited[hole()] = (255, 0, 0)
    about = {"source_id": "meadow", "source_sha256": "a"}
    pair = EditPair("one", Task.OBJECT_REMOVAL, ("Remove the ball.",), photo().image, edited, hole(), about)
    write_shard(tmp_path / "removals.h5", Task.OBJECT_REMOVAL, "embedded", 0, [pair])
    with Shard(tmp_path / "removals.h5") as shard:
        yield shard


def test_same_hole_is_inpainted_once(inpainted_holes: list[Mask]) -> None:
    filled = FillCache()
    first, again = filled.fill(photo(), hole()), filled.fill(photo(), hole().copy())
    assert len(inpainted_holes) == 1 and again is first
    assert np.array_equal(first, grey_fill(photo().image, hole()))


def test_each_new_hole_or_photo_is_inpainted(inpainted_holes: list[Mask]) -> None:
    filled = FillCache()
    for this, mask in ((photo(), hole()), (photo(), hole(11)), (photo("lake"), hole()), (photo(sha256="b"), hole())):
        filled.fill(this, mask)
    assert len(inpainted_holes) == 4


def test_only_the_latest_fills_stay_in_memory(inpainted_holes: list[Mask]) -> None:
    filled = FillCache()
    for left in range(MAX_PHOTOS + 1):
        filled.fill(photo(), hole(left))
    filled.fill(photo(), hole(1))
    assert len(inpainted_holes) == MAX_PHOTOS + 1
    filled.fill(photo(), hole(0))
    assert len(inpainted_holes) == MAX_PHOTOS + 2


def test_fill_of_a_removal_is_reused(inpainted_holes: list[Mask], removals: Shard) -> None:
    filled = FillCache(removals).fill(photo(), hole())
    assert not inpainted_holes
    assert (filled[hole()] == (255, 0, 0)).all() and np.array_equal(filled[~hole()], photo().image[~hole()])


def test_removal_of_another_hole_or_photo_is_not_reused(inpainted_holes: list[Mask], removals: Shard) -> None:
    filled = FillCache(removals)
    others = (photo(), hole(11)), (photo("lake"), hole()), (photo(sha256="b"), hole())
    assert all(np.array_equal(filled.fill(this, mask), grey_fill(this.image, mask)) for this, mask in others)
    larger = replace(photo(), image=np.zeros((96, 128, 3), np.uint8))
    filled.fill(larger, np.kron(hole(), np.ones((2, 2), bool)))
    assert len(inpainted_holes) == 4


@pytest.mark.parametrize("task", SHARE_FILLS)
def test_specialists_that_share_fills_reuse_removals(task: Task, removals: Shard, inpainted_holes: list[Mask]) -> None:
    specialist = build(task, [photo()], removals=removals)
    assert (specialist._fills.fill(photo(), hole())[hole()] == (255, 0, 0)).all() and not inpainted_holes
