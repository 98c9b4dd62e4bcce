import numpy as np
import pytest

from omniedit.config.schema import HolesConfig
from omniedit.training.inpainting.random_holes import box, outline, random_hole, strokes

NONE = np.zeros((0, 48, 64), bool)
DISC = (np.hypot(*np.mgrid[-10:38, -30:34]) < 8)[None]


def shares(**wanted: float) -> HolesConfig:
    return HolesConfig.model_validate({"random": 0.0, "box": 0.0, "object": 0.0} | wanted)


def holes(objects: np.ndarray, kinds: HolesConfig, count: int = 60) -> list[np.ndarray]:
    return [random_hole(48, 64, objects, kinds, np.random.default_rng(seed)).mask for seed in range(count)]


@pytest.mark.parametrize("kind", ["random", "box", "object"])
def test_holes_match_the_photo_size_and_never_cover_all_of_it(kind: str) -> None:
    for hole in holes(DISC, shares(**{kind: 1.0})):
        assert hole.shape == (48, 64) and hole.dtype == bool and 0.001 < hole.mean() < 1


def test_hole_kinds_occur_in_proportion_to_their_shares() -> None:
    drawn = holes(DISC, shares(random=1.0, object=3.0), count=400)
    strokes_alone = {hole.tobytes() for hole in holes(DISC, shares(random=1.0), count=400)}
    assert 0.6 < np.mean([hole.tobytes() not in strokes_alone for hole in drawn]) < 0.9
    # A box fills its bounding box.
    filled = [hole[hole.any(1)][:, hole.any(0)].all() for hole in holes(DISC, shares(box=1.0, random=0.0))]
    assert all(filled)


def test_photos_without_objects_get_a_box_in_place_of_an_outline() -> None:
    for hole in holes(NONE, shares(object=1.0)):
        assert hole[hole.any(1)][:, hole.any(0)].all()


def test_outline_covers_the_dilated_object_its_flip_or_the_complement() -> None:
    drawn, upright = zip(*(outline(DISC[0], np.random.default_rng(seed)) for seed in range(200)), strict=True)
    held = {
        name: [(mask <= hole).all() for hole in drawn] for name, mask in {"up": DISC[0], "down": DISC[0][::-1]}.items()
    }
    inverted = [hole.mean() > 0.5 for hole in drawn]
    assert 0.15 < np.mean(inverted) < 0.35
    assert 0.25 < np.mean(held["up"]) < 0.75 and 0.25 < np.mean(held["down"]) < 0.75
    assert all(up or down or all_but for up, down, all_but in zip(held["up"], held["down"], inverted, strict=True))
    assert any(upright) and all(up for up, is_object in zip(held["up"], upright, strict=True) if is_object)
    assert not any(is_object for is_object, all_but in zip(upright, inverted, strict=True) if all_but)


def test_hole_records_which_object_it_covers() -> None:
    objects = np.concatenate([DISC, DISC[:, :, ::-1]])
    drawn = [random_hole(48, 64, objects, shares(object=1.0), np.random.default_rng(seed)) for seed in range(60)]
    assert {hole.shows for hole in drawn} == {0, 1, None}
    assert all((objects[hole.shows] <= hole.mask).all() for hole in drawn if hole.shows is not None)
    others = shares(random=1.0, box=1.0)
    assert all(random_hole(48, 64, objects, others, np.random.default_rng(n)).shows is None for n in range(20))


def test_same_seed_gives_the_same_hole() -> None:
    for make in (strokes, box):
        first, again, other = (make(48, 64, np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert np.array_equal(first, again) and not np.array_equal(first, other)
