"""Tests that skies are distinguished from walls, gradients, backdrops and water."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from omniedit.grounding import outdoors
from omniedit.grounding.outdoors import caption_says_outdoors, find_sky, shows_outdoors, sky_doubt
from omniedit.imaging.images import Image, decode_image
from omniedit.imaging.procedural_noise import fractal_noise
from omniedit.specialists.embedded.background_sources import PAPERS, SKIES, studio

HEIGHT, WIDTH = 300, 450
SAMPLE = Path(__file__).parents[2] / "omniedit/sources/sample"


def noise(seed: int, sigma: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, sigma, (HEIGHT, WIDTH, 1)).astype(np.float32)


def over_a_floor(upper: np.ndarray, share: float = 0.6) -> Image:
    """Return `upper` above a brown, grainy floor."""
    rgb = upper + noise(0, 0.006)
    start = round(share * HEIGHT)
    rgb[start:] = np.array([0.45, 0.32, 0.2]) + noise(1, 0.06)[start:]
    return (np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def lit_wall(*paint: float) -> Image:
    """Return a wall of one paint under a lamp."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    light = 0.5 + 0.6 * np.exp(-((columns - 130) ** 2 + (rows - 40) ** 2) / (2 * 220**2))
    return over_a_floor(np.array(paint) * light[..., None])


def gradient(first: tuple[float, ...], second: tuple[float, ...], across: bool = False) -> Image:
    share = np.linspace(0, 1, WIDTH if across else HEIGHT)[(None, ...) if across else (..., None)]
    share = np.broadcast_to(share, (HEIGHT, WIDTH))[..., None]
    return over_a_floor(np.array(first) * (1 - share) + np.array(second) * share)


def backdrop(paper: str) -> Image:
    """Return an object on a stand in front of studio paper."""
    rgb = studio(HEIGHT, WIDTH, paper, np.random.default_rng(0)).copy()
    cv2.ellipse(rgb, (225, 180), (70, 90), 0, 0, 360, (0.5, 0.2, 0.1), -1)
    rgb[180:, 210:240] = (0.4, 0.15, 0.1)
    return (np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def water() -> Image:
    """Return waves seen from above, with a beach in front."""
    waves = cv2.resize(fractal_noise(HEIGHT, WIDTH // 4, 30, np.random.default_rng(0)), (WIDTH, HEIGHT))
    return over_a_floor(np.array([0.12, 0.35, 0.6]) * (0.75 + 0.5 * waves)[..., None], share=0.75)


@pytest.mark.parametrize(
    "image",
    [
        lambda: lit_wall(0.93, 0.93, 0.95),
        lambda: lit_wall(0.9, 0.87, 0.8),
        lambda: lit_wall(0.6, 0.75, 0.9),
        lambda: lit_wall(0.35, 0.5, 0.75),
        lambda: gradient((0.2, 0.4, 0.8), (0.95, 0.97, 1.0)),
        lambda: gradient((0.2, 0.4, 0.8), (0.95, 0.97, 1.0), across=True),
        *(lambda paper=paper: backdrop(paper) for paper in PAPERS),
        water,
    ],
)
def test_walls_gradients_backdrops_and_water_are_not_sky(image: Callable[[], Image]) -> None:
    assert not find_sky(image()).any()


@pytest.mark.parametrize("name", ["fig_in_bowl", "paint_brushes", "wine_and_drum"])
def test_indoor_photo_has_no_sky(name: str) -> None:
    assert not find_sky(decode_image((SAMPLE / f"{name}.jpg").read_bytes())).any()


@pytest.mark.parametrize("name", ["mountain_meadow", "rocky_path", "sunrise_hill"])
def test_sky_of_a_landscape_is_found(name: str) -> None:
    assert find_sky(decode_image((SAMPLE / f"{name}.jpg").read_bytes())).mean() > 0.15


def test_cloudy_sky_is_found_above_any_ground() -> None:
    sky = SKIES["a blue sky with white clouds"](HEIGHT, WIDTH, 0.6, np.random.default_rng(3))
    found = find_sky(over_a_floor(sky))
    assert found[: round(0.55 * HEIGHT)].mean() > 0.95 and not found[round(0.65 * HEIGHT) :].any()


def test_a_sky_ends_on_edges_and_is_lighter_than_the_rest_of_the_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blurred background ends softly. A blue garment is darker than a table, and no subject shows the outdoors."""
    monkeypatch.setattr(outdoors, "looks_outdoors", lambda image: False)
    sky = SKIES["a blue sky with white clouds"](HEIGHT, WIDTH, 0.6, np.random.default_rng(3))
    photo = over_a_floor(sky)
    assert find_sky(photo).any()
    assert not find_sky(np.asarray(cv2.GaussianBlur(photo, (0, 0), 25))).any()
    garment = over_a_floor(0.95 * sky)
    garment[round(0.6 * HEIGHT) :] = cv2.add(garment[round(0.6 * HEIGHT) :], (90, 90, 90, 0))
    assert not find_sky(garment).any()
    monkeypatch.setattr(outdoors, "looks_outdoors", lambda image: True)
    assert find_sky(garment).any()


SOUND_LIKE_PLACES = (
    *(
        "A lake painted on a mug",
        "Garden salad",
        "Street food on a tray",
        "A beach ball on a table",
        "A map of the river",
    ),
    *("A hill on a phone screen", "A forest green jacket", "A toy car on a toy road", "Sea shells in a basket"),
    *("Screenshots of a street", "A puzzle of a village", "A view of the mountain from the window"),
)


def test_caption_indicates_outdoors_unless_it_names_an_indoor_object() -> None:
    for caption in ("Two boats on a lake", "The sun rises over hills, a stone table in front", "A goat on a path"):
        assert caption_says_outdoors(caption)
    for caption in ("", "A wooden table", "A poster of a beach", "A room with a view of the sea", *SOUND_LIKE_PLACES):
        assert not caption_says_outdoors(caption)


def test_forest_without_sky_is_outdoors_and_a_pot_plant_is_not() -> None:
    forest = decode_image((SAMPLE / "forest_stream.jpg").read_bytes())
    plant = lit_wall(0.9, 0.87, 0.8)
    plant[:, 100:250] = cv2.resize(forest, (WIDTH, HEIGHT))[:, 100:250]
    assert shows_outdoors(forest, find_sky(forest)) and not shows_outdoors(plant, find_sky(plant))


@pytest.mark.parametrize(("depth", "doubt"), [(0, ""), (70, "relief of land")], ids=["sharp cloud", "mountain"])
def test_only_relief_near_the_border_of_a_sky_may_be_land(depth: int, doubt: str) -> None:
    """The sky of rocky_path has a cloud with sharp edges. The rows above its border become a mountain under snow."""
    image = decode_image((SAMPLE / "rocky_path.jpg").read_bytes())
    sky = find_sky(image)
    above = cv2.erode(sky.astype(np.uint8), np.ones((depth + 1, 1), np.uint8), anchor=(0, 0), borderValue=1) == 0
    height, width = sky.shape
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    rocks = np.random.default_rng(0).normal(0, 25, (height, width, 1))
    small[sky & above] = np.clip(small + rocks, 0, 255)[sky & above]
    assert doubt in (found := sky_doubt(small, sky)) and bool(found) == bool(doubt)
