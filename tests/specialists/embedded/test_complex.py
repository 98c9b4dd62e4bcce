"""Tests of complex edits, and of the reference judge's check that the right one of several objects was edited."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.images import Image
from omniedit.instructions.individuals import Individual
from omniedit.instructions.referring_expressions import resolve
from omniedit.pairs import EditPair
from omniedit.scoring.reference import score_pair
from omniedit.scoring.verdict import Score
from omniedit.sources.photo import NamedObject, Photo
from omniedit.specialists.base import NotApplicable
from omniedit.specialists.embedded.complex import ComplexEdit, ComplexReasoning, ComplexUnderstanding
from omniedit.specialists.embedded.target_individuals import list_individuals, name_uniquely
from omniedit.specialists.synthesize import synthesize

HEIGHT, WIDTH = 240, 400
YELLOW, RED = (240, 210, 90), (200, 60, 50)
Disc = tuple[str, int, int, int, tuple[int, int, int]]


class Discs(ObjectIndex):
    """Index of discs whose masks are known, so that no test computes an outline."""

    def __init__(self, *discs: Disc, listed: bool = True) -> None:
        super().__init__()
        self.photo, self.found = draw(discs, listed)

    def find(self, photo: Photo, crowds: bool = False) -> tuple[FoundObject, ...]:
        return self.found


def draw(discs: Sequence[Disc], listed: bool) -> tuple[Photo, tuple[FoundObject, ...]]:
    """Return a photo of discs (name, x, y, radius, colour) on grainy green, and the discs as objects."""
    rng = np.random.default_rng(0)
    image: Image = np.clip(rng.normal((60, 130, 50), 4, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    found = []
    for name, x, y, radius, colour in discs:
        disc = np.hypot(columns - x, rows - y) < radius
        image[disc] = np.clip(rng.normal(colour, 4, (int(disc.sum()), 3)), 0, 255)
        box = ((x - radius) / WIDTH, (y - radius) / HEIGHT, (x + radius) / WIDTH, (y + radius) / HEIGHT)
        found.append(FoundObject(name, box, disc))
    listing = tuple(NamedObject(each.name, each.box) for each in found) if listed else ()
    return Photo("meadow", image, "5x3", objects=listing, sha256="meadow"), tuple(found)


THREE = Discs(("ball", 70, 120, 22, YELLOW), ("ball", 190, 120, 36, RED), ("ball", 320, 120, 22, YELLOW))
TWO = Discs(("ball", 90, 120, 28, YELLOW), ("ball", 300, 120, 28, YELLOW))
KNOWN = Discs(("orange", 90, 120, 28, (240, 140, 40)), ("apple", 300, 120, 28, RED))


def make_pairs(kind: type[ComplexEdit], discs: Discs, count: int = 14) -> list[EditPair]:
    made = synthesize(kind([], discs), "embedded", [discs.photo], count, seed=0)
    return [
        replace(pair, provenance={**pair.provenance, "known_truth": True})
        for pair in made
        if isinstance(pair, EditPair)
    ]


@pytest.fixture(scope="module")
def understanding_pairs() -> list[EditPair]:
    return [*make_pairs(ComplexUnderstanding, THREE), *make_pairs(ComplexUnderstanding, TWO)]


@pytest.fixture(scope="module")
def reasoning_pairs() -> list[EditPair]:
    return make_pairs(ComplexReasoning, KNOWN)


def success(pair: EditPair) -> float:
    score = score_pair(pair)
    assert isinstance(score, Score), score
    return score.sc_score_1


def test_edits_and_cues_vary(understanding_pairs: list[EditPair], reasoning_pairs: list[EditPair]) -> None:
    truths = [pair.provenance["truth"] for pair in understanding_pairs]
    assert {truth["cue"] for truth in truths} == {"place", "size", "colour", "order"}
    assert {truth["edit"] for truth in truths} == {"object_removal", "object_addition", "attribute_modification"}
    assert {pair.provenance["truth"]["expression"] for pair in reasoning_pairs} == {"fruit with the most vitamin C"}


def test_only_the_object_that_is_meant_changes(understanding_pairs: list[EditPair]) -> None:
    for pair in understanding_pairs:
        truth = pair.provenance["truth"]
        alike = [Individual(**row) for row in truth["alike"]]
        assert resolve(truth["expression"], alike) == truth["among"]
        assert pair.mask is not None and np.array_equal(pair.source[~pair.mask], pair.edited[~pair.mask])
        changed = (pair.source != pair.edited).any(axis=2)
        shares = [changed[_pixels(each)].mean() for each in alike]
        assert shares.pop(truth["among"]) > 0.5 and max(shares) == 0


def _pixels(this: Individual) -> tuple[slice, slice]:
    left, top, right, bottom = this.box
    return slice(round(top * HEIGHT), round(bottom * HEIGHT)), slice(round(left * WIDTH), round(right * WIDTH))


def test_instructions_name_the_object_by_expression_or_clue(
    understanding_pairs: list[EditPair], reasoning_pairs: list[EditPair]
) -> None:
    for pair in understanding_pairs:
        truth = pair.provenance["truth"]
        if truth["edit"] == "object_addition":
            assert any(word in pair.instruction for word in ("to the left of the ball", "to the right of the ball"))
        else:
            assert truth["expression"] in pair.instruction
    for pair in reasoning_pairs:
        assert all("the fruit with the most vitamin C" in text and "orange" not in text for text in pair.instructions)


def test_judge_accepts_the_right_object(understanding_pairs: list[EditPair], reasoning_pairs: list[EditPair]) -> None:
    by_edit = {pair.provenance["truth"]["edit"]: pair for pair in understanding_pairs}
    assert len(by_edit) == 3 and all(success(pair) >= 7 for pair in [*by_edit.values(), *reasoning_pairs])


def test_judge_rejects_the_edit_of_another_object(understanding_pairs: list[EditPair]) -> None:
    """Plant three faults: the other object edited, the truth of the other one, and an expression of the other one."""
    recoloured = [p for p in understanding_pairs if p.provenance["truth"]["edit"] == "attribute_modification"]
    for pair in recoloured[:2]:
        assert pair.mask is not None
        truth = pair.provenance["truth"]
        others = [row for place, row in enumerate(truth["alike"]) if place != truth["among"]]
        box = _pixels(Individual(**others[0]))
        mask = np.zeros_like(pair.mask)
        mask[box] = True
        edited = pair.source.copy()
        edited[box] = 255 - edited[box]
        for fault in (mask, mask | pair.mask):
            assert success(replace(pair, edited=edited, mask=fault)) < 4
        moved = truth | {"box": others[0]["box"]}
        wrong = pair.provenance | {"truth": moved}
        assert success(replace(pair, edited=edited, mask=mask, provenance=wrong)) < 4
        for text in ("ball on the right", "ball on the left", "ball"):
            if resolve_or_none(text, truth) != truth["among"]:
                said = pair.provenance | {"truth": truth | {"expression": text}}
                assert success(replace(pair, provenance=said)) < 4


def resolve_or_none(text: str, truth: dict[str, Any]) -> int | None:
    try:
        return resolve(text, [Individual(**row) for row in truth["alike"]])
    except ValueError:
        return None


def test_judge_rejects_an_instruction_that_does_not_say_the_expression(understanding_pairs: list[EditPair]) -> None:
    pair = next(p for p in understanding_pairs if p.provenance["truth"]["edit"] == "object_removal")
    assert success(replace(pair, instructions=("Remove the ball.",))) < 4


def test_judge_resolves_a_clue_among_all_objects(reasoning_pairs: list[EditPair]) -> None:
    truth = reasoning_pairs[0].provenance["truth"]
    for names in (["apple", "orange"], ["orange", "lemon"], ["orange", "animal", "fruit"]):
        wrong = reasoning_pairs[0].provenance | {"truth": truth | {"names": names}}
        assert success(replace(reasoning_pairs[0], provenance=wrong)) < 4


@pytest.mark.parametrize(
    ("discs", "reason"),
    [
        (Discs(("ball", 90, 120, 28, YELLOW)), "no two objects of one kind"),
        (Discs(("ball", 190, 80, 28, YELLOW), ("ball", 200, 160, 28, YELLOW)), None),
        (
            Discs(("ball", 150, 120, 28, YELLOW), ("ball", 205, 120, 28, YELLOW), listed=False),
            "no two objects of one kind",
        ),
        (Discs(("animal", 90, 120, 28, YELLOW), ("dog", 300, 120, 28, YELLOW)), "no two objects of one kind"),
    ],
    ids=["alone", "above", "perhaps one object", "perhaps of a kind"],
)
def test_photo_without_certain_expression_is_rejected(discs: Discs, reason: str | None) -> None:
    rng = np.random.default_rng(0)
    if reason is None:
        assert "ball" in ComplexUnderstanding([], discs).propose(discs.photo, rng).truth["expression"]
        return
    with pytest.raises(NotApplicable, match=reason):
        ComplexUnderstanding([], discs).propose(discs.photo, rng)


def test_listed_object_without_an_outline_makes_a_kind_uncertain() -> None:
    unplaced = replace(TWO.photo, objects=(*TWO.photo.objects, NamedObject("red ball")))
    with pytest.raises(NotApplicable, match="no two objects"):
        ComplexUnderstanding([], TWO).propose(unplaced, np.random.default_rng(0))
    unseen = replace(TWO.photo, objects=(*TWO.photo.objects, NamedObject("ball", (0.01, 0.4, 0.1, 0.6))))
    individuals, _ = list_individuals(unseen, TWO.found)
    assert len(individuals) == 3 and individuals[2].colour == "green", "the middle of the box shows the lawn"
    with pytest.raises(NotApplicable, match="no clue"):
        ComplexReasoning([], TWO).propose(TWO.photo, np.random.default_rng(0))


def test_singled_out_object_is_the_only_one_of_its_kind_and_others_keep_their_boxes() -> None:
    photo, objects = name_uniquely(THREE.photo, THREE.found, 1)
    assert [found.name for found in objects] == ["other ball", "ball", "third ball"]
    assert [(named.name, named.box) for named in photo.objects] == [(found.name, found.box) for found in objects]
