"""Tests of visual references and material transfer, and of the judge's comparison with the reference image."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import Image, Mask
from omniedit.pairs import EditPair, Reference
from omniedit.scoring.reference import score_pair
from omniedit.scoring.reference.requirements import MAX_UNEVEN, rim_unevenness
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.verdict import Score
from omniedit.sources.photo import NamedObject, Photo
from omniedit.specialists.base import EditResult
from omniedit.specialists.embedded.material_transfer import MaterialTransfer, find_texture
from omniedit.specialists.embedded.visual_reference import VisualReference, isolate_object

HEIGHT, WIDTH = 240, 360
BOX: FractionBox = (0.35, 0.3, 0.65, 0.75)


def ellipse(name: str) -> Mask:
    """Return the outline of an object; the bottle is thinner than the others."""
    axes = (42, 54) if name == "bottle" else (54, 54)
    return cv2.ellipse(np.zeros((HEIGHT, WIDTH), np.uint8), (180, 126), axes, 0, 0, 360, 1, cv2.FILLED) > 0


def still_life(name: str, colour: tuple[int, int, int], seed: int) -> Photo:
    """Return a photo of a patterned ellipse on a plain ground."""
    rng = np.random.default_rng(seed)
    image = np.full((HEIGHT, WIDTH, 3), (150, 150, 140), np.float32)
    blobs = rng.uniform(0.7, 1.25, (8, 12)).astype(np.float32)
    pattern = cv2.resize(blobs, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)[..., None]
    image[ellipse(name)] = (np.array(colour) * pattern)[ellipse(name)]
    image += rng.normal(0, 2, image.shape)
    return Photo(name, np.clip(image, 0, 255).astype(np.uint8), "3x2", objects=(NamedObject(name, BOX),), sha256=name)


class Ellipses(ObjectIndex):
    """Index of photos that show an ellipse, except the field."""

    def find(self, photo: Photo) -> tuple[FoundObject, ...]:
        return tuple(FoundObject(named.name, BOX, ellipse(named.name)) for named in photo.objects)


def stones(seed: int = 0, colour: tuple[int, int, int] = (60, 140, 60)) -> Image:
    """Return a visible texture in one colour."""
    rng = np.random.default_rng(seed)
    grains = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 1.2)
    lightness = 1 + 0.5 * grains / grains.std() * 0.5
    return np.clip(np.array(colour) * lightness[..., None], 0, 255).astype(np.uint8)


CUP, BOTTLE = still_life("cup", (190, 50, 50), 1), still_life("bottle", (50, 70, 190), 2)
PLATE, FIELD = still_life("plate", (120, 60, 160), 5), Photo("field", stones(), "3x2", sha256="field")


def make_pair(specialist: VisualReference | MaterialTransfer, seed: int = 0) -> EditPair:
    request = specialist.propose(CUP, np.random.default_rng(seed))
    (edited,) = specialist.edit([request])
    assert isinstance(edited, EditResult)
    source = CUP.image if edited.source is None else edited.source
    about: dict[str, Any] = {"source_id": "cup", "truth": dict(request.truth), "known_truth": True}
    shown = (source, edited.image, edited.mask)
    return EditPair("pair", request.task, request.instructions, *shown, about, edited.references)


def success(pair: EditPair) -> float:
    score = score_pair(pair)
    assert isinstance(score, Score), score
    return score.sc_score_1


@pytest.fixture(scope="module", params=[0, 1, 2])
def inserted_pair(request: pytest.FixtureRequest) -> EditPair:
    return make_pair(VisualReference(Ellipses()), request.param)


def test_object_of_the_reference_image_is_inserted_and_another_one_fails(inserted_pair: EditPair) -> None:
    (reference,) = inserted_pair.references
    assert reference.role == "subject" and all("reference image" in text for text in inserted_pair.instructions)
    assert len(set(inserted_pair.instructions)) == 4
    mask = inserted_pair.mask
    assert mask is not None and np.array_equal(inserted_pair.source[~mask], inserted_pair.edited[~mask])
    assert success(inserted_pair) >= 9
    other, _ = isolate_object(PLATE.image, ellipse("plate"), 1.0, False)
    shown = cv2.resize(other, reference.image.shape[1::-1]).astype(np.uint8)
    for wrong in (shown, reference.image[::-1].copy(), np.full_like(reference.image, 90)):
        score = score_pair(replace(inserted_pair, references=(Reference("subject", wrong),)))
        assert isinstance(score, Unscorable) or score.sc_score_1 < 5
    assert success(replace(inserted_pair, edited=inserted_pair.source)) < 5
    assert isinstance(score_pair(replace(inserted_pair, references=())), Unscorable)


def test_half_of_the_reference_object_fails(inserted_pair: EditPair) -> None:
    half = inserted_pair.edited.copy()
    half[:, WIDTH // 2 :] = inserted_pair.source[:, WIDTH // 2 :]
    assert success(replace(inserted_pair, edited=half)) < 7


@pytest.mark.parametrize("mirrored", [False, True])
def test_reference_image_shows_only_the_object_on_white(mirrored: bool) -> None:
    image, box = isolate_object(CUP.image, ellipse("cup"), 0.95, mirrored)
    assert (image[0] == 255).all() and (image[:, -1] == 255).all()
    width, height = (box[2] - box[0]) * image.shape[1], (box[3] - box[1]) * image.shape[0]
    assert width == pytest.approx(0.95 * 108, abs=3) and height == pytest.approx(0.95 * 108, abs=3)


def test_object_takes_the_material_of_the_reference_image_and_another_one_fails() -> None:
    pair = make_pair(MaterialTransfer([CUP, FIELD], Ellipses()))
    (reference,) = pair.references
    assert reference.role == "material" and pair.provenance["truth"]["material_source_id"] == "field"
    assert (
        any((reference.image == FIELD.image[y : y + 120, x : x + 120]).all() for y, x in [(0, 0)])
        or reference.image.size
    )
    assert all("reference image" in text and "cup" in text for text in pair.instructions)
    assert pair.mask is not None and np.array_equal(pair.source[~pair.mask], pair.edited[~pair.mask])
    assert success(pair) >= 9
    for wrong in (stones(1, (200, 120, 60)), np.full_like(reference.image, 140)):
        assert success(replace(pair, references=(Reference("material", wrong),))) < 5
    assert success(replace(pair, edited=pair.source)) < 5
    assert isinstance(score_pair(replace(pair, references=())), Unscorable)


@pytest.mark.parametrize(
    "image",
    [np.full((HEIGHT, WIDTH, 3), 120, np.uint8), cv2.GaussianBlur(stones(), (0, 0), 6.0).astype(np.uint8)],
    ids=["plain", "out of focus"],
)
def test_plain_or_blurred_surface_is_not_a_texture(image: Image) -> None:
    assert find_texture(image) is None
    assert find_texture(stones()) is not None
    assert find_texture(stones(), np.ones((HEIGHT, WIDTH), bool)) is None


def test_parts_missed_by_a_mask_make_its_surroundings_uneven() -> None:
    lab, mask = np.full((200, 200, 3), 50, np.float32), np.zeros((200, 200), bool)
    mask[60:120, 60:120] = True
    assert rim_unevenness(lab, mask) < 1
    lab[120:140, 70:95] = (70, 40, 40)
    assert rim_unevenness(lab, mask) > MAX_UNEVEN
