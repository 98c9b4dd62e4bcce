"""Tests of counting and relation, and of the reference judge's checks of numbers and places."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from helpers.all_pairs import all_pairs
from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.images import Image
from omniedit.instructions.grammar import to_plural
from omniedit.instructions.templates.counting import count_instructions, name_by_place, parse_numbers
from omniedit.pairs import EditPair
from omniedit.scoring.reference import counts, score_pair
from omniedit.scoring.reference.counts import verify_number
from omniedit.scoring.reference.measures import Unmeasurable
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.verdict import Score
from omniedit.sources.photo import NamedObject, Photo
from omniedit.specialists.base import NotApplicable
from omniedit.specialists.embedded.counting import Counting
from omniedit.specialists.embedded.relation import Relation

HEIGHT, WIDTH, RADIUS = 240, 360, 24


def meadow(*places: tuple[str, int, int]) -> Photo:
    """Return a photo of yellow discs (name, x, y) on grainy green."""
    rng = np.random.default_rng(0)
    image: Image = np.clip(rng.normal((60, 130, 50), 4, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    objects = []
    for name, x, y in places:
        disc = np.hypot(columns - x, rows - y) < RADIUS
        image[disc] = np.clip(rng.normal((240, 210, 90), 4, (int(disc.sum()), 3)), 0, 255)
        box = ((x - RADIUS) / WIDTH, (y - RADIUS) / HEIGHT, (x + RADIUS) / WIDTH, (y + RADIUS) / HEIGHT)
        objects.append(NamedObject(name, box))
    return Photo("meadow", image, "3x2", objects=tuple(objects), sha256="meadow")


class Discs(ObjectIndex):
    """Index of the discs at their boxes."""

    def find(self, photo: Photo) -> tuple[FoundObject, ...]:
        rows, columns = np.ogrid[:HEIGHT, :WIDTH]
        found = []
        for named in photo.objects:
            assert named.box is not None
            x, y = (named.box[0] + named.box[2]) / 2 * WIDTH, (named.box[1] + named.box[3]) / 2 * HEIGHT
            found.append(FoundObject(named.name, named.box, np.hypot(columns - x, rows - y) < RADIUS))
        return tuple(found)


ONE, TWO = meadow(("disc", 180, 120)), meadow(("left disc", 110, 120), ("right disc", 250, 120))


@pytest.fixture(scope="module", params=[ONE, TWO], ids=["copies", "two of a kind"])
def counting_pairs(request: pytest.FixtureRequest) -> list[EditPair]:
    return all_pairs(Counting(Discs()), request.param, known_truth=True)


@pytest.fixture(scope="module", params=[ONE, TWO], ids=["copies", "two of a kind"])
def relation_pairs(request: pytest.FixtureRequest) -> list[EditPair]:
    return all_pairs(Relation(Discs()), request.param, known_truth=True)


def number_of_discs(image: Image) -> int:
    """Count the yellow discs by their area."""
    yellow = (image[..., 0] > 180) & (image[..., 2] < 150)
    return round(float(yellow.sum()) / (np.pi * RADIUS**2))


def success(pair: EditPair, **truth: Any) -> float:
    about = {**pair.provenance, "truth": {**pair.provenance["truth"], **truth}}
    score = score_pair(replace(pair, provenance=about))
    assert isinstance(score, Score), score
    return score.sc_score_1


def test_source_and_edited_image_show_the_stated_numbers(counting_pairs: list[EditPair]) -> None:
    assert counting_pairs
    for pair in counting_pairs:
        truth = pair.provenance["truth"]
        assert (number_of_discs(pair.source), number_of_discs(pair.edited)) == (truth["count"], truth["new_count"])
        assert len(truth["boxes"]) == max(truth["count"], truth["new_count"])
        for text in pair.instructions:
            assert parse_numbers(text) & {truth["new_count"], abs(truth["count"] - truth["new_count"])}
        assert len(set(pair.instructions)) == 4


def test_counting_changes_nothing_outside_its_mask_and_the_judge_accepts_it(counting_pairs: list[EditPair]) -> None:
    for pair in counting_pairs:
        assert pair.mask is not None and np.array_equal(pair.source[~pair.mask], pair.edited[~pair.mask])
        score = score_pair(pair)
        assert isinstance(score, Score) and min(score.sc_score_1, score.sc_score_2) >= 8, score


def test_wrong_number_fails(counting_pairs: list[EditPair]) -> None:
    for pair in counting_pairs:
        assert success(replace(pair, edited=pair.source)) < 5
        assert success(replace(pair, instructions=("Show five discs.",))) < 5
    pair = counting_pairs[0]
    truth = pair.provenance["truth"]
    wrong = {**truth, "new_count": truth["new_count"] + 3}
    assert isinstance(score_pair(replace(pair, provenance={**pair.provenance, "truth": wrong})), Unscorable)
    swapped = {"boxes": truth["boxes"][::-1]}
    assert success(pair, **swapped) < 5, "another object than the one that the truth names changed"


def test_copy_needs_free_and_like_ground_beside_the_object() -> None:
    poles = [(f"pole {x} {y}", x, y) for x in (40, 110, 180, 250, 320) for y in (40, 120, 200) if (x, y) != (40, 120)]
    cramped = meadow(("disc", 40, 120), *poles)
    for photo in (cramped, meadow(("discs", 180, 120)), meadow(("object", 180, 120))):
        with pytest.raises(NotApplicable):
            Counting(Discs()).propose(photo, np.random.default_rng(0))


def test_relation_edits_only_the_object_at_its_place(relation_pairs: list[EditPair]) -> None:
    assert {pair.provenance["truth"]["edit"] for pair in relation_pairs} == {"object_removal", "attribute_modification"}
    assert {pair.provenance["truth"]["place"] for pair in relation_pairs} == {"left", "right"}
    for pair in relation_pairs:
        truth = pair.provenance["truth"]
        assert number_of_discs(pair.source) == 2
        assert pair.mask is not None and np.array_equal(pair.source[~pair.mask], pair.edited[~pair.mask])
        columns = np.nonzero((pair.source != pair.edited).any(axis=(0, 2)))[0] / WIDTH
        left, _, right, _ = truth["box"]
        assert left - 0.05 <= columns.min() and columns.max() <= right + 0.05
        assert all(truth["place"] in text for text in pair.instructions) and len(set(pair.instructions)) == 4
        score = score_pair(pair)
        assert isinstance(score, Score) and min(score.sc_score_1, score.sc_score_2) >= 8, score


def test_edit_of_the_other_object_fails(relation_pairs: list[EditPair]) -> None:
    for pair in relation_pairs:
        truth = pair.provenance["truth"]
        opposite = {"left": "right", "right": "left"}[truth["place"]]
        assert success(replace(pair, edited=pair.source)) < 5
        assert success(replace(pair, instructions=(f"Remove the {opposite} disc.",))) < 5
        assert success(pair, place=opposite) < 5
        assert success(pair, box=truth["other_box"], other_box=truth["box"]) < 5
        about = {**pair.provenance, "truth": truth | {"place": "nearest"}}
        assert isinstance(score_pair(replace(pair, provenance=about)), Unscorable)


def test_further_object_of_the_kind_makes_the_number_uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    image, boxes = meadow(("disc", 60, 120), ("disc", 290, 120)).image, [(0.1, 0.4, 0.23, 0.6)]

    def show_yellow(noun: str, windows: list[Image]) -> np.ndarray:
        return np.array([float((window[..., 0] > 180).mean() > 0.2) for window in windows])

    monkeypatch.setattr(counts, "noun_probabilities", show_yellow)
    with pytest.raises(Unmeasurable, match="more than 1"):
        verify_number(image, "disc", boxes)
    verify_number(meadow(("disc", 60, 120)).image, "disc", boxes)
    monkeypatch.setattr(counts, "noun_probabilities", lambda noun, windows: None)
    verify_number(image, "no such noun", boxes)


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("wine glass", "wine glasses"),
        ("wolf", "wolves"),
        ("butterfly", "butterflies"),
        ("monkey", "monkeys"),
        ("sheep", "sheep"),
        ("brush", "brushes"),
    ],
)
def test_plurals_are_formed(one: str, many: str) -> None:
    assert to_plural(one) == many


def test_instructions_state_the_change_of_number() -> None:
    rng = np.random.default_rng(0)
    for _ in range(8):
        for text in count_instructions("sheep", 3, 1, rng):
            assert parse_numbers(text) <= {1, 2, 3} and "  " not in text
        assert all("fox" in text for text in count_instructions("fox", 1, 2, rng))


def test_one_of_two_is_named_by_its_place_in_different_words() -> None:
    texts = name_by_place(["Remove the lower cat."] * 3, "lower cat", np.random.default_rng(0))
    assert {*texts} == {
        "Remove the lower cat.",
        "Remove the cat below the other one.",
        "Remove the lower of the two cats.",
    }
