"""Success (sc_score_1) of the reference judge: was the requested edit made? One function per task."""

import re
from collections.abc import Callable, Mapping

import numpy as np

from omniedit.grounding.outdoors import caption_says_outdoors, shows_outdoors
from omniedit.grounding.places import looks_outdoors
from omniedit.instructions.objects import without_position
from omniedit.pairs.provenance import Truth
from omniedit.scoring.reference import attributes, camera, rearrangement, sentences, texts
from omniedit.scoring.reference.environments import environment_signs, light
from omniedit.scoring.reference.fields import NOTICEABLE, distribution_distance, grow, ramp
from omniedit.scoring.reference.measures import Comparison, Unmeasurable, fill_detail
from omniedit.scoring.reference.outlines import GHOST_SHARES, ghost_share, remaining_area
from omniedit.scoring.reference.rationale import Finding, TruthObject, choose_sentences, clean_value, fill_in, weigh
from omniedit.scoring.reference.regions import distinctness, object_region, replacement_strength
from omniedit.scoring.reference.style_references import StyleRecognition, recognise_style
from omniedit.tasks import Task


def success(comparison: Comparison, truth: Truth) -> Finding:
    """Score how well an edit meets the truth of its request; 0 if `mistaken` marks a wrong edit.

    Raises:
        KeyError: the truth lacks a key that its task needs.
    """
    if truth.get("mistaken"):
        return Finding(0.0, sentences.MISTAKEN)
    return SUCCESS_MEASURES[comparison.pair.task](comparison, truth)


_SKY = re.compile(r"\bsky\b", re.IGNORECASE)


def requests_sky(truth: Truth) -> bool:
    """Return whether a background swap asks for another sky."""
    return _SKY.search(truth.get("background", "")) is not None


MIN_SKY_SHARE = 0.8
"""Smallest share of the edited region that is sky in the source, for an edit that replaces the sky."""


def object_removal(comparison: Comparison, truth: Truth) -> Finding:
    """Score a removal: the object's structure is gone, and its place looks like the surroundings."""
    replaced, figures = replacement_strength(comparison, object_region(comparison, truth["box"]))
    strangeness = distinctness(comparison, comparison.edited.appearance, comparison.small_mask)
    plain = _blends_in(strangeness)
    chosen = choose_sentences(sentences.REMOVED, (replaced, sentences.NOT_GONE), (plain, sentences.ODD_PLACE))
    return Finding(
        10 * min(replaced, plain),
        fill_in(chosen, old=TruthObject.parse(truth["object"])),
        f"{figures}, its place differs from its surroundings {strangeness:.1f} times as much as they differ among "
        "themselves",
    )


def object_addition(comparison: Comparison, truth: Truth) -> Finding:
    """Score an addition: the edited image shows a new object that stands out, and the source shows none.

    The source must look as if the object had never been there: a poor fill costs half of the score, and the rationale
    blames the source image for it. If the truth has `scene`, the source is a photo without a fill, so the object's
    colours in it are not traces of the object. `score_shown_subject` looks for the subject itself.
    """
    core = object_region(comparison, truth["box"])
    replaced, figures = replacement_strength(comparison, core)
    before = distinctness(comparison, comparison.source.appearance, comparison.small_mask)
    after = distinctness(comparison, comparison.edited.appearance, core)
    near = comparison.close_up
    fill = fill_detail(near.source.luma, near.region, near.unit)
    remaining = remaining_area(comparison.edited.detail, comparison.source.detail, comparison.detail_mask)
    ghost = ghost_share(comparison.edited.detail, comparison.source.detail, comparison.detail_mask)
    visible = ramp(after, 0.1, 0.5)
    plain, traceless = _blends_in(before), min(ramp(remaining, 330, 170), ramp(ghost, *GHOST_SHARES))
    if "scene" in truth:
        traceless = 1.0
    clean, blame = min(
        (plain, sentences.SOURCE_STANDS_OUT),
        (fill.credibility, sentences.SOURCE_IS_SMEARED),
        (traceless, sentences.SOURCE_SHOWS_TRACES),
    )
    chosen = choose_sentences(sentences.ADDED, (replaced, sentences.NOT_ADDED), (visible, sentences.FAINT))
    measurement = (
        f"{figures}, its place now differs from its surroundings {after:.1f} times as much as they differ among "
        "themselves"
    )
    if clean < 0.9:
        chosen = tuple(f"{sentence} {blame}" for sentence in chosen)
        measurement += (
            f", {before:.1f} times already in the source, where it has {fill.measurement}, spots of the object over "
            f"{remaining / 1e4:.2f}% of the image and its colours on {ghost:.1%} of its place"
        )
    score = 10 * min(replaced, visible, 0.5 + 0.5 * clean)
    return Finding(score, fill_in(chosen, new=TruthObject.parse(without_position(truth["object"]))), measurement)


def _blends_in(strangeness: float) -> float:
    """Return in [0, 1] how well a region blends in, given how strongly it differs from its surroundings."""
    return ramp(strangeness, 3.5, 1.8)


def object_swap(comparison: Comparison, truth: Truth) -> Finding:
    """Score a swap: the old object's structure is gone, and another object stands out in its place."""
    old, new = object_region(comparison, truth["box"]), object_region(comparison, truth["new_box"])
    changed, remaining = comparison.changed_share(old | new), comparison.structure_kept(old)
    after = distinctness(comparison, comparison.edited.appearance, new)
    other = distribution_distance(comparison.source.appearance[old], comparison.edited.appearance[new])
    floats = (truth["box"][3] - truth["new_box"][3]) / (truth["box"][3] - truth["box"][1])
    requirements = (
        (ramp(changed, 0.2, 0.7), sentences.NOT_REPLACED),
        (ramp(remaining, 0.7, 0.3), sentences.OLD_REMAINS),
        (ramp(after, 0.1, 0.5), sentences.NEW_IS_FAINT),
        (ramp(other, 2.0, 6.0), sentences.TOO_ALIKE),
        (ramp(floats, 0.4, 0.1), sentences.FLOATS),
    )
    measurement = (
        f"{changed:.0%} of its place changed, {max(0.0, remaining):.0%} of its structure is left, what is there stands "
        f"out {after:.1f} times and is {other:.0f} away from the old in colour and texture, it stands "
        f"{max(0.0, floats):.0%} of the old height too high"
    )
    names = {"old": TruthObject.parse(truth["object"]), "new": TruthObject.parse(truth["new_object"])}
    return weigh(sentences.SWAPPED, requirements, measurement, **names)


def background_swap(comparison: Comparison, truth: Truth) -> Finding:
    """Score a new background: its pixels differ, and little fine structure of the old one is left.

    A shadow on the new ground is not penalised.

    Raises:
        Unmeasurable: a sky was requested, and the source shows none in that place.
    """
    if requests_sky(truth) and comparison.source.sky[comparison.small_mask].mean() < MIN_SKY_SHARE:
        raise Unmeasurable("the source shows no sky where the edit puts one")
    away = grow(comparison.small_mask, -8)
    behind = away if away.any() else comparison.small_mask
    changed, remaining = comparison.changed_share(behind), comparison.structure_kept(behind, fine=0.7, coarse=3.0)
    requirements = (
        (ramp(changed, 0.3, 0.85), sentences.OLD_BACKGROUND),
        (ramp(remaining, 0.8, 0.5), sentences.BACKGROUND_SHOWS),
    )
    measurement = f"{changed:.0%} of it changed, {max(0.0, remaining):.0%} of the old structure is left"
    return weigh(
        sentences.NEW_BACKGROUND, requirements, measurement, value="sky" if requests_sky(truth) else "background"
    )


def environment_change(comparison: Comparison, truth: Truth) -> Finding:
    """Score a new environment: the image's light, colour and contrast changed as this environment requires."""
    kind = truth["environment"]
    caption = str(comparison.pair.provenance.get("caption") or "")
    image = comparison.pair.source
    if not (
        caption_says_outdoors(caption)
        or shows_outdoors(image, comparison.source.sky)
        or looks_outdoors(comparison.source.small)
    ):
        raise Unmeasurable("neither the source nor its caption shows that it was taken outdoors")
    signs = environment_signs(kind, light(comparison.source.reduced), light(comparison.edited.reduced))
    changed = comparison.changed_share(np.ones_like(comparison.small_mask))
    value = _ENVIRONMENTS.get(kind) or clean_value(kind.replace("_", " "))
    requirements = [
        (degree, sentences.SAME_ENVIRONMENT.fill_in(value=value, fault=fault))
        for degree, fault in (
            (ramp(changed, 0.2, 0.6), sentences.MOSTLY_UNCHANGED),
            *((sign.degree, sign.fault) for sign in signs),
        )
    ]
    return Finding(
        10 * min(degree for degree, _ in requirements),
        choose_sentences(fill_in(sentences.NEW_ENVIRONMENT, value=value), *requirements),
        ", ".join([*(sign.measurement for sign in signs), f"{changed:.0%} of the image changed"]),
    )


_ENVIRONMENTS = {"golden_hour": "the golden hour", "overcast": "an overcast day"}
"""Environments whose keys do not fit into a sentence."""


def style_transfer(comparison: Comparison, truth: Truth) -> Finding:
    """Score a restyling: the image is restyled, and has the requested style.

    Raises:
        Unmeasurable: the style is unknown, or the image is too small to show it.
    """
    style = truth["style"]
    known = recognise_style(comparison.pair.source, comparison.pair.edited, style)
    changed, restyled = measure_restyling(comparison)
    value = clean_value(style)
    requirements = (
        (restyled, sentences.NOT_RESTYLED),
        (known.degree, sentences.OTHER_STYLE.fill_in(value=value, fault=_style_fault(known))),
    )
    return Finding(
        10 * min(restyled, known.degree),
        choose_sentences(fill_in(sentences.RESTYLED, value=value), *requirements),
        f"{changed:.0%} of the image changed, it is {known.distance:.1f} from that style and {known.other:.1f} from "
        f"'{known.nearest}'",
    )


def _style_fault(known: StyleRecognition) -> str:
    """Return a sentence that says what an image without the requested style looks like."""
    if known.other >= known.distance:
        return sentences.NO_STYLE
    if known.nearest in sentences.FAILED_STYLES:
        return sentences.FAILED_STYLES[known.nearest]
    return f"It looks more like the {clean_value(known.nearest)} style."


def measure_restyling(comparison: Comparison) -> tuple[float, float]:
    """Return the share of the image that changed, and in [0, 1] how far it is restyled, in any style."""
    everywhere = np.ones_like(comparison.small_mask)
    changed = comparison.changed_share(everywhere, NOTICEABLE)
    fine_left = comparison.structure_kept(everywhere, fine=0.5, coarse=2.0)
    moved = distribution_distance(
        comparison.source.appearance.reshape(-1, 4), comparison.edited.appearance.reshape(-1, 4)
    )
    return changed, min(ramp(changed, 0.3, 0.8), max(ramp(fine_left, 0.95, 0.75), ramp(moved, 3.0, 10.0)))


SUCCESS_MEASURES: Mapping[Task, Callable[[Comparison, Truth], Finding]] = {
    Task.OBJECT_SWAP: object_swap,
    Task.OBJECT_REMOVAL: object_removal,
    Task.OBJECT_ADDITION: object_addition,
    Task.BACKGROUND_SWAP: background_swap,
    Task.ENVIRONMENT_CHANGE: environment_change,
    Task.STYLE_TRANSFER: style_transfer,
    Task.ATTRIBUTE_MODIFICATION: attributes.attribute_modification,
    Task("outpaint"): camera.outpaint,
    Task("rotation_change"): camera.rotation_change,
    Task("movement"): rearrangement.movement,
    Task("resize"): rearrangement.resize,
    Task("textual_change"): texts.textual_change,
}
