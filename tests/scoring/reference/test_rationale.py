"""Rationales of the reference judge: plain sentences that agree with their objects, equal for equal pairs."""

import re
import string

import pytest

from omniedit.scoring.reference import sentences
from omniedit.scoring.reference.rationale import (
    Finding,
    Shortfall,
    TruthObject,
    choose_sentences,
    fill_in,
    write_rationale,
)

DONE, FIRST, SECOND = (
    ("Done.",),
    Shortfall(("No first.",), ("Half first.",)),
    Shortfall(("No second.",), ("Half second.",)),
)
VALUES = {
    "old": TruthObject.parse("wine bottle and the grinder"),
    "new": TruthObject.parse("fig"),
    "value": "blue",
    "fault": "It is only blurred.",
    "faults": "blur and noise",
}


def all_templates() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, value in vars(sentences).items():
        if isinstance(value, Shortfall):
            found += [value.unmet, value.partial]
        elif name.isupper():
            found.append(
                (value,) if isinstance(value, str) else tuple(value.values() if isinstance(value, dict) else value)
            )
    return found


def test_every_rationale_consists_of_full_sentences_without_figures() -> None:
    for templates in all_templates():
        for text in fill_in(templates, **VALUES):
            assert re.fullmatch(r"(?:[A-Z][a-z ,']+\.(?: |$)){1,2}", text), text
        assert len(set(templates)) == len(templates)


def test_sentences_use_known_fields_only() -> None:
    fields = {
        name.split(".")[0]
        for t in all_templates()
        for text in t
        for _, name, *_ in string.Formatter().parse(text)
        if name
    }
    assert fields == set(VALUES)


@pytest.mark.parametrize(
    ("name", "indefinite", "plural"),
    [
        ("wine bottle", "a wine bottle", False),
        ("The orange.", "an orange", False),
        ("wine bottle and the grinder", "a wine bottle and the grinder", True),
        ("dog and cat", "a dog and cat", True),
        ("black and white cat", "a black and white cat", False),
        ("sunglasses", "some sunglasses", True),
        ("people on the left", "some people on the left", True),
        ("two dogs", "two dogs", True),
        ("glass of figs", "a glass of figs", False),
        ("man with a hat and a coat", "a man with a hat and a coat", False),
        ("fig:\nripe", "a fig, ripe", False),
        ("", "an object", False),
        ("vase " * 20 + ", by a window", "a " + ("vase " * 20).strip(), False),
    ],
)
def test_articles_and_number_agree_with_the_object(name: str, indefinite: str, plural: bool) -> None:
    thing = TruthObject.parse(name)
    assert (thing.a, thing.plural) == (indefinite, plural)


def test_verbs_agree_with_one_or_two_objects() -> None:
    texts = [
        fill_in(sentences.REMOVED, old=TruthObject.parse(name))[0] for name in ("bottle", "bottle and the grinder")
    ]
    assert texts == [
        "The bottle is gone and the area matches its surroundings.",
        "The bottle and the grinder are gone and the area matches its surroundings.",
    ]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (1, 1, "Done."),
        (0.3, 0, "No first."),
        (0.4, 0, "No second."),
        (0.4, 0.5, "Half first."),
        (1, 0.7, "Half second."),
    ],
)
def test_the_worst_requirement_is_named(first: float, second: float, expected: str) -> None:
    assert choose_sentences(DONE, (first, FIRST), (second, SECOND)) == (expected,)


def test_wording_is_deterministic_per_pair_and_varies_between_pairs() -> None:
    findings = [Finding(10, ("A.", "B.", "C.")), Finding(10, ("D.", "E."), "12%")]
    texts = {write_rationale(findings, f"pair-{number}") for number in range(100)}
    assert texts == {f"{one} {two}" for one in ("A.", "B.", "C.") for two in ("D.", "E.")}
    assert write_rationale(findings, "pair-7") == write_rationale(findings, "pair-7")
