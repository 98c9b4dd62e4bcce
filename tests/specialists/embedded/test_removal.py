from dataclasses import replace

import numpy as np
import pytest

from omniedit.grounding.objects import find_objects
from omniedit.imaging.images import Image
from omniedit.sources.photo import NamedObject, Photo
from omniedit.specialists.base import NotApplicable
from omniedit.specialists.embedded.addition import ObjectAddition
from omniedit.specialists.embedded.removal import ObjectRemoval, possible_removals


def meadow(*things: tuple[str, float, float, float], source_id: str) -> Photo:
    """Return a 600 x 400 photo of reddish discs (name, x, y, radius; fractions of the width) on grainy green."""
    height, width = 400, 600
    rng = np.random.default_rng(0)
    image: Image = np.clip(rng.normal((60, 130, 50), 8, (height, width, 3)), 0, 255).astype(np.uint8)
    rows, columns = np.ogrid[:height, :width]
    objects = []
    for name, x, y, radius in things:
        disc = np.hypot(columns - x * width, rows - y * width) < radius * width
        image[disc] = np.clip(rng.normal((190, 40, 45), 8, (int(disc.sum()), 3)), 0, 255)
        box = (x - radius, (y - radius) * 1.5, x + radius, (y + radius) * 1.5)
        objects.append(NamedObject(name, box))
    return Photo(source_id, image, "3x2", objects=tuple(objects))


def test_removed_object_is_filled_and_only_its_hole_changes() -> None:
    photo = meadow(("ball", 0.3, 0.3, 0.06), source_id="one")
    removal = ObjectRemoval()
    request = removal.propose(photo, np.random.default_rng(0))
    (edited,) = removal.edit([request])
    assert not isinstance(edited, NotApplicable) and edited.mask is not None
    assert request.truth["object"] == "ball" and all("ball" in instruction for instruction in request.instructions)
    assert len(set(request.instructions)) >= 3
    assert np.array_equal(edited.image[~edited.mask], photo.image[~edited.mask])
    assert edited.image[edited.mask][:, 0].mean() < 80


def test_addition_is_a_removal_reversed() -> None:
    photo = meadow(("ball", 0.15, 0.3, 0.06), source_id="two")
    addition = ObjectAddition()
    request = addition.propose(photo, np.random.default_rng(0))
    (edited,) = addition.edit([request])
    assert not isinstance(edited, NotApplicable) and edited.source is not None and edited.mask is not None
    assert np.array_equal(edited.image, photo.image)
    assert edited.source[edited.mask][:, 0].mean() < 80
    assert all("a ball" in instruction for instruction in request.instructions)
    assert any("left" in instruction for instruction in request.instructions)


def test_objects_are_removed_alone_or_together_and_unoutlined_ones_stay() -> None:
    photo = meadow(("ball", 0.3, 0.3, 0.06), ("drum", 0.6, 0.3, 0.06), source_id="three")
    glass = NamedObject("glass", (0.365, 0.3, 0.4, 0.6))
    photo = replace(photo, objects=(*photo.objects, glass))
    holes = {removal.names: removal.hole for removal in possible_removals(photo, find_objects(photo))}
    assert set(holes) == {("ball",), ("drum",), ("ball", "drum")}
    assert not holes["ball",][120:240, 219:240].any()
    assert holes["ball",][:, 200:219].any()


@pytest.mark.parametrize("specialist", [ObjectRemoval, ObjectAddition])
def test_each_removal_is_proposed_once(specialist: type[ObjectRemoval] | type[ObjectAddition]) -> None:
    photo = meadow(("ball", 0.25, 0.3, 0.06), ("drum", 0.6, 0.3, 0.06), source_id="four")
    proposer, rng = specialist(), np.random.default_rng(0)
    offered = {proposer.propose(photo, rng).truth["object"] for _ in range(3)}
    assert offered == {"ball", "drum", "ball and the drum"}
    with pytest.raises(NotApplicable, match="no further object"):
        proposer.propose(photo, rng)
    assert proposer.propose(replace(photo, source_id="five"), rng).truth["object"] in offered


@pytest.mark.parametrize(
    ("photo", "reason"),
    [
        (meadow(("ball", 0.5, 0.33, 0.32), source_id="large"), "too large to fill"),
        (Photo("empty", meadow(source_id="x").image, "3x2", objects=(NamedObject("sky"),)), "no object"),
    ],
)
def test_unfillable_object_is_skipped_with_a_reason(photo: Photo, reason: str) -> None:
    with pytest.raises(NotApplicable, match=reason):
        possible_removals(photo, find_objects(photo))
