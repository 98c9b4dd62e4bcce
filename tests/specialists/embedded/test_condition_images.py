"""Tests of visual edits and of the reference judge's check of their condition images."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from omniedit.imaging.images import Image
from omniedit.instructions.templates.references import point_to_reference
from omniedit.pairs import EditPair, Reference
from omniedit.scoring.reference import score_pair
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.verdict import Score
from omniedit.sources.photo import NamedObject, Photo
from omniedit.specialists.base import NotApplicable
from omniedit.specialists.embedded.condition_images import (
    VisualBox,
    VisualEdit,
    VisualScribble,
    VisualSegment,
    VisualSketch,
)
from omniedit.specialists.synthesize import synthesize

KINDS = (VisualBox, VisualSketch, VisualScribble, VisualSegment)


def photo(*places: tuple[str, int, int]) -> Photo:
    """Return a 600 x 400 photo of yellow discs (name, x, y) and a white sign on grainy green."""
    rng = np.random.default_rng(0)
    image: Image = np.clip(rng.normal((60, 130, 50), 4, (400, 600, 3)), 0, 255).astype(np.uint8)
    image[300:360, 500:580] = 250
    rows, columns = np.ogrid[:400, :600]
    objects = []
    for name, x, y in places:
        disc = np.hypot(columns - x, rows - y) < 40
        image[disc] = np.clip(rng.normal((240, 210, 90), 4, (int(disc.sum()), 3)), 0, 255)
        objects.append(NamedObject(name, ((x - 40) / 600, (y - 40) / 400, (x + 40) / 600, (y + 40) / 400)))
    return Photo("meadow", image, "3x2", objects=tuple(objects), sha256="meadow")


@cache
def make_pair(kind: type[VisualEdit]) -> EditPair:
    specialist = kind([])
    (pair,) = (made for made in synthesize(specialist, "embedded", [photo(("ball", 180, 120))], 1, seed=0))
    assert isinstance(pair, EditPair), pair
    return replace(pair, provenance={**pair.provenance, "known_truth": True})


def success(pair: EditPair) -> float:
    score = score_pair(pair)
    assert isinstance(score, Score), score
    return score.sc_score_1


@pytest.mark.parametrize("kind", KINDS)
def test_visual_edit_has_its_reference_and_points_to_it(kind: type[VisualEdit]) -> None:
    pair = make_pair(kind)
    assert pair.task == kind.task and pair.provenance["truth"]["edit"] in ("object_removal", "object_addition")
    assert tuple(each.role for each in pair.references) == kind.task.references
    assert all("reference image" in text and "ball" in text for text in pair.instructions)
    assert len(set(pair.instructions)) == len(pair.instructions) == 4
    assert pair.mask is not None and np.array_equal(pair.source[~pair.mask], pair.edited[~pair.mask])
    assert success(pair) >= 9


@pytest.mark.parametrize("kind", KINDS)
def test_condition_of_another_edit_fails(kind: type[VisualEdit]) -> None:
    pair = make_pair(kind)
    (reference,) = pair.references
    for image in (reference.image[::-1, ::-1].copy(), 255 - reference.image):
        assert success(replace(pair, references=(Reference(reference.role, image),))) < 5
    of_source = kind([]).draw_condition  # a condition computed from the source shows what was there before
    if kind not in (VisualBox, VisualSegment):
        request = kind([]).propose(photo(("ball", 180, 120)), np.random.default_rng(0))
        (made,) = kind([]).edit([request])
        assert not isinstance(made, NotApplicable)
        shown = of_source(
            replace(request, photo=replace(request.photo, image=pair.edited)), replace(made, image=pair.source)
        )
        assert not isinstance(shown, NotApplicable)
        assert success(replace(pair, references=(Reference(reference.role, shown),))) < 5
    assert isinstance(score_pair(replace(pair, references=())), Unscorable)
    assert success(replace(pair, edited=pair.source)) < 5


def test_box_encloses_the_object_and_the_rest_is_the_source() -> None:
    pair = make_pair(VisualBox)
    (reference,) = pair.references
    rows, columns = np.nonzero((reference.image == (255, 0, 0)).all(axis=2))
    assert rows.min() <= 80 and rows.max() >= 160 and columns.min() <= 140 and columns.max() >= 220
    outside = np.ones(reference.image.shape[:2], bool)
    outside[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = False
    assert np.array_equal(reference.image[outside], pair.source[outside])


def test_lines_that_do_not_show_the_edit_are_rejected() -> None:
    specialist = VisualSketch([])
    request = specialist.propose(photo(("ball", 180, 120)), np.random.default_rng(0))
    (made,) = specialist.edit([request])
    assert not isinstance(made, NotApplicable)
    unchanged = specialist.draw_condition(request, replace(made, image=request.photo.image))
    assert isinstance(unchanged, NotApplicable) and "hardly differ" in str(unchanged)
    empty = specialist.draw_condition(request, replace(made, image=np.full_like(made.image, 90)))
    assert isinstance(empty, NotApplicable) and "hardly any lines" in str(empty)


def test_photo_without_objects_has_no_visual_edit() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(NotApplicable):
        VisualBox([]).propose(replace(photo(), objects=(NamedObject("ball"),)), rng)


def test_instructions_point_to_the_reference_in_different_words() -> None:
    texts = point_to_reference(["Remove the cup."] * 4, "segment", np.random.default_rng(1))
    assert len(set(texts)) == 4 and all("segmentation map in the reference image" in text for text in texts)
    assert all(text[0].isupper() and text.endswith(".") and ".." not in text for text in texts)


def test_instruction_in_the_first_person_keeps_its_capital() -> None:
    texts = point_to_reference(["I would like to see a cup."] * 4, "segment", np.random.default_rng(0))
    assert all("I would" in text for text in texts)
