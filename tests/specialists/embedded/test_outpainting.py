"""Tests of outpainting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.grounding.objects import FoundObject
from omniedit.imaging.images import Image
from omniedit.sources.photo import Photo
from omniedit.specialists.base import NotApplicable
from omniedit.specialists.embedded.outpainting import BORDERS, SIDES, Outpaint, border_mask, draw_kept_box


class Index:
    """Index with the same objects for each photo."""

    def __init__(self, *objects: FoundObject) -> None:
        self.objects = objects

    def find(self, photo: Photo) -> tuple[FoundObject, ...]:
        return self.objects


def noise(height: int = 90, width: int = 120) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("seed", range(8))
def test_outpainting_ends_in_the_photo_and_starts_from_its_middle(seed: int) -> None:
    photo = Photo("a", noise(), "4x3")
    outpaint = Outpaint(Index())  # type: ignore[arg-type]
    request = outpaint.propose(photo, np.random.default_rng(seed))
    (edited,) = outpaint.edit([request])
    assert not isinstance(edited, NotApplicable) and edited.source is not None and edited.mask is not None
    assert np.array_equal(edited.image, photo.image)
    assert np.array_equal(edited.source[~edited.mask], photo.image[~edited.mask])
    assert (edited.source[edited.mask] == BORDERS[request.truth["border"]]).all()
    assert len(set(request.instructions)) == 4
    if request.truth["side"] != "all":
        assert all(request.truth["side"] in words for words in request.instructions)


@given(st.sampled_from(SIDES), st.integers(0, 999))
def test_kept_part_is_within_the_image_and_cut_on_the_named_sides(side: str, seed: int) -> None:
    left, top, right, bottom = draw_kept_box(side, np.random.default_rng(seed))
    cut = [name for name, width in zip(SIDES[1:], (left, 1 - right, top, 1 - bottom), strict=True) if width > 0]
    assert cut == (list(SIDES[1:]) if side == "all" else [side])
    share = border_mask((200, 300), (left, top, right, bottom)).mean()
    assert 0.15 < share < 0.7


def test_border_hides_no_object_and_is_not_empty_already() -> None:
    everywhere = [FoundObject(name, (0, 0, 1, 1), np.zeros((90, 120), bool)) for name in SIDES[1:]]
    for found, part in zip(everywhere, (np.s_[:, :8], np.s_[:, -8:], np.s_[:8], np.s_[-8:]), strict=True):
        found.mask[part] = True
    with pytest.raises(NotApplicable, match="would hide most of an object"):
        Outpaint(Index(*everywhere)).propose(Photo("a", noise(), "4x3"), np.random.default_rng(0))  # type: ignore[arg-type]
    left = Outpaint(Index(everywhere[0]))  # type: ignore[arg-type]
    sides = {left.propose(Photo("a", noise(), "4x3"), np.random.default_rng(n)).truth["side"] for n in range(30)}
    assert sides == {"right", "top", "bottom"}
    white = Outpaint(Index()).propose(  # type: ignore[arg-type]
        Photo("a", np.full((90, 120, 3), 255, np.uint8), "4x3"), np.random.default_rng(0)
    )
    assert white.truth["border"] != "white"
