"""Success (sc_score_1) of the reference judge: did the edit do what was requested? One function per task."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniedit.grounding.outdoors import caption_says_outdoors, shows_outdoors
from omniedit.grounding.places import looks_outdoors
from omniedit.imaging.images import Mask
from omniedit.scoring.reference.environments import environment_signs, light
from omniedit.scoring.reference.measures import (
    NOTICEABLE,
    Comparison,
    Field,
    Unmeasurable,
    detail_of_fill,
    distribution_distance,
    grow,
    ramp,
)
from omniedit.scoring.reference.outlines import GHOST, ghost_share, remains
from omniedit.scoring.reference.style_references import recognise_style
from omniedit.tasks import Task


@dataclass(frozen=True)
class Finding:
    """Score in [0, 10] with its reason, which names the measured figures."""

    score: float
    words: str


Truth = Mapping[str, Any]


def success(seen: Comparison, truth: Truth) -> Finding:
    """Score how well an edit meets the truth of its request; 0 if `mistaken` says that something else was done.

    Raises:
        KeyError: the truth lacks a key that its task needs.
    """
    if truth.get("mistaken"):
        return Finding(0.0, "something else was done than what was asked")
    return _SUCCESS[seen.pair.task](seen, truth)


_SKY = re.compile(r"\bsky\b", re.IGNORECASE)


def asks_for_sky(truth: Truth) -> bool:
    """Return whether a background swap asks for another sky."""
    return _SKY.search(truth.get("background", "")) is not None


LEAST_SKY = 0.8
"""Smallest share of the edit that must be sky in the source if the edit puts another sky there."""


def object_removal(seen: Comparison, truth: Truth) -> Finding:
    """Score a removal: the object's structure is gone, and its place looks like the surroundings."""
    changed, figures = _replacement_strength(seen, object_region(seen, truth["box"]))
    strangeness = stands_out(seen, seen.edited.appearance, seen.small_mask)
    score = 10 * min(changed, _blends_in(strangeness))
    return Finding(
        score,
        f"the {truth['object']} {_level(score, 'stands as before', 'is partly gone', 'is gone')}: {figures}, its place "
        f"differs from its surroundings {strangeness:.1f} times as much as they differ among themselves",
    )


def object_addition(seen: Comparison, truth: Truth) -> Finding:
    """Score an addition: the edited image shows a new object that stands out, and the source shows none.

    The source must look as if the object had never been there: a poor fill costs half of the score, and the reason
    blames the source for it.
    """
    core = object_region(seen, truth["box"])
    changed, figures = _replacement_strength(seen, core)
    before = stands_out(seen, seen.source.appearance, seen.small_mask)
    after = stands_out(seen, seen.edited.appearance, core)
    near = seen.close_up
    fill = detail_of_fill(near.source.luma, near.region, near.unit)
    left = remains(seen.edited.detail, seen.source.detail, seen.detail_mask)
    ghost = ghost_share(seen.edited.detail, seen.source.detail, seen.detail_mask)
    added = min(changed, ramp(after, 0.1, 0.5))
    clean = min(_blends_in(before), fill.believable, ramp(left, 330, 170), ramp(ghost, *GHOST))
    done = _level(10 * added, "was not added", "was added in part", "was added")
    words = (
        f"the {truth['object']} {done}: {figures}, its place now differs from its surroundings {after:.1f} times as "
        "much as they differ among themselves"
    )
    if clean < 0.9:
        words += (
            f"; the source image is at fault: that place differs {before:.1f} times as much there already, has "
            f"{fill.words}, and spots of the {truth['object']} over {left / 1e4:.2f}% of the image and "
            f"its colours on {ghost:.1%} of that place"
        )
    return Finding(10 * min(added, 0.5 + 0.5 * clean), words)


def _replacement_strength(seen: Comparison, region: Mask) -> tuple[float, str]:
    """Return how clearly a region shows different content, in [0, 1], and the figures as text."""
    changed, left = seen.changed_share(region), seen.structure_kept(region)
    words = f"{changed:.0%} of it changed, {max(0.0, left):.0%} of its structure is left"
    return min(ramp(changed, 0.15, 0.6), ramp(left, 0.7, 0.3)), words


def _blends_in(strangeness: float) -> float:
    """Return how believably a place shows only its surroundings, given how much it stands out."""
    return ramp(strangeness, 3.5, 1.8)


def object_swap(seen: Comparison, truth: Truth) -> Finding:
    """Score a swap: the old object's structure is gone, and another object stands out in its place."""
    old, new = object_region(seen, truth["box"]), object_region(seen, truth["new_box"])
    changed, left = seen.changed_share(old | new), seen.structure_kept(old)
    after = stands_out(seen, seen.edited.appearance, new)
    other = distribution_distance(seen.source.appearance[old], seen.edited.appearance[new])
    floats = (truth["box"][3] - truth["new_box"][3]) / (truth["box"][3] - truth["box"][1])
    score = 10 * min(
        ramp(floats, 0.4, 0.1),
        ramp(changed, 0.2, 0.7),
        ramp(left, 0.7, 0.3),
        ramp(after, 0.1, 0.5),
        ramp(other, 2.0, 6.0),
    )
    return Finding(
        score,
        f"the {truth['object']} {_level(score, 'was not swapped', 'was swapped in part', 'was swapped')} for the "
        f"{truth['new_object']}: {changed:.0%} of its place changed, {max(0.0, left):.0%} of its structure is left, "
        f"what is there stands out {after:.1f} times and is {other:.0f} away from the old in colour and texture, "
        f"it stands {max(0.0, floats):.0%} of the old height too high",
    )


def attribute_modification(seen: Comparison, truth: Truth) -> Finding:
    region = object_region(seen, truth["box"])
    return (
        _recolour_finding(seen, truth, region)
        if truth["attribute"] == "colour"
        else _material_finding(seen, truth, region)
    )


def _recolour_finding(seen: Comparison, truth: Truth, region: Mask) -> Finding:
    """Score a recolouring: the object's mean colour has the target's direction in Lab's (a, b) plane."""
    changed = seen.changed_share(region, NOTICEABLE)
    off, chroma = _hue_error(seen.edited.reduced[region][:, 1:].mean(axis=0), truth["lab_ab"])
    light = _LIGHTNESS_OF.get(truth["value"], _any_lightness)(float(seen.edited.reduced[region][:, 0].mean()))
    score = 10 * min(ramp(changed, 0.2, 0.7), ramp(off, 60, 20), light)
    return Finding(
        score,
        f"the {truth['object']} {_level(score, 'did not turn', 'half turned', 'turned')} {truth['value']}: "
        f"{changed:.0%} of it changed, its mean colour (chroma {chroma:.0f}) is {off:.0f} degrees off the target",
    )


def _any_lightness(lightness: float) -> float:
    return 1.0


_LIGHTNESS_OF: Mapping[str, Callable[[float], float]] = {
    "black": lambda lightness: ramp(lightness, 60, 40),
    "white": lambda lightness: ramp(lightness, 45, 65),
}
"""Functions that return how well a lightness fits a colour without hue, in [0, 1]."""


def _hue_error(mean_ab: Field, target_ab: Any) -> tuple[float, float]:
    """Return a colour's angle to the target in degrees, and its chroma; a grey colour matches a grey target."""
    target = np.asarray(target_ab, np.float32)
    chroma, wanted = float(np.linalg.norm(mean_ab)), float(np.linalg.norm(target))
    if wanted < 1e-3:
        return float(np.clip(6 * chroma, 0, 180)), chroma
    cosine = float(mean_ab @ target) / max(chroma * wanted, 1e-6)
    off = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    paleness = 60 * ramp(chroma, 12, 4)
    return max(off, paleness), chroma


def _material_finding(seen: Comparison, truth: Truth, region: Mask) -> Finding:
    """Score a change of material: the fine structure inside the object is different."""
    changed = seen.changed_share(region, NOTICEABLE)
    left = seen.structure_kept(region, fine=0.5, coarse=2.0)
    score = 10 * min(ramp(changed, 0.2, 0.7), ramp(left, 0.95, 0.7))
    return Finding(
        score,
        f"the {truth['object']} {_level(score, 'is not', 'is somewhat', 'is')} {truth['value']}: {changed:.0%} of it "
        f"changed, {max(0.0, left):.0%} of its fine structure is left",
    )


def background_swap(seen: Comparison, truth: Truth) -> Finding:
    """Score a new background: its pixels differ, and little fine structure of the old one is left.

    A shadow on the new ground is not penalised.

    Raises:
        Unmeasurable: a sky was requested, and the source shows none in that place.
    """
    if asks_for_sky(truth) and seen.source.sky[seen.small_mask].mean() < LEAST_SKY:
        raise Unmeasurable("the source shows no sky where the edit puts one")
    away = grow(seen.small_mask, -8)
    behind = away if away.any() else seen.small_mask
    changed, left = seen.changed_share(behind), seen.structure_kept(behind, fine=0.7, coarse=3.0)
    score = 10 * min(ramp(changed, 0.3, 0.85), ramp(left, 0.8, 0.5))
    return Finding(
        score,
        f"the background {_level(score, 'is the old one', 'changed in part', 'is another one')}: {changed:.0%} of it "
        f"changed, {max(0.0, left):.0%} of the old structure is left",
    )


def environment_change(seen: Comparison, truth: Truth) -> Finding:
    """Score a new environment: the image's light, colour and contrast changed as this environment changes them."""
    kind = truth["environment"]
    caption = str(seen.pair.provenance.get("caption", ""))
    image = seen.pair.source
    if not (
        caption_says_outdoors(caption) or shows_outdoors(image, seen.source.sky) or looks_outdoors(seen.source.small)
    ):
        raise Unmeasurable("neither the source nor its caption shows that it was taken outdoors")
    signs = environment_signs(kind, light(seen.source.reduced), light(seen.edited.reduced))
    changed = seen.changed_share(np.ones_like(seen.small_mask))
    score = 10 * min([ramp(changed, 0.2, 0.6), *(sign.degree for sign in signs)])
    figures = ", ".join(sign.words for sign in signs)
    return Finding(
        score,
        f"{_level(score, 'no', 'a weak', 'a clear')} change to {str(kind).replace('_', ' ')}: {figures}, "
        f"{changed:.0%} of the picture changed",
    )


def style_transfer(seen: Comparison, truth: Truth) -> Finding:
    """Score a restyling: the image is restyled, and has the requested style.

    Raises:
        Unmeasurable: the style is unknown, or the image is too small to show it.
    """
    style = truth["style"]
    known = recognise_style(seen.pair.source, seen.pair.edited, style)
    changed, restyled = measure_restyling(seen)
    score = 10 * min(restyled, known.degree)
    return Finding(
        score,
        f"the style {_level(score, 'is not', 'is hardly', 'is')} that of '{style}': {changed:.0%} of the image changed,"
        f" it is {known.distance:.1f} from that style and {known.other:.1f} from '{known.nearest}'",
    )


def measure_restyling(seen: Comparison) -> tuple[float, float]:
    """Return the share of the image that changed, and in [0, 1] how far it is restyled, in any style."""
    everywhere = np.ones_like(seen.small_mask)
    changed = seen.changed_share(everywhere, NOTICEABLE)
    fine_left = seen.structure_kept(everywhere, fine=0.5, coarse=2.0)
    moved = distribution_distance(seen.source.appearance.reshape(-1, 4), seen.edited.appearance.reshape(-1, 4))
    return changed, min(ramp(changed, 0.3, 0.8), max(ramp(fine_left, 0.95, 0.75), ramp(moved, 3.0, 10.0)))


def object_region(seen: Comparison, box: tuple[float, float, float, float]) -> Mask:
    """Return the (h, w) mask within the object's box, slightly shrunk; the box alone if the two do not meet."""
    inside = seen.small_mask & seen.box(box)
    core = grow(inside, -max(1, round(0.03 * float(inside.sum()) ** 0.5)))
    return core if core.sum() >= 16 else inside if inside.sum() >= 16 else seen.box(box)


def stands_out(seen: Comparison, look: Field, region: Mask) -> float:
    """Return how far a region's appearance is from the mask's surroundings, over their own variation."""
    ring = seen.surroundings
    if ring.sum() < 64 or not region.any():
        return 1.0
    own = distribution_distance(look[region], look[ring])
    return own / max(4.0, _variation(look, ring))


def _variation(look: Field, ring: Mask) -> float:
    """Return the mean distance of a ring's quarters from the whole ring."""
    ys, xs = np.nonzero(ring)
    angle = np.arctan2(ys - ys.mean(), xs - xs.mean())
    quarter = np.floor((angle + np.pi) / (np.pi / 2 + 1e-6)).astype(int)
    pixels = look[ring]
    parts = [pixels[quarter == q] for q in range(4)]
    return float(np.mean([distribution_distance(part, pixels) for part in parts if len(part) >= 16]))


def _level(score: float, low: str, middle: str, high: str) -> str:
    return low if score < 3.5 else middle if score < 7.5 else high


_SUCCESS: Mapping[Task, Callable[[Comparison, Truth], Finding]] = {
    Task.OBJECT_SWAP: object_swap,
    Task.OBJECT_REMOVAL: object_removal,
    Task.OBJECT_ADDITION: object_addition,
    Task.ATTRIBUTE_MODIFICATION: attribute_modification,
    Task.BACKGROUND_SWAP: background_swap,
    Task.ENVIRONMENT_CHANGE: environment_change,
    Task.STYLE_TRANSFER: style_transfer,
}
