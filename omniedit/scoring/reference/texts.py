"""Measurements of a changed text: the text in the images, as a text reader reads it."""

from difflib import SequenceMatcher

import numpy as np

from omniedit.grounding.text import READER_MISSING, can_read, read_text
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import Image
from omniedit.imaging.lettering import steepness
from omniedit.instructions.templates.printed_text import same_letters
from omniedit.pairs.provenance import Truth
from omniedit.scoring.reference import sentences
from omniedit.scoring.reference.fields import lightness, ramp
from omniedit.scoring.reference.measures import Comparison, Unmeasurable
from omniedit.scoring.reference.rationale import Finding, clean_value, weigh

READ_MARGIN = 0.6
"""Margin of the part of the image that is read around the text's box, as a share of its height."""
MIN_LIKENESS = 0.8
"""Minimum similarity of the source's text to the claimed text."""


def textual_change(comparison: Comparison, truth: Truth) -> Finding:
    """Score a changed text: the edited image shows the requested text and no longer the old one.

    Raises:
        Unmeasurable: no text reader is installed, or the source does not show the old text.
    """
    if not can_read():
        raise Unmeasurable(READER_MISSING)
    old, new = str(truth["text"]), str(truth["new_text"])
    before, after = (
        [line.text for line in read_text(_crop(image, truth["box"], READ_MARGIN))]
        for image in (comparison.pair.source, comparison.pair.edited)
    )
    if _likeness(before, old) < MIN_LIKENESS:
        raise Unmeasurable(f"the source image does not show the text {old!r:.60}")
    says_new, says_old = _likeness(after, new), _likeness(after, old)
    is_stated = same_letters(new) in same_letters(comparison.pair.instruction)
    crisp = _steepness(comparison.pair.edited, truth["box"]) / max(
        _steepness(comparison.pair.source, truth["box"]), 1e-3
    )
    requirements = (
        (ramp(crisp, 0.6, 0.88), sentences.BLURRED_TEXT),
        (float(is_stated), sentences.OTHER_TEXT),
        (ramp(says_new, 0.75, 0.98), sentences.OTHER_TEXT),
        (ramp(says_new - says_old, -0.2, 0.02), sentences.OLD_TEXT),
    )
    measurement = (
        f"the edited image says {' / '.join(after)!r:.80}, {says_new:.0%} like the new text, with edges {crisp:.2f} "
        "times as steep as in the source"
    )
    return weigh(sentences.REWRITTEN, requirements, measurement, value=clean_value(new))


def _steepness(image: Image, box: FractionBox) -> float:
    """Return the slope of the steeper edges of the lightness in a box."""
    return steepness(lightness(_crop(image, box, 0.0)))


def _crop(image: Image, box: FractionBox, around: float) -> Image:
    height, width = image.shape[:2]
    left, top, right, bottom = np.array(box) * (width, height, width, height)
    margin = around * (bottom - top)
    rows = slice(max(0, int(top - margin)), int(bottom + margin) + 1)
    columns = slice(max(0, int(left - margin)), int(right + margin) + 1)
    return np.ascontiguousarray(image[rows, columns])


def _likeness(lines: list[str], text: str) -> float:
    """Return the highest similarity of a line to a text, in [0, 1], comparing only letters and digits."""
    expected = same_letters(text)
    shares = (SequenceMatcher(None, same_letters(line), expected, autojunk=False).ratio() for line in lines)
    return max(shares, default=0.0)
