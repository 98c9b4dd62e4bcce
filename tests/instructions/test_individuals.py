"""Tests of individuals: noun, colour by pixels, and mirrors."""

import numpy as np
import pytest

from omniedit.grounding.objects import FoundObject
from omniedit.imaging.images import Image, Mask
from omniedit.instructions.individuals import describe_individuals, name_colour, to_noun
from omniedit.sources.photo import NamedObject, Photo


def disc(colour: tuple[int, int, int], stripes: bool = False) -> tuple[Image, Mask]:
    image = np.full((80, 80, 3), 200, np.uint8)
    rows, columns = np.ogrid[:80, :80]
    mask = np.hypot(rows - 40, columns - 40) < 30
    shade = np.linspace(0.6, 1.2, 80)[:, None, None]
    painted = np.clip(shade * np.array(colour), 0, 255).astype(np.uint8)
    image[mask] = np.broadcast_to(painted, image.shape)[mask]
    if stripes:
        image[mask & ((rows // 8) % 3 == 0)] = (30, 160, 60)
        image[mask & ((rows // 8) % 3 == 1)] = (30, 60, 190)
    return image, mask


@pytest.mark.parametrize(
    ("colour", "name"), [((200, 30, 30), "red"), ((30, 60, 190), "blue"), ((235, 235, 235), "white")]
)
def test_shaded_object_has_its_colour(colour: tuple[int, int, int], name: str) -> None:
    assert name_colour(*disc(colour))[0] == name


def test_motley_object_has_no_colour() -> None:
    assert name_colour(*disc((200, 30, 30), stripes=True)) == ("", None)


def test_noun_is_without_place_and_colour() -> None:
    assert [to_noun(name) for name in ("left red Bowl", "dog", "upper dog")] == ["bowl", "dog", "dog"]


def test_object_in_the_box_of_a_mirror_is_in_the_mirror() -> None:
    image, mask = disc((200, 30, 30))
    found = FoundObject("cup", (0.1, 0.1, 0.3, 0.3), mask)
    outside = FoundObject("cup", (0.7, 0.1, 0.9, 0.3), mask)
    between = FoundObject("cup", (0.4, 0.1, 0.6, 0.3), mask)
    photo = Photo("p", image, "1x1", objects=(NamedObject("wall mirror", (0.0, 0.0, 0.5, 1.0)),))
    shown = describe_individuals(photo, [found, outside, between])
    assert [each.in_mirror for each in shown] == [True, False, None]
    without = describe_individuals(Photo("p", image, "1x1"), [found])
    assert without[0].in_mirror is None
