"""Tests of clues: a clue is used only if it certainly means one object of a photo."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.grounding.nouns import KINDS, plain_nouns
from omniedit.instructions.clues import clues, find_clues, name_indirectly, resolve_clue, to_known_noun
from omniedit.instructions.referring_expressions import Unresolvable

nouns = st.sampled_from([noun for clue in clues().values() for noun in sorted(clue.fits)])


def test_every_clue_fits_an_object_that_grounding_can_name_or_a_common_word() -> None:
    for phrase, clue in clues().items():
        assert clue.fits and not clue.fits & clue.maybe, phrase
        assert phrase == phrase.strip(" .") and not phrase.startswith(("a ", "the "))
    known = {noun for clue in clues().values() for noun in clue.fits} & set(plain_nouns())
    assert len(known) > 100


@given(st.lists(nouns, min_size=1, max_size=4), st.data())
def test_every_clue_that_is_found_means_its_object(names: list[str], data: st.DataObject) -> None:
    target = data.draw(st.integers(0, len(names) - 1))
    for phrase in find_clues(target, names):
        assert resolve_clue(phrase, names) == target
        assert phrase not in find_clues(target, [*names, names[target]]), "two objects of a kind fit equally"


@pytest.mark.parametrize("unknown", ["object", "animal", "frobnicator"])
def test_object_of_unknown_kind_makes_a_clue_uncertain(unknown: str) -> None:
    assert find_clues(0, ["dog", "chair"]) == ["animal that barks"]
    assert find_clues(0, ["dog", unknown]) == []


def test_comparison_needs_a_clear_winner() -> None:
    clue = "fruit with the most vitamin C"
    assert resolve_clue(clue, ["apple", "orange"]) == 1
    for names, reason in (
        (["orange"], "1 of those in the photo can be compared"),
        (["orange", "lemon"], "about equally"),
        (["orange", "apple", "fruit"], "might describe the fruit"),
    ):
        with pytest.raises(Unresolvable, match=reason):
            resolve_clue(clue, names)
    with pytest.raises(Unresolvable, match="might describe the llama"):
        resolve_clue("animal that weighs the most", ["elephant", "cat", "llama"])


def test_name_with_an_adjective_is_known_by_its_noun() -> None:
    assert to_known_noun("small brown dog") == "dog" and to_known_noun("spicy hot dog") == "hot dog"
    assert to_known_noun("blimbing") is None and set(KINDS) == {to_known_noun(kind) for kind in KINDS}


def test_sentence_about_the_use_of_an_object_names_it() -> None:
    said = name_indirectly("Take away the object that tells the time.", "wall clock", ["dog"])
    assert said == "named as the 'object that can tell the time', which describes the wall clock according to the table"
    assert name_indirectly("Take away the object that tells the time.", "dog") is None
    assert name_indirectly("Take away the object that tells the time.", "wall clock", ["digital watch"]) is None


@pytest.mark.parametrize(
    ("sentence", "name", "other"),
    [
        ("Remove the fruit with the least vitamin C.", "orange", "apple"),
        ("Remove the fruit with less vitamin C.", "orange", "apple"),
        ("Remove the animal that hardly barks.", "dog", "cat"),
        ("Remove every animal except the one that barks.", "dog", "cat"),
        ("Remove the animal that the barking one chases.", "dog", "cat"),
        ("Remove the animal without a trunk.", "elephant", "cat"),
        ("Remove the thing next to the object that tells the time.", "clock", "cup"),
        ("Remove neither the animal that barks.", "dog", "cat"),
    ],
)
def test_an_opposite_or_a_relation_to_another_object_does_not_name_it(sentence: str, name: str, other: str) -> None:
    assert name_indirectly(sentence, name, [other]) is None
    assert name_indirectly("Remove the fruit with the most vitamin C.", "orange", ["apple"])
    assert name_indirectly("Remove the animal with a trunk.", "elephant", ["cat"])


def test_a_denied_use_does_not_name_an_object() -> None:
    assert name_indirectly("Remove the thing that tells the time.", "clock", ["dog"])
    assert name_indirectly("Remove the thing that does not tell the time.", "clock", ["dog"]) is None
