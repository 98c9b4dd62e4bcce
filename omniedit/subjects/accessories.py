"""Accessories that are drawn on top of a cut-out or around its middle.

h, w  height and width of the cut-out
"""

from collections.abc import Callable

import cv2
import numpy as np

from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.color import from_lab, to_bytes
from omniedit.imaging.color_names import COLOURS
from omniedit.imaging.harmonize import CutOut
from omniedit.imaging.morphology import bounding_box

HAT_HEIGHT, HAT_WIDTH = 0.3, 0.3
"""Size of a hat as shares of the cut-out's height and width."""
TOP = 0.12
"""Share of a cut-out's height in which its top is searched for."""
BAND = 0.09
"""Height of a sash, as a share of the cut-out's."""


def add_accessory(piece: CutOut, accessory: str, colour: str) -> tuple[CutOut, FractionBox, FractionBox]:
    """Return a cut-out with an accessory, the box of the original cut-out in it, and the box of the accessory.

    The boxes are fractions of the new cut-out.
    """
    taller = round(HAT_HEIGHT * piece.alpha.shape[0]) if accessory in ON_TOP else 0
    colours = np.pad(piece.colours, ((taller, 0), (0, 0), (0, 0)), mode="edge")
    alpha = np.pad(piece.alpha, ((taller, 0), (0, 0)))
    canvas = np.zeros(alpha.shape, np.uint8)
    light = ACCESSORIES[accessory](piece, canvas, taller)
    shape = canvas.astype(np.float32) / 255
    if accessory not in ON_TOP:
        shape *= alpha
    lab = np.array([[COLOURS[colour]]], np.float32)
    paint = to_bytes(from_lab(lab))[0, 0].astype(np.float32) * light[..., None]
    colours = colours * (1 - shape[..., None]) + np.clip(paint, 0, 255) * shape[..., None]
    alpha = np.maximum(alpha, shape)
    height, width = alpha.shape
    left, top, right, bottom = bounding_box(shape > 0.5)
    box = (left / width, top / height, right / width, bottom / height)
    return CutOut(colours.astype(np.float32), alpha), (0.0, taller / height, 1.0, 1.0), box


def _party_hat(piece: CutOut, canvas: np.ndarray, taller: int) -> np.ndarray:
    """Draw a cone on the highest part of the cut-out, and return its shading, (h, w)."""
    rows, columns = piece.alpha.shape
    high = np.flatnonzero(piece.solid[: max(2, round(TOP * rows))].any(axis=0))
    middle = int(np.median(high)) if high.size else columns // 2
    first = np.flatnonzero(piece.solid[:, middle])
    base = taller + (int(first[0]) if first.size else 0) + max(2, round(0.02 * rows))
    half = max(4, round(HAT_WIDTH * columns / 2))
    middle = int(np.clip(middle, half, columns - half - 1))
    cone = np.array([[middle - half, base], [middle + half, base], [middle, max(1, base - taller)]])
    cv2.fillConvexPoly(canvas, cone, 255, cv2.LINE_AA)
    across = (np.arange(columns, dtype=np.float32) - middle) / half
    stripes = 0.85 + 0.3 * (np.arange(canvas.shape[0]) // max(2, rows // 14) % 2)
    return (stripes[:, None] * (1.05 - 0.25 * np.clip(across, -1, 1))[None]).astype(np.float32)


def _sash(piece: CutOut, canvas: np.ndarray, taller: int) -> np.ndarray:
    """Draw a slanted band around the cut-out's middle, and return its shading, (h, w)."""
    rows, columns = piece.alpha.shape
    thick, slant = max(3, round(BAND * rows)), round(0.06 * rows)
    middle = rows // 2
    band = np.array(
        [[0, middle - slant], [columns, middle + slant], [columns, middle + slant + thick], [0, middle - slant + thick]]
    )
    cv2.fillConvexPoly(canvas, band, 255, cv2.LINE_AA)
    across = np.linspace(-1, 1, columns, dtype=np.float32)
    return np.broadcast_to((1.08 - 0.3 * across**2)[None], piece.alpha.shape)


ACCESSORIES: dict[str, Callable[[CutOut, np.ndarray, int], np.ndarray]] = {"party hat": _party_hat, "sash": _sash}
ON_TOP = ("party hat",)
