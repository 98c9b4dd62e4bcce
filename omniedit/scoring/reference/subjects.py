"""Measurements of an edit against a reference image: the inserted object, or the new material.

h, w  size of the compared copies
"""

import cv2
import numpy as np

from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.color import image_to_lab
from omniedit.imaging.images import CLEAR_LEVELS, Image, Mask, shrink
from omniedit.imaging.morphology import erode
from omniedit.pairs import EditPair
from omniedit.pairs.provenance import Truth
from omniedit.scoring.reference import sentences
from omniedit.scoring.reference.fields import (
    Field,
    appearance,
    correlation,
    delta_e,
    distribution_distance,
    gaussian_blur,
    lightness,
    ramp,
)
from omniedit.scoring.reference.measures import REDUCED_SIDE, Comparison, Unmeasurable
from omniedit.scoring.reference.rationale import Finding, weigh
from omniedit.scoring.reference.regions import object_region

COMPARED_SIDE = 192
"""Longer side in pixels at which an object and its reference are compared."""
SAME_COLOUR = 10.0
"""Colour difference up to which a pixel of an object counts as equal to that of the reference."""
MAX_RELIGHTING = 8.0
"""Maximum difference in light between object and reference, per channel of Lab."""
RIM = 3
"""Width in pixels of the rim of the object that is not compared, because the reference image's background shows through
there."""


def visual_reference(comparison: Comparison, truth: Truth) -> Finding:
    """Score whether the edited image, but not the source, shows the whole object of the reference image.

    Raises:
        Unmeasurable: no object stands out in the reference image, or there is none.
    """
    reference = find_reference(comparison.pair, "subject")
    whole, inside = reduced_reference(reference, truth["reference_box"])
    (height, width), shape = whole.shape[:2], find_subject(whole)
    if shape.sum() < 64:
        raise Unmeasurable("no object stands out in the reference image")
    mirrored = bool(truth.get("mirrored"))
    after, before = (
        align_view(image, truth["box"], inside, (width, height), mirrored)
        for image in (comparison.pair.edited, comparison.pair.source)
    )
    share, share_before = (matching_share(whole, shape, view) for view in (after, before))
    structure = correlation(smooth_lightness(whole)[shape], smooth_lightness(after)[shape])
    degree = min(ramp(share, 0.6, 0.9), ramp(share - share_before, 0.1, 0.3), ramp(structure, 0.4, 0.8))
    requirements = ((degree, sentences.CONDITION_DIFFERS),)
    measurement = (
        f"{share:.0%} of the reference's object is in the edited image, with a correlation of {structure:.2f}, and "
        f"{share_before:.0%} in the source"
    )
    return weigh(sentences.CONDITION_MATCHES, requirements, measurement)


def material_transfer(comparison: Comparison, truth: Truth) -> Finding:
    """Score whether the edit gave the object the colours and the texture of the reference image."""
    reference = find_reference(comparison.pair, "material")
    region = object_region(comparison, truth["box"])
    target = appearance(image_to_lab(shrink(reference, REDUCED_SIDE))).reshape(-1, 4)
    before, after = (
        distribution_distance(_without_shading(look[region]), _without_shading(target))
        for look in (comparison.source.appearance, comparison.edited.appearance)
    )
    nearer = 1 - after / max(before, 1e-6)
    requirements = ((min(ramp(nearer, 0.15, 0.45), ramp(after, 22.0, 12.0)), sentences.CONDITION_DIFFERS),)
    measurement = (
        f"the distance of its surface from the reference image in colour and texture is {after:.0f}; in the source, it "
        f"is {before:.0f}"
    )
    return weigh(sentences.CONDITION_MATCHES, requirements, measurement)


def _without_shading(look_NC: Field) -> Field:
    """Return colours and texture with lightness at a third of its weight, because the object's own shading changes
    it.
    """
    return look_NC * np.array([1 / 3, 1, 1, 1], np.float32)


def find_reference(pair: EditPair, role: str) -> Image:
    """Return the reference image of a role.

    Raises:
        Unmeasurable: the pair has none.
    """
    image = next((reference.image for reference in pair.references if reference.role == role), None)
    if image is None:
        raise Unmeasurable(f"the pair has no reference image with the role {role}")
    return image


def reduced_reference(reference: Image, box: FractionBox) -> tuple[Image, FractionBox]:
    """Return a small copy of a reference image, and its object's box in pixels of that copy."""
    scale = min(1.0, COMPARED_SIDE / max(reference.shape[:2]))
    small = cv2.resize(reference, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    height, width = small.shape[:2]
    left, top, right, bottom = box
    return small, (left * width, top * height, right * width, bottom * height)


def align_view(
    image: Image, box: FractionBox, inside: FractionBox, size: tuple[int, int], mirrored: bool = False
) -> Image:
    """Crop an image, and mirror it if needed, so that `box` gets the position of `inside` in a copy.

    Args:
        box: in the image.
        inside: in pixels of the copy.
    """
    if mirrored:
        image, box = np.ascontiguousarray(image[:, ::-1]), (1 - box[2], box[1], 1 - box[0], box[3])
    height, width = image.shape[:2]
    box_pixels = np.array(box) * (width, height, width, height)
    x_scale = (box_pixels[2] - box_pixels[0]) / max(inside[2] - inside[0], 1e-6)
    y_scale = (box_pixels[3] - box_pixels[1]) / max(inside[3] - inside[1], 1e-6)
    matrix = np.array(
        [[x_scale, 0, box_pixels[0] - x_scale * inside[0]], [0, y_scale, box_pixels[1] - y_scale * inside[1]]],
        np.float32,
    )
    sigma = max(0.0, (max(x_scale, y_scale) - 1) / 2)
    smooth = cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.3 else image
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(smooth, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)


def find_subject(image: Image, contrast: int = CLEAR_LEVELS) -> Mask:
    """Return the (h, w) mask of the region that differs from the colour of an image's border, without the region's
    rim.
    """
    border = np.concatenate([image[[0, -1]].reshape(-1, 3), image[:, [0, -1]].reshape(-1, 3)])
    differs = np.abs(image.astype(np.int16) - np.median(border, axis=0)).max(axis=2) > contrast
    return erode(differs, RIM)


def smooth_lightness(image: Image) -> Field:
    """Return the (h, w) lightness of an image, slightly blurred."""
    return gaussian_blur(lightness(image), 1.0)


def matching_share(reference: Image, region: Mask, view: Image) -> float:
    """Return the share of a region in which a view equals the reference, apart from a small change of light."""
    one, two = (gaussian_blur(image_to_lab(image), 1.0) for image in (reference, view))
    light = np.clip(np.median((two - one)[region], axis=0), -MAX_RELIGHTING, MAX_RELIGHTING)
    return float((delta_e(one + light, two) < SAME_COLOUR)[region].mean())
