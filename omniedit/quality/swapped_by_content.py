"""Evidence that source and edited image of a pair are swapped.

Nothing here recognises objects. Each clue compares one property of both images, and applies only to instructions that
name this property. A clue's value is a log-odds: positive if the pair looks swapped.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import log

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.color import image_to_lab
from omniedit.imaging.color_names import ALIASES, COLOURS
from omniedit.imaging.images import Image, Mask, resize_to_fit
from omniedit.imaging.morphology import dilate, erode
from omniedit.instructions.stemming import content
from omniedit.tasks import Task

SIDE = 256
"""Longer side at which images are compared, in pixels."""
CAPTION_WORD = 2.0
"""Log-odds for a word of the instruction that only one of the two captions contains."""
MAX_LOG_ODDS = 4.0
"""Maximum absolute log-odds of one clue."""
_MIN_REGION_PIXELS = 12
"""Minimum size of a region that is measured, in pixels at the reduced size."""
_INSTEAD = re.compile(r"\b(?:instead of|rather than|in place of|from)\b")
_EXCHANGE = re.compile(
    r"\b(?:replac|swap|exchang|switch|chang|turn|transform|convert|substitut)\w*\b(.+?)\b(?:with|for|by|into|to)\b(.+)"
)


@dataclass(frozen=True)
class DirectionClue:
    """Evidence about the direction of a pair.

    Args:
        name: property that was compared.
        log_odds: positive if source and edited image look swapped.
    """

    name: str
    log_odds: float


@dataclass(frozen=True)
class ToneStatistics:
    """Means of an image or a region of it.

    Args:
        lightness, chroma, warmth: of CIE L*a*b*: L*, chroma and b*.
        contrast: standard deviation of L*.
    """

    lightness: float
    chroma: float
    warmth: float
    contrast: float


TONES: tuple[tuple[str, str, float], ...] = (
    (r"\b(?:night|dusk|twilight|blue hour|moonlight|dark(?:er|en)?)\b", "lightness", -8.0),
    (r"\b(?:golden hour|sunset|golden|warm(?:er)?|sepia|autumn)\b", "warmth", 6.0),
    (r"\b(?:fog|foggy|mist|misty|haze)\b", "contrast", -5.0),
    (r"\b(?:overcast|cloudy|grey|rain|rainy|dull|snow|snowy|winter)\b", "chroma", -5.0),
)
"""Words for weather and light, the property that such an edit changes, and the difference that corresponds to a
log-odds of 2."""


def find_clues(
    source: Image, edited: Image, mask: Mask | None, task: Task, instruction: str, captions: tuple[str, str] = ("", "")
) -> Iterator[DirectionClue]:
    """Yield all clues about a pair.

    Args:
        captions: of the source and of the edited image, '' if unknown.
    """
    if all(captions):
        yield from _caption_clue(task, instruction, *captions)
    first, second = image_to_lab(resize_to_fit(source, SIDE)), image_to_lab(resize_to_fit(edited, SIDE))
    region = _region(first, second, mask)
    if task in (Task.OBJECT_REMOVAL, Task.OBJECT_ADDITION):
        yield from _structure_clue(first, second, region, task)
    elif task is Task.ATTRIBUTE_MODIFICATION:
        yield from _colour_clue(first, second, region, instruction)
    elif task is Task.ENVIRONMENT_CHANGE:
        yield from _tone_clues(measure_look(first), measure_look(second), instruction)


def _limit(log_odds: float) -> float:
    return float(np.clip(log_odds, -MAX_LOG_ODDS, MAX_LOG_ODDS))


def _region(first: NDArray[np.float32], second: NDArray[np.float32], mask: Mask | None) -> Mask:
    """Return the (H, W) region that changed most: pixels of the mask with at least half of the largest change."""
    change = cv2.GaussianBlur(np.linalg.norm(second - first, axis=-1), (0, 0), 1.0)
    if mask is not None:
        size = first.shape[1], first.shape[0]
        inside = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
        change = np.where(inside, change, 0)
    return np.asarray(change > max(2.0, 0.25 * float(np.percentile(change, 99.5))))


def measure_look(lab: NDArray[np.float32]) -> ToneStatistics:
    """Measure an (H, W, 3) image in CIE L*a*b*."""
    lightness = np.ascontiguousarray(lab[..., 0])
    chroma = float(np.hypot(lab[..., 1], lab[..., 2]).mean())
    return ToneStatistics(float(lightness.mean()), chroma, float(lab[..., 2].mean()), float(lightness.std()))


def _tone_clues(first: ToneStatistics, second: ToneStatistics, instruction: str) -> Iterator[DirectionClue]:
    for pattern, name, typical in TONES:
        if re.search(pattern, instruction.lower()):
            change = getattr(second, name) - getattr(first, name)
            yield DirectionClue(name, _limit(-2 * change / typical))


def _colour_clue(
    first: NDArray[np.float32], second: NDArray[np.float32], region: Mask, instruction: str
) -> Iterator[DirectionClue]:
    """Compare the region's colour in both images with the last colour that the instruction names."""
    colours = [ALIASES.get(word, word) for word in re.findall(r"[a-z]+", _INSTEAD.split(instruction.lower())[0])]
    colours = [word for word in colours if word in COLOURS]
    if not colours or region.sum() < _MIN_REGION_PIXELS:
        return
    target, weights = np.array(COLOURS[colours[-1]]), np.array([0.5, 1, 1])
    before, after = (np.linalg.norm((lab[region] - target) * weights, axis=-1).mean() for lab in (first, second))
    yield DirectionClue("colour", _limit((after - before) / 6))


def _structure_clue(
    first: NDArray[np.float32], second: NDArray[np.float32], region: Mask, task: Task
) -> Iterator[DirectionClue]:
    """Compare the region's contrast with its surroundings: an object differs clearly, a filled hole hardly does."""
    ring = dilate(region, 8) & ~dilate(region, 2)
    if min(region.sum(), ring.sum()) < _MIN_REGION_PIXELS:
        return
    before, after = (_stands_out(lab, region, ring) for lab in (first, second))
    sign = 1 if task is Task.OBJECT_REMOVAL else -1
    yield DirectionClue("structure", _limit(sign * 2 * log((after + 0.02) / (before + 0.02))))


def _stands_out(lab: NDArray[np.float32], region: Mask, ring: Mask) -> float:
    """Return the gradient along the region's outline, relative to that of the ring around it."""
    outline = dilate(region, 1) & ~erode(region, 2)
    gradient = np.zeros(region.shape, np.float32)
    for channel in range(3):
        field = np.ascontiguousarray(lab[..., channel])
        across, down = cv2.Sobel(field, cv2.CV_32F, 1, 0), cv2.Sobel(field, cv2.CV_32F, 0, 1)
        gradient += across * across + down * down
    gradient = np.sqrt(gradient)
    return float(gradient[outline].mean() / (gradient[ring].mean() + 1))


def _caption_clue(task: Task, instruction: str, source: str, edited: str) -> Iterator[DirectionClue]:
    """Compare the captions: that of the edited image should name the new object, that of the source the old one."""
    old, new = _old_and_new(task, instruction)
    before, after = set(content(source)), set(content(edited))
    right = len(new & after - before) + len(old & before - after)
    wrong = len(new & before - after) + len(old & after - before)
    if right != wrong:
        yield DirectionClue("captions", _limit(CAPTION_WORD * (wrong - right)))


def _old_and_new(task: Task, instruction: str) -> tuple[set[str], set[str]]:
    """Return the stems of the words for the old object, and for the new one."""
    if task is Task.OBJECT_REMOVAL:
        return set(content(instruction)), set()
    if match := _EXCHANGE.search(instruction.lower()):
        old, new = set(content(match[1])), set(content(match[2]))
        return old - new, new - old
    return set(), set(content(instruction))
