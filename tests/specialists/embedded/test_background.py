"""Tests of background swap: the foreground keeps its pixels, the background is replaced, and nothing floats."""

from dataclasses import replace

import numpy as np
import pytest

from omniedit.grounding.objects import ObjectIndex
from omniedit.imaging.color import to_float, to_lab
from omniedit.imaging.images import Image
from omniedit.sources.photo import NamedObject, Photo
from omniedit.specialists.base import EditResult, NotApplicable
from omniedit.specialists.embedded import background
from omniedit.specialists.embedded.background import (
    BackgroundChange,
    BackgroundSwap,
    Placement,
    close_gaps,
    find_preserved_region,
)
from omniedit.specialists.embedded.background_sources import (
    PAPERS,
    SKIES,
    TABLE_TOPS,
    add_contact_shadow,
    match_light,
    shading,
)
from omniedit.specialists.embedded.scene_cues import SceneCues, analyse_scene

HEIGHT, WIDTH = 160, 200


def analyse_photo(photo: Photo) -> SceneCues:
    return analyse_scene(photo.image)


def noise_field(colour: tuple[int, int, int], noise: float, seed: int = 0) -> np.ndarray:
    return np.array(colour) + np.random.default_rng(seed).normal(0, noise, (HEIGHT, WIDTH, 3))


def with_ball(background: np.ndarray, top: int, noise: float = 2.0) -> tuple[Image, np.ndarray]:
    """Return an image of a red ball of 100 pixels, with its top at row `top`, and the ball's mask."""
    ball = np.hypot(*(np.mgrid[0:HEIGHT, 0:WIDTH] - np.array([top + 50, 100])[:, None, None])) < 50
    image = np.where(ball[..., None], noise_field((200, 40, 35), noise), background)
    return np.clip(image, 0, 255).astype(np.uint8), ball


def ball_photo(name: str, image: Image, top: int) -> Photo:
    box = (50 / WIDTH, top / HEIGHT, 150 / WIDTH, min(1.0, (top + 100) / HEIGHT))
    return Photo(name, image, "4x3", "A ball", (NamedObject("ball", box),))


def papered_room() -> np.ndarray:
    """Return broad stripes of two hues."""
    stripes = (np.arange(WIDTH) // 20 % 2 == 0)[None, :, None]
    return np.where(stripes, noise_field((150, 140, 60), 4), noise_field((60, 90, 140), 4))


def meadow() -> Photo:
    image = noise_field((90, 130, 50), 25)
    image[:60] = noise_field((120, 165, 225), 1)[:60]
    return Photo("meadow", np.clip(image, 0, 255).astype(np.uint8), "4x3", "A meadow under the sky")


@pytest.fixture
def standing() -> Photo:
    return ball_photo("standing", with_ball(papered_room(), 56)[0], 56)


@pytest.fixture
def lying() -> Photo:
    return ball_photo("lying", with_ball(noise_field((130, 130, 130), 5), 30)[0], 30)


def test_placements_are_distinguished(standing: Photo, lying: Photo) -> None:
    assert find_preserved_region(standing, ObjectIndex(), analyse_photo).placement is Placement.STANDING
    assert find_preserved_region(lying, ObjectIndex(), analyse_photo).placement is Placement.LYING
    assert find_preserved_region(meadow(), ObjectIndex(), analyse_photo).placement is Placement.LAND


def test_object_that_would_float_is_skipped() -> None:
    with pytest.raises(NotApplicable, match="can stand in front of another background"):
        find_preserved_region(
            ball_photo("floating", with_ball(papered_room(), 10)[0], 10), ObjectIndex(), analyse_photo
        )


def test_foreground_keeps_its_pixels_and_the_rest_changes(standing: Photo, lying: Photo) -> None:
    specialist = BackgroundSwap([standing, meadow()])
    for photo in (standing, lying, meadow()):
        request = specialist.propose(photo, np.random.default_rng(1))
        (first,), (second,) = specialist.edit([request]), specialist.edit([request])
        assert isinstance(first, EditResult) and isinstance(second, EditResult) and first.mask is not None
        assert np.array_equal(first.image[~first.mask], photo.image[~first.mask])
        assert np.array_equal(first.image, second.image)
        kept = request.parts["preserved"].mask
        assert (~first.mask)[kept].mean() > 0.8 and first.mask[~kept].all()
        assert np.abs(first.image.astype(int) - photo.image)[~kept].mean() > 8


def test_photo_is_never_its_own_background_and_places_are_described(standing: Photo) -> None:
    specialist = BackgroundSwap([standing, meadow()])
    truths = [specialist.propose(standing, np.random.default_rng(seed)).truth for seed in range(12)]
    assert {truth["background_source_id"] for truth in truths} == {"", "meadow"}
    for truth in truths:
        if truth["background_source_id"]:
            assert truth["background"] == "a meadow under the sky"
        else:
            assert truth["background"] in PAPERS


def test_landscape_gets_a_sky_and_lying_object_gets_a_table_top(lying: Photo) -> None:
    specialist = BackgroundSwap([])
    land, table = (specialist.propose(p, np.random.default_rng(0)) for p in (meadow(), lying))
    assert land.truth["background"] in SKIES and "sky" in land.instructions[0]
    assert table.truth["background"] in TABLE_TOPS and "the ball" in table.instructions[0]


def test_animal_is_not_put_on_a_table_top(lying: Photo) -> None:
    dog = replace(lying, objects=(NamedObject("dog", lying.objects[0].box),))
    with pytest.raises(NotApplicable, match="no table top suits the dog"):
        BackgroundChange([]).propose(dog, np.random.default_rng(0))


def test_shading_keeps_shadows_and_drops_surface_marks() -> None:
    surface = noise_field((150, 150, 150), 2)
    surface[:, :70] *= 0.4
    surface[20:23] -= 25
    light = shading(np.clip(surface, 0, 255).astype(np.uint8), np.zeros((HEIGHT, WIDTH), bool))
    assert light[100, 30] < 0.5 and light[100, 150] > 0.9
    assert light[21, 150] > 0.9


def test_standing_object_casts_a_shadow_only_at_its_foot() -> None:
    _, ball = with_ball(noise_field((0, 0, 0), 0), 40)
    shadowed = add_contact_shadow(np.ones((HEIGHT, WIDTH, 3), np.float32), ball)
    assert shadowed[143, 100, 0] < 0.8 and shadowed[20, 100, 0] > 0.98


def test_background_takes_on_the_old_light() -> None:
    warm = np.clip(noise_field((200, 150, 80), 10), 0, 255).astype(np.uint8)
    cool = to_float(np.clip(noise_field((90, 120, 190), 10, seed=1), 0, 255).astype(np.uint8))
    behind = np.ones((HEIGHT, WIDTH), bool)
    before, after = (to_lab(b)[..., 2].mean() for b in (cool, match_light(cool, warm, behind, 0.5)))
    assert after > before + 15


def test_gaps_between_objects_are_closed() -> None:
    mask = np.zeros((100, 100), bool)
    mask[20:80, 20:49], mask[20:80, 51:80] = True, True
    assert close_gaps(mask)[40, 50] and not close_gaps(mask)[10, 50]


def test_photo_is_analysed_once_for_all_its_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def understand_and_count(image: Image) -> SceneCues:
        seen.append(id(image))
        return analyse_scene(image)

    monkeypatch.setattr(background, "analyse_scene", understand_and_count)
    field = meadow()
    specialist = BackgroundSwap([field])
    for seed in range(4):
        specialist.propose(field, np.random.default_rng(seed))
    assert len(seen) == 1
