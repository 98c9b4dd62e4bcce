"""Tests of referring expressions: each one that is built refers to its object, and ambiguous ones are rejected."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.imaging.color_names import COLOURS
from omniedit.instructions.individuals import Individual
from omniedit.instructions.referring_expressions import CUES, Unresolvable, refer, resolve


def ball(x: float, y: float = 0.5, side: float = 0.1, colour: str = "", noun: str = "ball") -> Individual:
    box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    return Individual(noun, box, side * side, colour, COLOURS.get(colour))


ROW = [ball(0.15, colour="red"), ball(0.4, side=0.2, colour="blue"), ball(0.65, colour="red"), ball(0.9, side=0.05)]

places = st.floats(0.1, 0.9)
individuals = st.builds(
    ball, places, places, st.floats(0.05, 0.3), st.sampled_from(["", *COLOURS]), st.sampled_from(["ball", "wine glass"])
)


@given(st.lists(individuals, min_size=1, max_size=6), st.data())
def test_every_expression_means_its_object_and_no_other(these: list[Individual], data: st.DataObject) -> None:
    target = data.draw(st.integers(0, len(these) - 1))
    for cue, phrases in refer(target, these).items():
        assert cue in CUES and phrases
        assert all(resolve(f"The {phrase}", these) == target for phrase in phrases)


@given(st.lists(individuals, min_size=2, max_size=6), st.data())
def test_mirrored_scene_exchanges_left_and_right(these: list[Individual], data: st.DataObject) -> None:
    target = data.draw(st.integers(0, len(these) - 1))
    mirrored = [replace(each, box=(1 - each.box[2], each.box[1], 1 - each.box[0], each.box[3])) for each in these]
    for phrases in refer(target, these, ("place", "order")).values():
        for phrase in phrases:
            swapped = " ".join(_MIRRORED.get(word, word) for word in phrase.split())
            assert resolve(swapped, mirrored) == target


_MIRRORED = {"left": "right", "right": "left", "leftmost": "rightmost", "rightmost": "leftmost"}


@pytest.mark.parametrize(
    ("expression", "index"),
    [
        ("the ball on the far left", 0),
        ("second ball from the left", 1),
        ("first ball from the right", 3),
        ("largest ball", 1),
        ("the smallest ball", 3),
        ("red ball on the right", 2),
        ("the leftmost red ball", 0),
        ("the second red ball from the left", 2),
        ("the 2nd ball from the left", 1),
        ("the second-smallest ball", None),
        ("the second-largest ball", None),
        ("the larger of the two balls", None),
        ("the left one of the two red balls", 0),
    ],
)
def test_expression_resolves_by_place_order_size_and_colour(expression: str, index: int | None) -> None:
    known = [*ROW[:3], replace(ROW[3], colour="green", lab=COLOURS["green"])]
    if index is None:
        with pytest.raises(Unresolvable):
            resolve(expression, known)
    else:
        assert resolve(expression, known) == index


def test_the_second_largest_of_several_sizes_is_found() -> None:
    sizes = [ball(x, side=side) for x, side in ((0.2, 0.1), (0.5, 0.2), (0.8, 0.3))]
    assert resolve("second largest ball", sizes) == resolve("second smallest ball", sizes) == 1
    assert resolve("third-largest ball", sizes) == 0


@pytest.mark.parametrize(
    "expression",
    """white ball on the right|red or green ball|no red ball|non-red ball|any ball but the red one
leftmost ball but one|ball in the top right corner|ball in the middle of the table|ball that was left alone
right now the ball|two balls on the left|red balls|every ball except the green one|bigger ball|biger ball
lefmost ball|largest red ball|smallest ball on the right|ball with a red dot|dark red ball
black and red ball|ball between the red ball and the blue ball|the larger of the two balls
ball neither red nor blue|ball that isn't red|ball without red""".replace("\n", "|").split("|"),
)
def test_an_expression_with_a_word_that_is_not_read_or_does_not_hold_refers_to_nothing(expression: str) -> None:
    four = [
        ball(0.15, 0.3, colour="red"),
        ball(0.4, 0.7, 0.2, colour="blue"),
        ball(0.62, 0.2, 0.15, colour="green"),
        ball(0.85, 0.8, 0.3, colour="orange"),
    ]
    with pytest.raises(Unresolvable):
        resolve(expression, [replace(four[0], colour="white", lab=COLOURS["white"]), *four[1:]])
    with pytest.raises(Unresolvable):
        resolve(expression, four)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("the ball", "4 objects fit"),
        ("the cup on the left", "no object fits"),
        ("the blue ball", "has no clear colour"),
        ("fifth ball from the left", "there are only 4 matching objects"),
        ("upper ball", "about equally far"),
        ("the ball in the middle", "'middle' needs exactly three objects; there are 4"),
        ("the ball in the mirror", "unclear whether one of the balls is in a mirror"),
        ("ball on the left", "near the left edge"),
    ],
)
def test_ambiguous_expression_is_rejected_with_the_reason(expression: str, reason: str) -> None:
    near = [ROW[0], replace(ROW[1], box=(0.25, 0.4, 0.35, 0.6)), *ROW[2:]]
    with pytest.raises(Unresolvable, match=reason):
        resolve(expression, near)


def test_differences_too_small_to_see_are_ambiguous() -> None:
    with pytest.raises(Unresolvable, match="about equally large"):
        resolve("larger ball", [ball(0.2, side=0.1), ball(0.8, side=0.11)])
    with pytest.raises(Unresolvable, match="about equally far from the left edge"):
        resolve("ball on the left", [ball(0.5, 0.2), ball(0.52, 0.8)])
    shade = replace(ball(0.8), colour="orange", lab=(52, 58, 46))
    with pytest.raises(Unresolvable, match="too close to red"):
        resolve("red ball", [ball(0.2, colour="red"), shade])


def test_the_only_object_of_its_kind_needs_no_expression() -> None:
    pair = [ball(0.2), ball(0.8, noun="cup")]
    assert refer(0, pair) == {} and resolve("the ball", pair) == 0


def test_mirror_distinguishes_an_object_from_its_reflection() -> None:
    pair = [replace(ball(0.2), in_mirror=True), replace(ball(0.22), in_mirror=False)]
    assert [refer(place, pair, ("mirror",))["mirror"] for place in (0, 1)] == [
        ["ball in the mirror"],
        ["ball outside the mirror"],
    ]


def test_nouns_that_are_also_colours_are_not_cues() -> None:
    oranges = [ball(0.2, colour="green", noun="orange"), ball(0.8, colour="orange", noun="orange")]
    assert resolve("green orange", oranges) == 0 and resolve("orange orange", oranges) == 1
    assert resolve("orange on the left", oranges) == 0


def test_modifier_of_a_noun_narrows_the_kind() -> None:
    bottles = [ball(0.2, noun="wine bottle"), ball(0.5, noun="beer bottle"), ball(0.8, noun="beer bottle")]
    assert resolve("wine bottle", bottles) == 0 and resolve("beer bottle on the right", bottles) == 2
    with pytest.raises(Unresolvable):
        resolve("bottle", bottles)


@pytest.mark.parametrize(
    "expression",
    [
        "ball to the left of the blue one",
        "ball that is not blue",
        "second-last ball from the left",
        "ball near the cup",
    ],
)
def test_a_negation_or_another_object_is_not_read_as_a_cue(expression: str) -> None:
    with pytest.raises(Unresolvable, match="by a negation or by another object"):
        resolve(expression, ROW)
    assert resolve("largest of the four balls", ROW) == 1
