"""Signs of an environment in the light, colour and contrast of a whole image."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from omniedit.scoring.reference.fields import GREY_LEVEL, NOTICEABLE_DIFFERENCE, Field, band_pass, ramp
from omniedit.scoring.reference.measures import Unmeasurable

_MIN_FINE_SHARE = 0.001
"""Minimum mean share of fine structure in an image's contrast; a photo has 0.01 or more."""


@dataclass(frozen=True)
class Light:
    """Properties of an image that an environment changes, on Lab's scales. Shares are shares of the image's area."""

    lightness: float
    contrast: float
    chroma: float
    warmth: float
    redness: float
    dark_end: float
    white_share: float
    green_share: float
    fine: float


def light(lab: Field) -> Light:
    lightness = np.ascontiguousarray(lab[..., 0])
    a, b = lab[..., 1], lab[..., 2]
    chroma = np.hypot(a, b)
    return Light(
        lightness=float(lightness.mean()),
        contrast=float(lightness.std()),
        chroma=float(chroma.mean()),
        warmth=float(b.mean()),
        redness=float(a.mean()),
        dark_end=float(np.quantile(lightness, 0.05)),
        white_share=float(((lightness > 75) & (chroma < 12)).mean()),
        green_share=float(((a < -6) & (chroma > 8)).mean()),
        fine=float(np.abs(band_pass(lightness, 0.5, 2.0)).mean()),
    )


@dataclass(frozen=True)
class EnvironmentSign:
    """Sign of an environment.

    Args:
        degree: in [0, 1]; 1 if the image clearly shows the sign.
        fault: sentence about an image that does not show it.
        measurement: the figure behind the degree.
    """

    degree: float
    fault: str
    measurement: str


def environment_signs(kind: str, before: Light, after: Light) -> list[EnvironmentSign]:
    """Return the signs of an environment; for an unknown kind, only whether the light changed.

    Raises:
        Unmeasurable: the source has no light, or no contrast, that could decrease.
    """
    return _SIGNS.get(kind, _light_signs)(before, after)


def _darker(before: Light, after: Light) -> float:
    """Return the ratio of the lightness after the edit to that before."""
    if before.lightness < GREY_LEVEL:
        raise Unmeasurable("the source is black: it cannot get darker")
    return after.lightness / before.lightness


def _contrast(before: Light, after: Light) -> float:
    """Return the ratio of the contrast after the edit to that before."""
    if before.contrast < GREY_LEVEL:
        raise Unmeasurable("the source has only one lightness: it has no contrast to compare with")
    return after.contrast / before.contrast


def _paler(before: Light, after: Light, full: float) -> EnvironmentSign:
    """Measure how far colours faded; for a source without colour, how little colour was added."""
    if before.chroma < GREY_LEVEL:
        colourlessness = ramp(after.chroma, 2 * NOTICEABLE_DIFFERENCE, NOTICEABLE_DIFFERENCE)
        return EnvironmentSign(
            colourlessness,
            "Colours appear where there were none before.",
            f"colour {after.chroma:.1f} where there was none",
        )
    paler = after.chroma / before.chroma
    return EnvironmentSign(ramp(paler, 1.0, full), "The colours are too strong.", f"colour {paler:.2f} times")


def _streak_strength(before: Light, after: Light) -> float:
    """Return how much the ratio of fine structure to contrast grew; 0 if the edited image has no contrast."""
    contrast = _contrast(before, after)
    if after.contrast < GREY_LEVEL:
        return 0.0
    return after.fine / max(before.fine, _MIN_FINE_SHARE * before.contrast) / contrast


def _darkened(
    darkness: tuple[float, float], coolness: tuple[float, float], before: Light, after: Light
) -> list[EnvironmentSign]:
    """Return the signs of a darker and cooler light.

    Args:
        darkness, coolness: figures with score 0 and with score 1.
    """
    darker, cooler = _darker(before, after), before.warmth - after.warmth
    return [
        EnvironmentSign(ramp(darker, *darkness), "The light is too bright.", f"{darker:.2f} times as light"),
        EnvironmentSign(ramp(cooler, *coolness), "The light is too warm.", f"{cooler:+.0f} bluer"),
    ]


def _overcast(before: Light, after: Light) -> list[EnvironmentSign]:
    flatter = _contrast(before, after)
    return [
        _paler(before, after, 0.85),
        EnvironmentSign(ramp(flatter, 1.2, 1.0), "The contrast is too strong.", f"contrast {flatter:.2f} times"),
    ]


def _fog(before: Light, after: Light) -> list[EnvironmentSign]:
    contrast = _contrast(before, after)
    lifted = after.dark_end - before.dark_end
    return [
        EnvironmentSign(ramp(contrast, 0.95, 0.75), "The contrast is too strong.", f"contrast {contrast:.2f} times"),
        _paler(before, after, 0.8),
        EnvironmentSign(ramp(lifted, 1, 6), "The dark parts are too dark.", f"darkest parts {lifted:+.0f} lighter"),
    ]


def _rain(before: Light, after: Light) -> list[EnvironmentSign]:
    streaked = _streak_strength(before, after)
    return [
        _paler(before, after, 0.85),
        EnvironmentSign(
            ramp(streaked, 0.85, 1.05),
            "Hardly any rain is visible.",
            f"fine structure {streaked:.2f} times as strong in its contrast",
        ),
    ]


def _snow(before: Light, after: Light) -> list[EnvironmentSign]:
    white = after.white_share - before.white_share
    return [EnvironmentSign(ramp(white, 0.02, 0.15), "Hardly any snow is visible.", f"{white:+.0%} of the image white")]


def _golden_hour(before: Light, after: Light) -> list[EnvironmentSign]:
    warmer, redder = after.warmth - before.warmth, after.redness - before.redness
    return [
        EnvironmentSign(ramp(warmer, 1, 6), "The light is not yellow enough.", f"{warmer:+.0f} yellower"),
        EnvironmentSign(ramp(redder, -1, 2), "The light is not red enough.", f"{redder:+.0f} redder"),
    ]


def _autumn(before: Light, after: Light) -> list[EnvironmentSign]:
    green = after.green_share / max(before.green_share, 0.02)
    redder = after.redness - before.redness
    return [
        EnvironmentSign(ramp(green, 0.95, 0.5), "Too much green is left.", f"green parts {green:.2f} times"),
        EnvironmentSign(ramp(redder, 0.5, 3), "The colours are not red enough.", f"{redder:+.0f} redder"),
    ]


def _light_signs(before: Light, after: Light) -> list[EnvironmentSign]:
    moved = abs(after.lightness - before.lightness) + abs(after.warmth - before.warmth)
    return [
        EnvironmentSign(ramp(moved, 2, 8), "The light has hardly changed.", f"light and warmth moved by {moved:.0f}")
    ]


_SIGNS: Mapping[str, Callable[[Light, Light], list[EnvironmentSign]]] = {
    "night": partial(_darkened, (0.9, 0.6), (-1, 3)),
    "dusk": partial(_darkened, (0.95, 0.75), (0, 5)),
    "overcast": _overcast,
    "fog": _fog,
    "rain": _rain,
    "snow": _snow,
    "golden_hour": _golden_hour,
    "autumn": _autumn,
}
