import pytest

from omniedit.grounding.nouns import KINDS, PLACES_AND_STUFF, PLAINER, find_kind, plain_nouns


def test_nouns_are_plain_and_name_objects() -> None:
    nouns = [noun for index, noun in enumerate(plain_nouns()) if index not in PLACES_AND_STUFF]
    assert not [noun for noun in nouns if any(sign in noun for sign in "(/,") or " or " in noun]
    assert {"valley", "cliff", "beach"}.isdisjoint(nouns) and set(PLAINER.values()) <= set(nouns)


@pytest.mark.parametrize(
    ("noun", "kind"),
    [
        ("bee", "animal"),
        ("insect", "animal"),
        ("bus", "vehicle"),
        ("apple", "fruit"),
        ("wine bottle", None),
        ("", None),
    ],
)
def test_noun_has_the_widest_kind_that_contains_it(noun: str, kind: str | None) -> None:
    assert find_kind(noun) == kind


def test_all_classes_of_a_noun_share_one_kind() -> None:
    for classes in KINDS.values():
        nouns = {plain_nouns()[index] for index in classes}
        assert {index for index, noun in enumerate(plain_nouns()) if noun in nouns} <= classes | KINDS["animal"]
