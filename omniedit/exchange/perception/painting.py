"""Segmentation as an edit: the instruction names a region and a colour, and the edited image shows it painted.

The paint is translucent, so that the image below stays visible. Each pixel of the edited image follows from source and
mask, so pairs can be checked exactly, and a mask can be read back from an editor's output.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniedit.imaging.images import Image, Mask

PAINT_COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (230, 25, 45),
    "green": (40, 180, 70),
    "blue": (20, 80, 220),
    "yellow": (250, 220, 30),
    "purple": (145, 30, 180),
    "orange": (245, 130, 35),
    "turquoise": (40, 200, 200),
    "pink": (245, 90, 190),
}
"""RGB of the paints by name."""
OPACITY = 0.6
"""Share of the paint in a painted pixel; the rest is the source's."""

_SINGLE_REGION = (
    "Paint {what} {colour}.",
    "Colour {what} {colour}.",
    "Mark {what} in {colour}.",
    "Put a {colour} mask over {what}.",
    "Cover {what} with {colour}.",
)
"""Sentences for one region. None of them needs an article before a colour that begins with a vowel."""


@dataclass(frozen=True)
class PaintArea:
    """Region of an image to paint.

    Args:
        phrases: phrases that refer to the region, with their articles: 'the dog on the left', 'every person', 'the
            sky'.
        mask: (H, W).
    """

    phrases: tuple[str, ...]
    mask: Mask


def paint_regions(image: Image, regions: Sequence[PaintArea], colours: Sequence[str]) -> tuple[Image, Mask]:
    """Return the image with each region in its colour, and the joint mask; later regions cover earlier ones."""
    painted = image.astype(np.float32)
    joint = np.zeros(image.shape[:2], bool)
    for region, colour in zip(regions, colours, strict=True):
        below = image[region.mask].astype(np.float32)
        painted[region.mask] = (1 - OPACITY) * below + OPACITY * np.array(PAINT_COLOURS[colour], np.float32)
        joint |= region.mask
    return np.rint(painted).astype(np.uint8), joint


def choose_paints(image: Image, regions: Sequence[PaintArea], rng: np.random.Generator) -> list[str]:
    """Return a different colour for each region. No region gets the paint that is nearest to its own colour."""
    unused = [str(name) for name in rng.permutation(list(PAINT_COLOURS))]
    chosen = []
    for region in regions:
        mean = image[region.mask].mean(axis=0)
        nearest = min(unused, key=lambda name: float(np.linalg.norm(mean - PAINT_COLOURS[name])))
        colour = next(name for name in unused if name != nearest)
        unused.remove(colour)
        chosen.append(colour)
    return chosen


def paint_instructions(
    regions: Sequence[PaintArea], colours: Sequence[str], rng: np.random.Generator
) -> tuple[str, ...]:
    """Return instructions that ask for the paints. For a single region, there is one instruction for each of its
    phrases.
    """
    if len(regions) == 1:
        (region,), (colour,) = regions, colours
        order = rng.permutation(len(_SINGLE_REGION))
        instructions = (
            _SINGLE_REGION[order[number % len(_SINGLE_REGION)]].format(
                what=phrase, colour=_phrase_colour(_SINGLE_REGION[order[number % len(_SINGLE_REGION)]], colour)
            )
            for number, phrase in enumerate(region.phrases)
        )
        return tuple(dict.fromkeys(instructions))
    parts = [f"{region.phrases[0]} {colour}" for region, colour in zip(regions, colours, strict=True)]
    return (f"Paint {', '.join(parts[:-1])} and {parts[-1]}.",)


def _phrase_colour(template: str, colour: str) -> str:
    """Return the colour for a sentence: no sentence says 'a orange mask'."""
    return "bright orange" if colour == "orange" and "a {colour}" in template else colour


def describe_paints(regions: Sequence[PaintArea], colours: Sequence[str]) -> dict[str, Any]:
    """Return the truth of a painted pair."""
    painted = [
        {"object": region.phrases[0], "colour": colour, "rgb": list(PAINT_COLOURS[colour])}
        for region, colour in zip(regions, colours, strict=True)
    ]
    return {"painted": painted, "opacity": OPACITY}
