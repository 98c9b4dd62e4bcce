"""pq_score of the reference judge: is the edited picture free of the marks of editing?

Each fault is measured against the picture itself (the source, the surroundings of the edit, the picture's own edges),
so that a soft or noisy photograph is not blamed for what it was before.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from omniedit.imaging.images import Mask
from omniedit.scoring.reference.measures import (
    Comparison,
    blockiness,
    clipped_share,
    detail_of_fill,
    noise_level,
    noise_response,
    ramp,
)
from omniedit.scoring.reference.outlines import GHOST, ghost_share, hard_outline, remains, torn_sky
from omniedit.scoring.reference.success import Finding
from omniedit.tasks import Task

MASKED_BY_OUTLINE = (Task.ATTRIBUTE_MODIFICATION, Task.BACKGROUND_SWAP)
"""Tasks whose mask follows an object's outline, which is an edge anyway."""
FALLING = ("rain", "snow")
"""Environments whose drops and flakes are edges that the source has not."""


@dataclass(frozen=True)
class Fault:
    """A mark of editing: what is left of the quality, in [0, 1], and the figure in words."""

    left: float
    words: str


def quality(seen: Comparison) -> Finding:
    """10 times the product of what each fault leaves; the words name the faults that took something away.

    Strokes, hatching, dots and flat blacks make a style, so of a restyled picture only what no style has is a fault.
    """
    is_style = seen.pair.task is Task.STYLE_TRANSFER
    if is_style:
        faults = [measure(seen) for measure in _FAULTS_OF_A_STYLE]
    else:
        faults = [measure(seen.close_up) for measure in _FAULTS_NEAR_THE_MASK] + [
            measure(seen) for measure in _FAULTS_OF_A_PHOTO
        ]
    score = 10 * float(np.prod([fault.left for fault in faults]))
    named = [fault.words for fault in faults if fault.left < 0.95]
    return Finding(score, "no marks of editing" if not named else "marks of editing: " + ", ".join(named))


def seam(seen: Comparison) -> Fault:
    """Steps along the mask's edge, beyond those of the source there and of the picture on both sides of it."""
    if seen.pair.mask is None or seen.pair.mask.all():
        return Fault(1.0, "")
    unit = seen.unit
    edge, inner, outer = (
        seen.region.ring(*ends) for ends in ((-unit, unit), (-6 * unit, -2 * unit), (2 * unit, 6 * unit))
    )
    edited, source = seen.edited.gradient, seen.source.gradient
    natural = max(_mean(edited, inner), _mean(edited, outer), _mean(source, edge), 0.5)
    ratio = _mean(edited, edge) / natural
    natural_step = 1.8 if seen.pair.task in MASKED_BY_OUTLINE else 1.25
    return Fault(ramp(ratio, 3.0, natural_step), f"a seam {ratio:.1f} times as steep as the picture's own edges")


def blur(seen: Comparison) -> Fault:
    """Softer than the source and, for a local edit, than its surroundings; a background may be softer than the last."""
    ratio = seen.edited.sharpness(seen.mask) / _natural(seen, seen.source.sharpness, min)
    soft, crisp = (0.45, 0.75) if seen.pair.task is Task.BACKGROUND_SWAP else (0.5, 0.9)
    return Fault(ramp(ratio, soft, crisp), f"{ratio:.2f} times as sharp as the picture")


def smear(seen: Comparison) -> Fault:
    """What was filled in after a removal has less detail than what stands around it, all over or in places."""
    if seen.pair.task is not Task.OBJECT_REMOVAL:
        return Fault(1.0, "")
    fill = detail_of_fill(seen.edited.luma, seen.region, seen.unit)
    return Fault(fill.believable, f"a fill with {fill.words}")


def noise(seen: Comparison) -> Fault:
    """Grainier than the source and, for a local edit, than its surroundings."""
    excess = seen.edited.noise(seen.mask) - _natural(seen, seen.source.noise, max)
    return Fault(ramp(excess, 5.0, 1.0), f"noise {excess:.1f} above the picture's own")


def blocks(seen: Comparison) -> Fault:
    """Steps on a grid of eight pixels."""
    excess = blockiness(seen.edited.luma, seen.mask) / blockiness(seen.source.luma, seen.mask)
    return Fault(ramp(excess, 2.5, 1.3), f"blocks {excess:.1f} times as strong as in the source")


def clipping(seen: Comparison) -> Fault:
    """Pure black or white where the source had shades."""
    excess = clipped_share(seen.pair.edited, seen.mask) - clipped_share(seen.pair.source, seen.mask)
    return Fault(ramp(excess, 0.3, 0.05), f"{excess:.0%} more of it clipped")


def cut_outline(seen: Comparison) -> Fault:
    """A new colour that ends in a hard line where the object fades out."""
    if seen.pair.task is not Task.ATTRIBUTE_MODIFICATION:
        return Fault(1.0, "")
    share = hard_outline(seen)
    return Fault(_outline_left(share, 0.55, 0.25), f"an outline that is cut off hard along {share:.0%} of it")


def old_pixels(seen: Comparison) -> Fault:
    """Spots that were missed along the outline: of the old background, a removed object, the old colour."""
    if seen.pair.task not in _MISSED:
        return Fault(1.0, "")
    what, most, least = _MISSED[seen.pair.task]
    spots = remains(seen.source.detail, seen.edited.detail, seen.detail_mask)
    return Fault(_outline_left(spots, most, least), f"spots of {what} left over {spots / 1e4:.2f}% of the image")


_MISSED = {
    Task.BACKGROUND_SWAP: ("the old background", 330, 170),
    Task.OBJECT_REMOVAL: ("the object", 330, 170),
    Task.ATTRIBUTE_MODIFICATION: ("the object as it was", 2900, 2100),
}
"""What may be left, and the areas, in millionths, that spoil an edit and that are forgiven: parts of an object may have
colours of their own."""


def ghost(seen: Comparison) -> Fault:
    """Colours of the removed object in what was filled in."""
    if seen.pair.task is not Task.OBJECT_REMOVAL:
        return Fault(1.0, "")
    share = ghost_share(seen.source.detail, seen.edited.detail, seen.detail_mask)
    return Fault(_outline_left(share, *GHOST), f"a ghost in the object's colours on {share:.1%} of its place")


def tears(seen: Comparison) -> Fault:
    """Steps in another light that follow nothing in the source; falling rain and snow have such steps of their own."""
    if seen.pair.task is not Task.ENVIRONMENT_CHANGE or seen.pair.provenance["truth"]["environment"] in FALLING:
        return Fault(1.0, "")
    length = torn_sky(seen)
    return Fault(_outline_left(length, 0.15, 0.03), f"torn edges of {length:.2f} times the image's side")


def _outline_left(figure: float, most: float, least: float) -> float:
    """What a bad outline leaves of the quality: enough for a middling score, as the rest may be well done."""
    return 0.4 + 0.6 * ramp(figure, most, least)


def softness(seen: Comparison) -> Fault:
    """Not one crisp line or dot anywhere."""
    crisp = seen.edited.sharpness(seen.mask)
    return Fault(ramp(crisp, 0.52, 0.68), f"soft throughout ({crisp:.2f} of the gradient is fine)")


def colour_noise(seen: Comparison) -> Fault:
    """Colours that differ from pixel to pixel; a stroke or a dot of paint is larger."""
    channels = (np.ascontiguousarray(seen.edited.lab[..., channel]) for channel in (1, 2))
    noise = max(noise_level(noise_response(channel), seen.mask) for channel in channels)
    return Fault(ramp(noise, 8.0, 2.0), f"colour noise of {noise:.1f}")


_FAULTS_NEAR_THE_MASK: tuple[Callable[[Comparison], Fault], ...] = (seam, blur, smear, noise, blocks, clipping)
"""At full resolution, in the mask and around it."""
_FAULTS_OF_A_PHOTO: tuple[Callable[[Comparison], Fault], ...] = (
    cut_outline,
    old_pixels,
    ghost,
    tears,
)
_FAULTS_OF_A_STYLE: tuple[Callable[[Comparison], Fault], ...] = (softness, colour_noise, blocks)


def _natural(seen: Comparison, measure: Callable[[Mask], float], forgiving: Callable[[float, float], float]) -> float:
    """The measure of the source under the mask and, where the mask has surroundings, there: the one that forgives."""
    source, around = measure(seen.mask), seen.region.ring(2 * seen.unit, 12 * seen.unit)
    return forgiving(source, measure(around)) if around.sum() > 256 else source


def _mean(values: np.ndarray, region: Mask) -> float:
    return float(values[region].mean()) if region.any() else 0.0
