"""Patterns and materials of things: what covers a cut-out, with its own shading, so that the truth is known.

Shapes: h w height and width of a cut-out.
"""

from collections.abc import Callable

import numpy as np

from omniedit.imaging.color import from_lab, to_lab
from omniedit.imaging.color_names import COLOURS
from omniedit.imaging.images import Image
from omniedit.imaging.procedural_noise import Field
from omniedit.specialists.embedded import procedural_materials

CELL = 8
"""Number of stripes, rows of dots and rows of fields over the longer side of a thing."""
RELIEF = 0.5
"""Share of a thing's own shading that remains on a pattern."""


def stripes(rows: Field, columns: Field) -> Field:
    return np.floor(rows + columns) % 2


def dots(rows: Field, columns: Field) -> Field:
    return (np.hypot(rows % 2 - 1, columns % 2 - 1) < 0.7).astype(np.float32)


def checks(rows: Field, columns: Field) -> Field:
    return (np.floor(rows) + np.floor(columns)) % 2


PATTERNS: dict[str, tuple[Callable[[Field, Field], Field], str, str]] = {
    "red and white stripes": (stripes, "white", "red"),
    "yellow dots on blue": (dots, "blue", "yellow"),
    "black and white checks": (checks, "white", "black"),
}
"""Patterns by name: the share of the second colour at (row, column) in cells, and both colours."""
MATERIALS = ("gold", "polished wood", "white marble", "blue ceramic")
"""Names of materials, keys of `procedural_materials.MATERIALS`."""


def cover_cutout(cut_out: np.ndarray, surface: str) -> np.ndarray:
    """Cover a cut-out with a pattern or a material.

    Args:
        cut_out: (h, w, 4) float32 in [0, 1], colours multiplied by alpha.
        surface: key of `PATTERNS`, or one of `MATERIALS`.
    """
    alpha = cut_out[..., 3:]
    lab = to_lab(np.clip(cut_out[..., :3] / np.maximum(alpha, 1e-3), 0, 1))
    inside = alpha[..., 0] > 0.5
    if surface in PATTERNS:
        covered = _pattern(lab, inside, surface)
    else:
        material = procedural_materials.MATERIALS[surface]
        covered = procedural_materials.apply_material(lab, inside, material, np.random.default_rng(0))
    return np.dstack([np.clip(from_lab(covered), 0, 1) * alpha, alpha]).astype(np.float32)


def _pattern(lab: np.ndarray, inside: np.ndarray, name: str) -> np.ndarray:
    """Return the Lab colours of a pattern, lighter and darker as the thing is."""
    share, first, second = PATTERNS[name]
    rows, columns = np.mgrid[: lab.shape[0], : lab.shape[1]].astype(np.float32) * CELL / max(lab.shape)
    second_hw1 = share(rows, columns)[..., None]
    covered = np.array(COLOURS[first]) * (1 - second_hw1) + np.array(COLOURS[second]) * second_hw1
    covered[..., 0] += RELIEF * (lab[..., 0] - np.median(lab[inside][:, 0]))
    covered[..., 0] = np.clip(covered[..., 0], 3, 97)
    return covered.astype(np.float32)


def swatch(material: str, size: int) -> Image:
    """Return a ball of a material on white ground, (size, size, 3)."""
    rows, columns = np.mgrid[:size, :size].astype(np.float32) / size * 2 - 1
    distance = np.hypot(rows, columns)
    alpha = np.clip((0.9 - distance) * size / 4, 0, 1)[..., None]
    light = np.clip(0.75 - 0.3 * rows - 0.3 * columns - 0.25 * distance**2, 0, 1)[..., None]
    ball = cover_cutout(np.dstack([np.repeat(light * alpha, 3, axis=2), alpha]).astype(np.float32), material)
    return np.round(255 * (ball[..., :3] + 1 - alpha)).astype(np.uint8)
