"""Success (sc_score_1) of the reference judge: was the requested edit made? One function per task."""

import re
from collections.abc import Callable, Mapping

import numpy as np

from omniedit.grounding.outdoors import caption_says_outdoors, shows_outdoors
from omniedit.grounding.places import looks_outdoors
from omniedit.instructions.grammar import without_position
from omniedit.pairs.provenance import Truth
from omniedit.scoring.reference import attributes, camera, rearrangement, sentences, texts
from omniedit.scoring.reference.environments import environment_signs, light
from omniedit.scoring.reference.fields import NOTICEABLE_DIFFERENCE, distribution_distance, grow, ramp
from omniedit.scoring.reference.measures import Comparison, Unmeasurable, fill_detail
from omniedit.scoring.reference.outlines import GHOST_SHARES, ghost_share, remaining_area
from omniedit.scoring.reference.rationale import Finding, TruthObject, choose_sentences, clean_value, fill_in, weigh
from omniedit.scoring.reference.regions import blend_degree, distinctness, object_region, replacement_strength
from omniedit.scoring.reference.style_references import StyleRecognition, recognise_style
from omniedit.tasks import Task


def success(comparison: Comparison, truth: Truth) -> Finding:
    """Score how well the edit fulfils its request; 0 if the truth marks the edit as deliberately wrong (`mistaken`).

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
"""Minimum share of the edited region that must be sky in the source image of a sky swap."""


def object_removal(comparison: Comparison, truth: Truth) -> Finding:
    """Score a removal: the object's structure is gone, and the region looks like its surroundings."""
    replacement, measurement = replacement_strength(comparison, object_region(comparison, truth["box"]))
    contrast = distinctness(comparison, comparison.edited.appearance, comparison.small_mask)
    blending = blend_degree(contrast)
    chosen = choose_sentences(sentences.REMOVED, (replacement, sentences.NOT_GONE), (blending, sentences.ODD_PLACE))
    return Finding(
        10 * min(replacement, blending),
        fill_in(chosen, old=TruthObject.parse(truth["object"])),
        f"{measurement}; {_describe_contrast(contrast)}",
    )


def object_addition(comparison: Comparison, truth: Truth) -> Finding:
    """Score an addition: the edited image shows a new object that stands out, and the source shows none.

    The source of an addition is made by removing the object from a photo. It must look as if the object had never been
    there: a poor fill costs up to half of the score, and the rationale says that the source image is at fault. If the
    truth has `scene`, the source is an unfilled photo, and is not searched for traces of the object.
    `score_shown_subject` checks separately that the right subject was added.
    """
    core = object_region(comparison, truth["box"])
    replacement, measurement = replacement_strength(comparison, core)
    source_contrast = distinctness(comparison, comparison.source.appearance, comparison.small_mask)
    contrast = distinctness(comparison, comparison.edited.appearance, core)
    near = comparison.close_up
    fill = fill_detail(near.source.luma, near.region, near.unit)
    remaining = remaining_area(comparison.edited.detail, comparison.source.detail, comparison.detail_mask)
    ghost = ghost_share(comparison.edited.detail, comparison.source.detail, comparison.detail_mask)
    visibility = ramp(contrast, 0.1, 0.5)
    disappearance = 1.0 if "scene" in truth else min(ramp(remaining, 330, 170), ramp(ghost, *GHOST_SHARES))
    source_quality, blame = min(
        (blend_degree(source_contrast), sentences.SOURCE_STANDS_OUT),
        (fill.credibility, sentences.SOURCE_IS_SMEARED),
        (disappearance, sentences.SOURCE_SHOWS_TRACES),
    )
    chosen = choose_sentences(sentences.ADDED, (replacement, sentences.NOT_ADDED), (visibility, sentences.FAINT))
    measurement += f"; {_describe_contrast(contrast)}"
    if source_quality < 0.9:
        chosen = tuple(f"{sentence} {blame}" for sentence in chosen)
        measurement += (
            f"; in the source, this ratio was already {source_contrast:.1f}; the fill has {fill.measurement}; traces "
            f"of the object cover {remaining / 1e4:.2f}% of the image, and its colours {ghost:.1%} of the region"
        )
    score = 10 * min(replacement, visibility, 0.5 + 0.5 * source_quality)
    return Finding(score, fill_in(chosen, new=TruthObject.parse(without_position(truth["object"]))), measurement)


def _describe_contrast(contrast: float) -> str:
    return (
        f"the difference between the region and its surroundings is {contrast:.1f} times the variation within the "
        "surroundings"
    )


def object_swap(comparison: Comparison, truth: Truth) -> Finding:
    """Score a swap: the old object's structure is gone, and another object stands out in its place."""
    old, new = object_region(comparison, truth["box"]), object_region(comparison, truth["new_box"])
    changed_share, remaining = comparison.changed_share(old | new), comparison.structure_kept(old)
    contrast = distinctness(comparison, comparison.edited.appearance, new)
    dissimilarity = distribution_distance(comparison.source.appearance[old], comparison.edited.appearance[new])
    height_above_base = (truth["box"][3] - truth["new_box"][3]) / (truth["box"][3] - truth["box"][1])
    requirements = (
        (ramp(changed_share, 0.2, 0.7), sentences.NOT_REPLACED),
        (ramp(remaining, 0.7, 0.3), sentences.OLD_REMAINS),
        (ramp(contrast, 0.1, 0.5), sentences.NEW_IS_FAINT),
        (ramp(dissimilarity, 2.0, 6.0), sentences.TOO_ALIKE),
        (ramp(height_above_base, 0.4, 0.1), sentences.FLOATS),
    )
    measurement = (
        f"{changed_share:.0%} of the region changed and {max(0.0, remaining):.0%} of the old structure remains; the "
        f"new object's contrast with its surroundings is {contrast:.1f}; its distance from the old one in colour and "
        f"texture is {dissimilarity:.0f}; its base is too high by {max(0.0, height_above_base):.0%} of the old height"
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
    inner = grow(comparison.small_mask, -8)
    region = inner if inner.any() else comparison.small_mask
    changed_share, remaining = comparison.changed_share(region), comparison.structure_kept(region, fine=0.7, coarse=3.0)
    requirements = (
        (ramp(changed_share, 0.3, 0.85), sentences.OLD_BACKGROUND),
        (ramp(remaining, 0.8, 0.5), sentences.BACKGROUND_SHOWS),
    )
    measurement = (
        f"{changed_share:.0%} of the background changed and {max(0.0, remaining):.0%} of the old structure remains"
    )
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
    changed_share = comparison.changed_share(np.ones_like(comparison.small_mask))
    value = _ENVIRONMENTS.get(kind) or clean_value(kind.replace("_", " "))
    requirements = [
        (degree, sentences.SAME_ENVIRONMENT.fill_in(value=value, fault=fault))
        for degree, fault in (
            (ramp(changed_share, 0.2, 0.6), sentences.MOSTLY_UNCHANGED),
            *((sign.degree, sign.fault) for sign in signs),
        )
    ]
    return Finding(
        10 * min(degree for degree, _ in requirements),
        choose_sentences(fill_in(sentences.NEW_ENVIRONMENT, value=value), *requirements),
        ", ".join([*(sign.measurement for sign in signs), f"{changed_share:.0%} of the image changed"]),
    )


_ENVIRONMENTS = {"golden_hour": "the golden hour", "overcast": "an overcast day"}
"""Names of environments whose keys do not fit into a sentence."""


def style_transfer(comparison: Comparison, truth: Truth) -> Finding:
    """Score a style transfer: the whole image is restyled, and in the requested style.

    Raises:
        Unmeasurable: the style is unknown, or the image is too small to show it.
    """
    style = truth["style"]
    recognition = recognise_style(comparison.pair.source, comparison.pair.edited, style)
    changed_share, restyling = measure_restyling(comparison)
    value = clean_value(style)
    requirements = (
        (restyling, sentences.NOT_RESTYLED),
        (recognition.degree, sentences.OTHER_STYLE.fill_in(value=value, fault=_style_fault(recognition))),
    )
    return Finding(
        10 * min(restyling, recognition.degree),
        choose_sentences(fill_in(sentences.RESTYLED, value=value), *requirements),
        f"{changed_share:.0%} of the image changed; its distance from the requested style is "
        f"{recognition.distance:.1f}, from the nearest, '{recognition.nearest}', {recognition.nearest_distance:.1f}",
    )


def _style_fault(recognition: StyleRecognition) -> str:
    """Return the sentence that explains why the edited image does not show the requested style."""
    if recognition.nearest_distance >= recognition.distance:
        return sentences.NO_STYLE
    if recognition.nearest in sentences.FAILED_STYLES:
        return sentences.FAILED_STYLES[recognition.nearest]
    return f"It looks more like the {clean_value(recognition.nearest)} style."


def measure_restyling(comparison: Comparison) -> tuple[float, float]:
    """Return the share of the image that changed, and the degree of restyling in [0, 1], regardless of the style."""
    everywhere = np.ones_like(comparison.small_mask)
    changed_share = comparison.changed_share(everywhere, NOTICEABLE_DIFFERENCE)
    fine_kept = comparison.structure_kept(everywhere, fine=0.5, coarse=2.0)
    appearance_distance = distribution_distance(
        comparison.source.appearance.reshape(-1, 4), comparison.edited.appearance.reshape(-1, 4)
    )
    return changed_share, min(
        ramp(changed_share, 0.3, 0.8), max(ramp(fine_kept, 0.95, 0.75), ramp(appearance_distance, 3.0, 10.0))
    )


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
