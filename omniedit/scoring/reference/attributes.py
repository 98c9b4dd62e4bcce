"""Measurements of an object's new colour or material."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from omniedit.imaging.images import Mask
from omniedit.pairs.provenance import Truth
from omniedit.scoring.reference import sentences
from omniedit.scoring.reference.fields import NOTICEABLE_DIFFERENCE, Field, ramp
from omniedit.scoring.reference.measures import Comparison
from omniedit.scoring.reference.rationale import Finding, Shortfall, TruthObject, clean_value, weigh
from omniedit.scoring.reference.regions import object_region


def attribute_modification(comparison: Comparison, truth: Truth) -> Finding:
    region = object_region(comparison, truth["box"])
    return (
        _recolour_finding(comparison, truth, region)
        if truth["attribute"] == "colour"
        else _material_finding(comparison, truth, region)
    )


def _recolour_finding(comparison: Comparison, truth: Truth, region: Mask) -> Finding:
    """Score a recolouring: the object's mean colour has the target's direction in Lab's (a, b) plane."""
    changed = comparison.changed_share(region, NOTICEABLE_DIFFERENCE)
    off, chroma = hue_error(comparison.edited.reduced[region][:, 1:].mean(axis=0), truth["lab_ab"])
    requirements = [(ramp(changed, 0.2, 0.7), sentences.OLD_COLOUR), (ramp(off, 60, 20), sentences.OTHER_COLOUR)]
    if truth["value"] in _LIGHTNESS:
        wrong_lightness, zero, full = _LIGHTNESS[truth["value"]]
        requirements.append((ramp(float(comparison.edited.reduced[region][:, 0].mean()), zero, full), wrong_lightness))
    measurement = (
        f"{changed:.0%} of the region changed; its mean colour (chroma {chroma:.0f}) is {off:.0f} degrees off the "
        "target"
    )
    names = {"old": TruthObject.parse(truth["object"]), "value": clean_value(truth["value"])}
    return weigh(sentences.RECOLOURED, requirements, measurement, **names)


_LIGHTNESS: Mapping[str, tuple[Shortfall, float, float]] = {
    "black": (sentences.TOO_LIGHT, 60, 40),
    "white": (sentences.TOO_DARK, 45, 65),
}
"""Colours without hue: the sentence about a wrong lightness, the L with score 0 and the L with score 1."""


def hue_error(mean_ab: Field, target_ab: Any) -> tuple[float, float]:
    """Return a colour's angle to the target in degrees, and its chroma; a grey colour matches a grey target."""
    target = np.asarray(target_ab, np.float32)
    chroma, target_chroma = float(np.linalg.norm(mean_ab)), float(np.linalg.norm(target))
    if target_chroma < 1e-3:
        return float(np.clip(6 * chroma, 0, 180)), chroma
    cosine = float(mean_ab @ target) / max(chroma * target_chroma, 1e-6)
    off = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    paleness = 60 * ramp(chroma, 12, 4)
    return max(off, paleness), chroma


def _material_finding(comparison: Comparison, truth: Truth, region: Mask) -> Finding:
    """Score a change of material: the fine structure inside the object is different."""
    changed = comparison.changed_share(region, NOTICEABLE_DIFFERENCE)
    remaining = comparison.structure_kept(region, fine=0.5, coarse=2.0)
    requirements = (
        (ramp(changed, 0.2, 0.7), sentences.OLD_SURFACE),
        (ramp(remaining, 0.95, 0.7), sentences.OLD_TEXTURE),
    )
    measurement = f"{changed:.0%} of the region changed and {max(0.0, remaining):.0%} of its fine structure remains"
    names = {"old": TruthObject.parse(truth["object"]), "value": clean_value(truth["value"])}
    return weigh(sentences.RESURFACED, requirements, measurement, **names)
