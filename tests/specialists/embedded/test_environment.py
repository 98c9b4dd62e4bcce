"""Tests of environment change: sky and plants are found, environments look right, absurd requests are rejected."""

import numpy as np
import pytest

from omniedit.imaging.color import luma, to_float, to_lab
from omniedit.imaging.images import Image
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditResult, NotApplicable
from omniedit.specialists.embedded.environment import ENVIRONMENTS, EnvironmentChange, credibility, measure_mood
from omniedit.specialists.embedded.scene_cues import analyse_scene

HORIZON = 80


def landscape(height: int = 200, width: int = 300, seed: int = 0) -> Image:
    """Return a blue sky above a textured green field."""
    rng = np.random.default_rng(seed)
    image = np.empty((height, width, 3))
    image[:HORIZON] = (110, 160, 225)
    image[HORIZON:] = (80, 125, 50)
    image[HORIZON:] += rng.normal(0, 22, (height - HORIZON, width, 1))
    return np.clip(image + rng.normal(0, 1, image.shape), 0, 255).astype(np.uint8)


def with_arch() -> Image:
    """Return the landscape with an arch in front of the sky, through whose opening more sky shows."""
    image = landscape()
    image[40:55, 60:] = image[120:135, 60:]
    for pillar in (slice(60, 100), slice(240, 300)):
        image[55:HORIZON, pillar] = image[130 : 130 + HORIZON - 55, pillar]
    return image


def relit(name: str, seed: int = 1) -> Image:
    image = landscape()
    return ENVIRONMENTS[name](image, analyse_scene(image), np.random.default_rng(seed))


def mean_lab(image: Image) -> np.ndarray:
    return to_lab(to_float(image)).mean(axis=(0, 1))


def test_sky_and_field_are_separated() -> None:
    scene = analyse_scene(landscape())
    assert scene.sky[: HORIZON - 6].min() > 0.95 and scene.sky[HORIZON + 6 :].max() < 0.05
    assert scene.plants[HORIZON + 6 :].mean() > 0.8 and scene.plants[: HORIZON - 6].max() < 0.05
    assert abs(scene.horizon - HORIZON / 200) < 0.03 and not scene.sun
    assert scene.depth[-5:].mean() < 0.2 < 0.9 < scene.depth[:20].mean()


def test_white_wall_at_the_top_border_is_not_sky() -> None:
    wall = landscape()
    wall[:HORIZON, :200] = (90, 60, 40)
    assert analyse_scene(wall).sky_share == 0


def test_a_sky_in_two_parts_keeps_its_light() -> None:
    scene = analyse_scene(with_arch())
    assert scene.sky[:30].min() > 0.9 and "separates a part of the sky" in scene.sky_doubt
    assert credibility(scene, measure_mood(with_arch())) == ["autumn"]
    assert analyse_scene(landscape()).sky_doubt == ""


def test_a_spire_stays_in_front_of_a_new_sky() -> None:
    image = landscape()
    image[30:HORIZON, 100:103] = (60, 55, 50)
    dusky = luma(to_float(ENVIRONMENTS["dusk"](image, analyse_scene(image), np.random.default_rng(0))))
    assert dusky[40:70, 101].mean() < 0.6 * dusky[40:70, 120:140].mean()


def test_dusk_without_a_horizon_is_blue_and_not_brown() -> None:
    bushes = np.broadcast_to(landscape()[HORIZON + 10 : HORIZON + 11], (200, 300, 3)).copy()
    scene = analyse_scene(bushes)
    assert scene.sky_share == 0
    dusky = ENVIRONMENTS["dusk"](bushes, scene, np.random.default_rng(0))
    grey = np.full_like(bushes, 120)
    assert mean_lab(ENVIRONMENTS["dusk"](grey, analyse_scene(grey), np.random.default_rng(0)))[2] < -5
    assert mean_lab(dusky)[2] < mean_lab(bushes)[2] - 5


def test_thick_foliage_is_not_whitened_as_snow() -> None:
    assert "snow" not in credibility(analyse_scene(landscape()), measure_mood(landscape()))


def test_sun_is_detected_by_its_glow() -> None:
    image = to_float(landscape())
    rows, columns = np.mgrid[0:200, 0:300]
    distance = np.hypot(rows - 40, columns - 150)[..., None]
    image += (0.35 * np.exp(-((distance / 60) ** 2)) + (distance < 12)) * (rows < HORIZON)[..., None]
    assert analyse_scene((np.clip(image, 0, 1) * 255).astype(np.uint8)).sun


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment_keeps_the_image_size_and_is_deterministic(name: str) -> None:
    first, second = relit(name), relit(name)
    assert first.shape == landscape().shape and first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert name == "autumn" or not np.array_equal(first, relit(name, seed=2))


def test_each_environment_shifts_light_and_colour_as_expected() -> None:
    before = mean_lab(landscape())
    assert mean_lab(relit("night"))[0] < 0.5 * before[0] and mean_lab(relit("night"))[2] < 0
    assert mean_lab(relit("dusk"))[0] < 0.8 * before[0]
    assert mean_lab(relit("golden_hour"))[2] > before[2] + 10
    assert np.hypot(*mean_lab(relit("overcast"))[1:]) < np.hypot(*before[1:])
    snow, source = relit("snow"), landscape()
    assert luma(to_float(snow))[HORIZON + 20 :].mean() > luma(to_float(source))[HORIZON + 20 :].mean() + 0.2
    assert mean_lab(relit("autumn"))[1] > before[1] + 8


def test_fog_hides_distant_detail_first() -> None:
    foggy = luma(to_float(relit("fog")))
    assert foggy[HORIZON + 10 : HORIZON + 30].std() < 0.6 * foggy[-20:].std()


def test_autumn_leaves_the_sky_unchanged() -> None:
    change = np.abs(relit("autumn").astype(int) - landscape())
    assert change[: HORIZON - 10].mean() < 8 < 20 < change[HORIZON + 10 :].mean()


def test_requested_environments_vary_and_edits_succeed() -> None:
    specialist, photo = EnvironmentChange(), Photo("field", landscape(), "3x2")
    requests = [specialist.propose(photo, np.random.default_rng(seed)) for seed in range(12)]
    assert len({request.truth["environment"] for request in requests}) >= 4
    for outcome in specialist.edit(requests[:3]):
        assert isinstance(outcome, EditResult) and outcome.mask is None


def test_weather_is_skipped_without_evidence_of_outdoors() -> None:
    brown = np.random.default_rng(0).integers(60, 110, (120, 160, 1), np.uint8) * np.ones((1, 1, 3), np.uint8)
    specialist = EnvironmentChange()
    for caption in ("", "A drum in front of a table", "A poster of a beach on the wall"):
        with pytest.raises(NotApplicable, match="may be indoors"):
            specialist.propose(Photo("room", brown, "4x3", caption), np.random.default_rng(0))
    specialist.propose(Photo("yard", brown, "4x3", "A dog in a garden"), np.random.default_rng(0))


def test_environment_already_in_the_photo_is_not_requested() -> None:
    dark = (landscape() * 0.15).astype(np.uint8)
    assert "night" not in credibility(analyse_scene(dark), measure_mood(dark))
    warm = relit("golden_hour")
    assert "golden_hour" not in credibility(analyse_scene(warm), measure_mood(warm))
