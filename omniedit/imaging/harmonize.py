"""Harmonisation of a pasted cut-out with its new place: light, colour cast, sharpness, grain and contact shadow."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.color import luma, to_lab
from omniedit.imaging.filters import noise_response
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.matting import alpha_matte, foreground_colours
from omniedit.imaging.morphology import bounding_box

Field = NDArray[Any]
"""float32 array of shape (H, W) or (H, W, 3) (typed loosely, because OpenCV's stubs widen every result)."""

CAST = 0.12
"""Share by which the cut-out's mean colour moves towards that of its new place."""
EXPOSURE = 0.8
"""Exponent of the ratio between the highlights of the new place and those of the cut-out."""
MAX_BLUR = 2.5
"""Largest standard deviation, in pixels, of the blur that makes a cut-out as soft as its new place."""


@dataclass(frozen=True)
class CutOut:
    """Object without its background.

    Args:
        colours: (h, w, 3) RGB in [0, 255]; the object's edge colours extend beyond it.
        alpha: (h, w) opacity in [0, 1].
    """

    colours: Field
    alpha: Field

    @property
    def solid(self) -> Mask:
        return self.alpha > 0.5


def cut_out(image: Image, mask: Mask) -> CutOut:
    """Cut the masked object out of an (H, W, 3) image, with a soft edge, and crop to it."""
    radius = max(2, round(0.015 * float(mask.sum()) ** 0.5))
    left, top, right, bottom = bounding_box(mask)
    around = np.s_[max(0, top - 3 * radius) : bottom + 3 * radius, max(0, left - 3 * radius) : right + 3 * radius]
    piece, inside = np.ascontiguousarray(image[around]), np.ascontiguousarray(mask[around])
    colours = foreground_colours(piece, inside, max(2, radius // 2)).astype(np.float32)
    return CutOut(colours, alpha_matte(piece, inside, radius))


def resize_cutout(piece: CutOut, scale: float) -> CutOut:
    """Return the cut-out resized by `scale`."""
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    colours = cv2.resize(piece.colours, None, fx=scale, fy=scale, interpolation=interpolation)
    alpha = cv2.resize(piece.alpha, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return CutOut(np.clip(colours, 0, 255), np.clip(alpha, 0, 1))


def relight(piece: CutOut, place: Field) -> CutOut:
    """Return the cut-out with its highlights limited to the brightness of its new place, and part of the place's colour
    cast.

    Args:
        place: (N, 3) RGB pixels in [0, 255] of the old object and around it; both show the light that falls there.
    """
    lab, place_lab = (to_lab((rgb / 255).astype(np.float32)) for rgb in (piece.colours, place[None]))
    place_lab = place_lab[0]
    own = lab[piece.solid]
    gain = np.clip(np.percentile(place_lab[:, 0], 90) / max(np.percentile(own[:, 0], 90), 1.0), 0.4, 1.2) ** EXPOSURE
    lab[..., 0] *= gain
    lab[..., 1:] += CAST * (place_lab[:, 1:].mean(axis=0) - own[:, 1:].mean(axis=0))
    return replace(piece, colours=np.clip(255 * cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 255))


def soften_edges(piece: CutOut, blur: float) -> CutOut:
    """Blur the cut-out until its edges are at least as wide as `blur`, a standard deviation in pixels."""
    missing = blur**2 - edge_blur(piece.colours, piece.alpha > 0.99) ** 2
    sigma = min(float(max(missing, 0.0)) ** 0.5, MAX_BLUR)
    if sigma < 0.3:
        return piece
    return CutOut(cv2.GaussianBlur(piece.colours, (0, 0), sigma), cv2.GaussianBlur(piece.alpha, (0, 0), sigma))


def add_grain(piece: CutOut, grain: float, rng: np.random.Generator) -> CutOut:
    """Add noise to the cut-out until its grain reaches `grain`, a standard deviation in grey levels."""
    missing = max(0.0, grain**2 - estimate_grain(piece.colours, piece.alpha > 0.99) ** 2) ** 0.5
    noise = rng.normal(0, missing, (*piece.alpha.shape, 1)).astype(np.float32)
    return replace(piece, colours=np.clip(piece.colours + noise, 0, 255))


def edge_blur(image: Field | Image, region: Mask) -> float:
    """Return the typical width of edges inside a mask: the standard deviation, in pixels, of the blur that made them.

    Two blurs of known width reduce the gradient of an edge by a ratio that gives its own width (Zhuo and Sim 2011,
    eq. 6, with two blurs instead of one, against noise). Only the sharper edges count, not soft shading.
    """
    narrow, wide = 0.8, 2.0
    grey = luma(image.astype(np.float32))
    fine, coarse = (_gradient(cv2.GaussianBlur(grey, (0, 0), sigma)) for sigma in (narrow, wide))
    if not region.any():
        return 0.0
    strong = region & (coarse >= np.percentile(coarse[region], 90)) & (coarse > 0)
    if not strong.any():
        return 0.0
    ratio = float(np.clip(np.percentile(fine[strong] / coarse[strong], 75), 1.02, wide / narrow))
    return float(np.sqrt(max(0.0, (wide**2 - ratio**2 * narrow**2) / (ratio**2 - 1))))


def estimate_grain(image: Field | Image, region: Mask) -> float:
    """Return the standard deviation of the noise, in grey levels (Immerkaer 1996).

    The median replaces the mean, so that edges do not count.
    """
    response = noise_response(luma(image.astype(np.float32)))[region]
    return float(np.median(response)) / 0.6745 / 6 if response.size else 0.0


def contact_shadow(alpha: Field, *, standing: bool) -> Field:
    """Return the (h, w) darkness in [0, 1] of the shadow that an object of opacity `alpha` casts in soft light.

    Args:
        standing: True if the object stands on its lowest edge, seen from the side; False if it lies, seen from above.
    """
    return _under_foot(alpha) if standing else _under_all(alpha)


def _under_foot(alpha: Field) -> Field:
    """Return a flat elliptic shadow under the part that touches the ground."""
    _, top, _, bottom = bounding_box(alpha > 0.5)
    foot = np.flatnonzero((alpha[bottom - max(2, (bottom - top) // 12) : bottom] > 0.5).any(axis=0))
    width = int(foot[-1] - foot[0]) + 1
    ellipse = np.zeros(alpha.shape, np.float32)
    axes = (round(0.56 * width), max(2, round(0.09 * width)))
    cv2.ellipse(ellipse, (int(foot[0] + foot[-1]) // 2, bottom - axes[1] // 2), axes, 0, 0, 360, 1.0, cv2.FILLED)
    return 0.65 * cv2.GaussianBlur(ellipse, (0, 0), max(1.0, 0.04 * width))


def _under_all(alpha: Field) -> Field:
    """Return a dark rim all around the object, wider below it."""
    size = float(alpha.sum()) ** 0.5
    near, far = (cv2.GaussianBlur(alpha, (0, 0), max(1.0, share * size)) for share in (0.015, 0.06))
    return np.clip(0.3 * near + 0.3 * np.roll(far, round(0.03 * size), axis=0), 0, 1)


def _gradient(grey: Field) -> Field:
    return np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1))
