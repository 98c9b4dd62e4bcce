"""Quality (pq_score) of the reference judge: is the edited image free of signs of editing?

Each fault is measured relative to the images themselves (the source, the surroundings of the edit, the image's own
edges), so that a soft or noisy photo is not penalised.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from omniedit.imaging.filters import noise_response
from omniedit.imaging.images import Mask
from omniedit.instructions.grammar import join_names
from omniedit.scoring.reference import sentences
from omniedit.scoring.reference.fields import blockiness, clipped_share, mean_inside, noise_level, ramp
from omniedit.scoring.reference.measures import Comparison, fill_detail
from omniedit.scoring.reference.outlines import (
    GHOST_SHARES,
    ghost_share,
    hard_outline,
    inner_steps,
    remaining_area,
    torn_sky,
)
from omniedit.scoring.reference.rationale import MET, UNMET, Finding, fill_in
from omniedit.tasks import Task

MASKED_BY_OUTLINE = (Task.ATTRIBUTE_MODIFICATION, Task.BACKGROUND_SWAP)
"""Tasks whose mask follows an object's outline, where an edge is natural."""
OUTPAINT = Task("outpaint")
"""Task whose source is empty under the mask."""
MAX_NAMED_FAULTS = 3
"""Maximum number of faults that a rationale names, the worst ones."""
PRECIPITATION = ("rain", "snow")
"""Environments whose drops and flakes are edges that the source lacks."""


@dataclass(frozen=True)
class Fault:
    """Sign of editing.

    Args:
        left: quality that the sign leaves, in [0, 1]; 1 if there is no such sign.
        name: the sign in words.
        measurement: the figure behind `left`.
    """

    left: float
    name: str = ""
    measurement: str = ""


def quality(comparison: Comparison) -> Finding:
    """Return 10 times the product of the quality that each fault leaves; the rationale names the worst faults.

    Strokes, hatching, dots and flat blacks may be part of a style, so a restyled image is checked only for signs that
    no style has.
    """
    is_style = comparison.pair.task is Task.STYLE_TRANSFER
    if is_style:
        faults = [measure(comparison) for measure in _STYLE_FAULTS]
    else:
        faults = [measure(comparison.close_up) for measure in _FAULTS_NEAR_THE_MASK] + [
            measure(comparison) for measure in _PHOTO_FAULTS
        ]
    score = 10 * float(np.prod([fault.left for fault in faults]))
    ordered = sorted((fault for fault in faults if fault.left < 0.95), key=lambda fault: fault.left)
    if not ordered:
        return Finding(score, sentences.NO_FAULTS)
    chosen = sentences.LARGE_FAULTS if score < UNMET else sentences.FAULTS if score < MET else sentences.SMALL_FAULTS
    names = join_names([fault.name for fault in ordered[:MAX_NAMED_FAULTS]])
    return Finding(score, fill_in(chosen, faults=names), ", ".join(fault.measurement for fault in ordered))


def seam(comparison: Comparison) -> Fault:
    """Measure steps along the mask's edge, relative to the source there and to the image on both sides."""
    if comparison.pair.mask is None or comparison.pair.mask.all():
        return Fault(1.0)
    unit = comparison.unit
    edge, inner, outer = (
        comparison.region.ring(*ends) for ends in ((-unit, unit), (-6 * unit, -2 * unit), (2 * unit, 6 * unit))
    )
    edited, source = comparison.edited.gradient, comparison.source.gradient
    natural = max(mean_inside(edited, inner), mean_inside(edited, outer), mean_inside(source, edge), 0.5)
    ratio = mean_inside(edited, edge) / natural
    natural_step = 1.8 if comparison.pair.task in MASKED_BY_OUTLINE else 1.25
    measurement = f"a seam {ratio:.1f} times as steep as the image's own edges"
    return Fault(ramp(ratio, 3.0, natural_step), "a seam along its edge", measurement)


def blur(comparison: Comparison) -> Fault:
    """Measure whether the edit is softer than the source and, if local, than its surroundings.

    A new background may be softer than the old one.
    """
    ratio = comparison.edited.sharpness(comparison.mask) / _natural(comparison, comparison.source.sharpness, min)
    soft, crisp = (0.45, 0.75) if comparison.pair.task is Task.BACKGROUND_SWAP else (0.5, 0.9)
    return Fault(ramp(ratio, soft, crisp), "blur", f"{ratio:.2f} times as sharp as the image")


def smear(comparison: Comparison) -> Fault:
    """Measure whether the fill of a removal has less detail than its surroundings, all over or in places."""
    if comparison.pair.task is not Task.OBJECT_REMOVAL:
        return Fault(1.0)
    fill = fill_detail(comparison.edited.luma, comparison.region, comparison.unit)
    return Fault(fill.credibility, "a smeared area", f"a fill with {fill.measurement}")


def noise(comparison: Comparison) -> Fault:
    """Measure whether the edit is grainier than the source and, if local, than its surroundings."""
    excess = comparison.edited.noise(comparison.mask) - _natural(comparison, comparison.source.noise, max)
    return Fault(ramp(excess, 5.0, 1.0), "noise", f"noise {excess:.1f} above the image's own")


def blocks(comparison: Comparison) -> Fault:
    """Measure steps on a grid of eight pixels."""
    photo = ~comparison.mask if comparison.pair.task == OUTPAINT else comparison.mask
    excess = blockiness(comparison.edited.luma, comparison.mask) / blockiness(comparison.source.luma, photo)
    return Fault(ramp(excess, 2.5, 1.3), "compression blocks", f"blocks {excess:.1f} times as strong as in the source")


def clipping(comparison: Comparison) -> Fault:
    """Measure pure black or white where the source has detail."""
    excess = clipped_share(comparison.pair.edited, comparison.mask) - clipped_share(
        comparison.pair.source, comparison.mask
    )
    return Fault(ramp(excess, 0.3, 0.05), "areas of pure black or white", f"{excess:.0%} more of it clipped")


def cut_outline(comparison: Comparison) -> Fault:
    """Measure a new colour that ends in a hard line where the object fades out."""
    if comparison.pair.task is not Task.ATTRIBUTE_MODIFICATION:
        return Fault(1.0)
    share = hard_outline(comparison)
    measurement = f"an outline that is cut off hard along {share:.0%} of its length"
    return Fault(_outline_left(share, 0.55, 0.25), "a hard edge around the object", measurement)


def patches(comparison: Comparison) -> Fault:
    """Measure parts of an object that a new colour leaves out although the source has one colour there."""
    if comparison.pair.task is not Task.ATTRIBUTE_MODIFICATION:
        return Fault(1.0)
    if comparison.pair.provenance["truth"]["attribute"] != "colour":
        return Fault(1.0)
    length = inner_steps(comparison)
    measurement = f"hard edges inside the object of {length:.1f} times its side"
    return Fault(_outline_left(length, 6.0, 3.0), "patches of the old colour", measurement)


def old_pixels(comparison: Comparison) -> Fault:
    """Measure spots missed along the outline: of the old background, the removed object or the old colour."""
    if comparison.pair.task not in _MISSED:
        return Fault(1.0)
    what, spoiling, tolerated = _MISSED[comparison.pair.task]
    spots = remaining_area(comparison.source.detail, comparison.edited.detail, comparison.detail_mask)
    name = f"leftover spots of {what}"
    return Fault(_outline_left(spots, spoiling, tolerated), name, f"{name} over {spots / 1e4:.2f}% of the image")


_MISSED = {
    Task.BACKGROUND_SWAP: ("the old background", 330, 170),
    Task.OBJECT_REMOVAL: ("the object", 330, 170),
    Task.ATTRIBUTE_MODIFICATION: ("the old surface", 2900, 2100),
}
"""Name of the remains, and two areas in millionths: one that spoils an edit, and one that is tolerated because parts of
an object may have other colours."""


def ghost(comparison: Comparison) -> Fault:
    """Measure colours of the removed object in the fill."""
    if comparison.pair.task is not Task.OBJECT_REMOVAL:
        return Fault(1.0)
    share = ghost_share(comparison.source.detail, comparison.edited.detail, comparison.detail_mask)
    measurement = f"a ghost in the object's colours on {share:.1%} of its region"
    return Fault(_outline_left(share, *GHOST_SHARES), "a faint trace of the object", measurement)


def find_tears(comparison: Comparison) -> Fault:
    """Measure steps of the light that do not follow edges of the source. Rain and snow are left out, because they have
    such steps.
    """
    if (
        comparison.pair.task is not Task.ENVIRONMENT_CHANGE
        or comparison.pair.provenance["truth"]["environment"] in PRECIPITATION
    ):
        return Fault(1.0)
    length = torn_sky(comparison)
    measurement = f"torn edges of {length:.2f} times the image's side"
    return Fault(_outline_left(length, 0.15, 0.03), "hard edges in the new light", measurement)


def _outline_left(figure: float, most: float, least: float) -> float:
    """Return the quality that a bad outline leaves. It suffices for a middling score, because the rest may be good."""
    return 0.4 + 0.6 * ramp(figure, most, least)


def softness(comparison: Comparison) -> Fault:
    """Measure whether the whole image is soft, without a crisp line or dot anywhere."""
    crisp = comparison.edited.sharpness(comparison.mask)
    return Fault(ramp(crisp, 0.52, 0.68), "soft lines", f"soft throughout ({crisp:.2f} of the gradient is fine)")


def colour_noise(comparison: Comparison) -> Fault:
    """Measure colours that differ from pixel to pixel; a stroke or a dot of paint is larger."""
    channels = (np.ascontiguousarray(comparison.edited.lab[..., channel]) for channel in (1, 2))
    noise = max(noise_level(noise_response(channel), comparison.mask) for channel in channels)
    return Fault(ramp(noise, 8.0, 2.0), "colour noise", f"colour noise of {noise:.1f}")


_FAULTS_NEAR_THE_MASK: tuple[Callable[[Comparison], Fault], ...] = (seam, blur, smear, noise, blocks, clipping)
"""Faults measured at full resolution, in the mask and around it."""
_PHOTO_FAULTS: tuple[Callable[[Comparison], Fault], ...] = (cut_outline, patches, old_pixels, ghost, find_tears)
_STYLE_FAULTS: tuple[Callable[[Comparison], Fault], ...] = (softness, colour_noise, blocks)


def _natural(
    comparison: Comparison, measure: Callable[[Mask], float], forgiving: Callable[[float, float], float]
) -> float:
    """Measure the source under the mask and around the mask; return the more lenient value."""
    source = measure(comparison.mask)
    if comparison.pair.mask is None:
        return source
    around = comparison.region.ring(2 * comparison.unit, 12 * comparison.unit)
    return forgiving(source, measure(around)) if around.sum() > 256 else source
