"""Measurements of a subject's pair: the edited image shows the subject of the demonstration, changed as the skill
requires.

The first demonstration has the subject at a known place, and the edited image at another. Both are cut out to the same
size, and the pixels of the subject are compared.

h, w  size of the compared copies
"""

import numpy as np

from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.color import image_to_lab
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import erode
from omniedit.pairs.provenance import Truth
from omniedit.scoring.reference import sentences
from omniedit.scoring.reference.attributes import hue_error
from omniedit.scoring.reference.fields import correlation, ramp
from omniedit.scoring.reference.measures import Comparison, Unmeasurable
from omniedit.scoring.reference.rationale import Finding, weigh
from omniedit.scoring.reference.subjects import (
    RIM,
    align_view,
    find_reference,
    matching_share,
    reduced_reference,
    smooth_lightness,
)
from omniedit.tasks import DEMONSTRATION

MIN_PIXELS = 64
"""Minimum number of a subject's pixels that can be compared."""
SUBJECT_MARGIN = 0.05
"""Margin around the subject in the compared copy, as a share of its sides."""


def score_shown_subject(comparison: Comparison, truth: Truth) -> Finding:
    """Score whether the demonstrations' subject is at the stated place, and is not there in the source.

    Raises:
        Unmeasurable: there is no demonstration, or the subject is too small.
        KeyError: the truth lacks the place of the subject in the demonstration.
    """
    reference, inside = reduced_reference(
        *crop_around(find_reference(comparison.pair, DEMONSTRATION), truth["reference_box"])
    )
    size, mirrored, box = reference.shape[1::-1], bool(truth.get("mirrored")), body_box(truth)
    after, before, mask = (
        align_view(image, box, inside, size, mirrored)
        for image in (comparison.pair.edited, comparison.pair.source, _as_image(comparison.pair.mask))
    )
    shape = erode((mask[..., 0] > 127) & _within(inside, mask.shape[:2]), RIM)
    if "accessory" in truth:
        shape &= ~_accessory(truth, inside, mask.shape[:2])
    if shape.sum() < MIN_PIXELS:
        raise Unmeasurable("the subject is too small to be compared with its demonstration")
    share, share_before = (matching_share(reference, shape, view) for view in (after, before))
    structure = correlation(smooth_lightness(reference)[shape], smooth_lightness(after)[shape])
    degree, more = _skill_degree(truth, image_to_lab(after)[shape], share, share_before, structure)
    measurement = (
        f"{share:.0%} of the demonstration's subject is in the edited image, with a correlation of {structure:.2f}, "
        f"and {share_before:.0%} in the source{more}"
    )
    return weigh(sentences.CONDITION_MATCHES, ((degree, sentences.CONDITION_DIFFERS),), measurement)


def _skill_degree(
    truth: Truth, lab_N3: np.ndarray, share: float, share_before: float, structure: float
) -> tuple[float, str]:
    """Return how well the subject matches the demonstration and the skill, in [0, 1], and further figures as text.

    With a new colour, the subject keeps its shading; in a style, it keeps its shapes. Otherwise, its pixels equal those
    of the demonstration.
    """
    if "colour" in truth:
        off, chroma = hue_error(lab_N3[:, 1:].mean(axis=0), truth["lab_ab"])
        return min(ramp(structure, 0.4, 0.7), ramp(off, 60, 25)), f", {off:.0f} degrees off the colour ({chroma:.0f})"
    if "style" in truth:
        return min(ramp(structure, 0.2, 0.5), ramp(share, 0.98, 0.85)), ""
    return min(ramp(share, 0.5, 0.8), ramp(share - share_before, 0.1, 0.3), ramp(structure, 0.4, 0.8)), ""


def body_box(truth: Truth) -> FractionBox:
    """Return the box of the subject in the edited image, without the part that an accessory adds."""
    left, top, right, bottom = truth["box"]
    inner = truth.get("body", (0, 0, 1, 1))
    width, height = right - left, bottom - top
    return (left + inner[0] * width, top + inner[1] * height, left + inner[2] * width, top + inner[3] * height)


def crop_around(image: Image, box: FractionBox) -> tuple[Image, FractionBox]:
    """Return the part of an image around a box, and the box in that part."""
    height, width = image.shape[:2]
    dx, dy = SUBJECT_MARGIN * (box[2] - box[0]), SUBJECT_MARGIN * (box[3] - box[1])
    left, top = max(0, int((box[0] - dx) * width)), max(0, int((box[1] - dy) * height))
    right, bottom = min(width, int((box[2] + dx) * width) + 1), min(height, int((box[3] + dy) * height) + 1)
    crop = np.ascontiguousarray(image[top:bottom, left:right])
    columns, rows = right - left, bottom - top
    edges = ((box[0] * width - left) / columns, (box[1] * height - top) / rows)
    far = ((box[2] * width - left) / columns, (box[3] * height - top) / rows)
    return crop, (*edges, *far)


def _as_image(mask: Mask | None) -> Image:
    assert mask is not None  # the judge has checked it
    return np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=2)


def _within(box: FractionBox, shape: tuple[int, ...]) -> Mask:
    """Return the (h, w) mask of a box in pixels."""
    mask = np.zeros(shape, bool)
    left, top, right, bottom = (max(0, round(edge)) for edge in box)
    mask[top:bottom, left:right] = True
    return mask


def _accessory(truth: Truth, inside: FractionBox, shape: tuple[int, ...]) -> Mask:
    """Return the (h, w) mask of the accessory's box, widened by `RIM`, in the compared copy."""
    body, accessory = truth["body"], truth["accessory"]
    x_scale = (inside[2] - inside[0]) / (body[2] - body[0])
    y_scale = (inside[3] - inside[1]) / (body[3] - body[1])
    left, right = (inside[0] + (edge - body[0]) * x_scale for edge in (accessory[0], accessory[2]))
    top, bottom = (inside[1] + (edge - body[1]) * y_scale for edge in (accessory[1], accessory[3]))
    return _within((left - RIM, top - RIM, right + RIM, bottom + RIM), shape)
