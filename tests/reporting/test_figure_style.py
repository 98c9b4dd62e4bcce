"""Tests for figures: the text of instructions is drawn literally."""

from collections import Counter

import pytest
from matplotlib.text import Text

from omniedit.reporting.figure_style import panels, report_style, svg
from omniedit.reporting.proposals import facet_bars

PRICES = [
    "Change the price from $5 to $10.",
    "Write '$5_' and '$6_' on it.",
    r"Write $\home$ on it.",
    "$x^",
    "a $ and a \\",
]


@pytest.mark.parametrize("words", PRICES)
def test_dollar_signs_do_not_start_a_formula(words: str) -> None:
    with report_style():
        figure, (axis,) = panels(1, 1, 4, 3)
        axis.set(title=words, xlabel=words)
        axis.plot([0, 1], label=words)
        axis.set_yticks([0, 1], [words, words])
        figure.legend()
        drawn = [text for text in figure.findobj(Text) if text.get_text() == words]
        assert len(drawn) >= 5 and not any(text.get_parse_math() for text in drawn)
        svg(figure)


@pytest.mark.parametrize("words", PRICES)
def test_object_names_are_drawn_unchanged(words: str) -> None:
    with report_style():
        svg(facet_bars({"object": Counter({words: 3})}))
