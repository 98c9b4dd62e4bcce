"""Tests of attribute modification: only the object changes, and it follows the instruction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniedit.imaging.color import to_float, to_lab
from omniedit.imaging.color_names import COLOURS, colour_word, nearest_colour, region_colour, without_colour
from omniedit.imaging.images import Image
from omniedit.sources.photo import NamedObject, Photo
from omniedit.specialists.base import EditResult, NotApplicable
from omniedit.specialists.embedded import attribute
from omniedit.specialists.embedded.attribute import AttributeModification, is_alive, recolor_region, resurface_region
from omniedit.specialists.embedded.procedural_materials import MATERIALS
from omniedit.specialists.embedded.recolor import can_become, gamma_through

DISC = np.hypot(*(np.mgrid[0:160, 0:200] - np.array([80, 100])[:, None, None])) < 45


def red_disc(colour: tuple[int, int, int] = (190, 40, 35)) -> Image:
    """Return a shaded disc of one colour on grey, with noise."""
    rng = np.random.default_rng(0)
    image = np.full((160, 200, 3), 128.0)
    shade = np.linspace(0.7, 1.2, 200)[None, :, None]
    image[DISC] = (np.array(colour) * shade * np.ones((160, 1, 1)))[DISC]
    return np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)


def photo(name: str = "red ball") -> Photo:
    return Photo(name.replace(" ", "_"), red_disc(), "4x3", objects=(NamedObject(name, (0.25, 0.18, 0.75, 0.82)),))


@pytest.mark.parametrize("colour", ["green", "blue", "yellow", "purple", "turquoise", "white", "black", "grey"])
def test_recolouring_reaches_the_colour_and_keeps_the_shading(colour: str) -> None:
    lab = to_lab(to_float(red_disc()))
    patch, opacity = recolor_region(red_disc(), DISC, region_colour(lab, DISC), colour)
    after = to_lab(to_float(patch))
    core = opacity > 0.9
    assert nearest_colour(np.median(after[core], axis=0)) == colour
    assert core[DISC].mean() > 0.9 and not core[~DISC].any()
    assert np.corrcoef(lab[core][:, 0], after[core][:, 0])[0, 1] > 0.95


@pytest.mark.parametrize("material", MATERIALS)
def test_material_covers_the_object_and_keeps_its_shading(material: str) -> None:
    patch, opacity = resurface_region(red_disc(), DISC, MATERIALS[material], np.random.default_rng(0))
    assert (opacity > 0.9)[DISC].mean() > 0.8
    lightness = to_lab(to_float(patch))[..., 0]
    left, right = DISC.copy(), DISC.copy()
    left[:, 85:], right[:, :115] = False, False
    assert lightness[right].mean() > lightness[left].mean() + 0.5


def test_current_colour_is_never_requested() -> None:
    specialist = AttributeModification()
    requests = [specialist.propose(photo(), np.random.default_rng(seed)) for seed in range(25)]
    colours = [r.truth["value"] for r in requests if r.truth["attribute"] == "colour"]
    assert colours and "red" not in colours and len(set(colours)) >= 5
    assert any(r.truth["attribute"] == "texture" for r in requests)
    for request in requests:
        assert all("red ball" in sentence and request.truth["value"] in sentence for sentence in request.instructions)


def test_object_without_a_suitable_new_colour_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribute, "can_become", lambda own, colour: False)
    monkeypatch.setattr(attribute, "MATERIAL_SHARE", 0)
    with pytest.raises(NotApplicable, match="no other colour suits the red ball"):
        AttributeModification().propose(photo(), np.random.default_rng(0))


def test_pixels_outside_the_mask_stay_unchanged() -> None:
    specialist, source = AttributeModification(), photo()
    for seed in range(4):
        request = specialist.propose(source, np.random.default_rng(seed))
        (first,), (second,) = specialist.edit([request]), specialist.edit([request])
        assert isinstance(first, EditResult) and isinstance(second, EditResult) and first.mask is not None
        assert np.array_equal(first.image[~first.mask], source.image[~first.mask])
        assert np.array_equal(first.image, second.image)
        assert first.mask[DISC].mean() > 0.9 and first.mask[~DISC].mean() < 0.05


def test_glass_is_skipped_and_animals_only_change_colour() -> None:
    specialist = AttributeModification()
    with pytest.raises(NotApplicable, match="wine glass"):
        specialist.propose(photo("wine glass"), np.random.default_rng(0))
    attributes = {
        specialist.propose(photo("brown dog"), np.random.default_rng(s)).truth["attribute"] for s in range(12)
    }
    assert attributes == {"colour"}


def test_colour_words_are_parsed_and_matched_to_lab() -> None:
    assert colour_word("red bowl") == "red" and colour_word("gray cat") == "grey" and colour_word("bowl") is None
    assert without_colour("red bowl") == "bowl" and without_colour("pink") == "pink"
    assert all(nearest_colour(np.array(lab)) == name for name, lab in COLOURS.items())
    assert not can_become(np.array(COLOURS["red"]), "red")


@given(st.floats(5, 95), st.floats(5, 95))
@settings(max_examples=50, deadline=None)
def test_lightness_curve_is_monotonic_and_keeps_both_ends(old: float, new: float) -> None:
    levels = np.linspace(0, 100, 101, dtype=np.float32)[None]
    curve = gamma_through(levels, old, new)[0]
    assert curve[0] == 0 and abs(curve[-1] - 100) < 1e-3
    assert (np.diff(curve) >= 0).all()
    assert abs(float(gamma_through(np.array([[old]], np.float32), old, new)[0, 0]) - new) < 0.1


@pytest.mark.parametrize(
    ("name", "alive"),
    [
        ("porcupine", True),
        ("left monkey", True),
        ("animal", True),
        ("object", True),
        ("dandelion", True),
        ("bus", False),
    ],
)
def test_objects_that_may_be_alive_get_no_other_material(name: str, alive: bool) -> None:
    assert is_alive(name) is alive
