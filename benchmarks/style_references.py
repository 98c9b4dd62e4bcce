"""Compute the statistics by which the reference judge recognises styles, from photos rendered in every style.

    python -m benchmarks.style_references PHOTO ... [--out omniedit/scoring/reference/styles.npz]

Prints how well each photo's styles are recognised by the statistics of all other photos. Takes half a minute to a
minute per photo. The shipped statistics come from the nine sample photos and from 19 photographs in Debian's packages
lomiri-wallpapers-16.04, lomiri-wallpapers-20.04 and mate-backgrounds.
"""

import argparse
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from omniedit.imaging.images import Image, decode_image
from omniedit.run.program import run_program
from omniedit.scoring.canary import GREY_STYLE
from omniedit.scoring.reference.fields import Field
from omniedit.scoring.reference.style_features import scale_to_area, style_features
from omniedit.scoring.reference.style_references import STYLES_FILE, StyleReferences
from omniedit.specialists.embedded.style import STYLES
from omniedit.storage.progress import Progress

RENDERED = 1100
"""Photos are rendered at about this^2 pixels, as in the default run."""
SHRINKAGE = 0.2
"""Share of the identity in the covariance of the features within a style (Ledoit and Wolf 2004)."""
RECOGNISED = 0.81
"""Lowest degree of recognition with which a pair can reach O >= 9."""


@dataclass(frozen=True)
class Measured:
    """Features of one image of a photo, in a style or with a failure."""

    photo: str
    name: str
    features: Field


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=STYLES_FILE, help="the statistics (.npz)")
    args = parser.parse_args()
    measured: list[Measured] = []
    with Progress("photos", total=len(args.photos)) as progress:
        for path in progress.over(args.photos):
            photo = scale_to_area(decode_image(path.read_bytes(), str(path)), RENDERED)
            measured += measure(path.stem, photo, render_styles(photo, path.stem))
    save(fit(measured), args.out)
    print("\n".join(leave_one_out(measured)))


def render_styles(photo: Image, name: str) -> dict[str, Image]:
    """Render a photo in every style of the specialist."""
    return {
        style.name: style.render(photo, np.random.default_rng(zlib.crc32(f"{name}|{style.name}".encode())))
        for style in STYLES.values()
    }


def measure(name: str, photo: Image, styled: Mapping[str, Image]) -> list[Measured]:
    """Measure a photo's images in every style and with every failure."""
    small = scale_to_area(photo)
    grey = np.repeat(np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)[..., None], 3, axis=2)
    rows = [Measured(name, style, style_features(photo, image)) for style, image in styled.items()]
    rows.append(Measured(name, GREY_STYLE, style_features(small, grey)))
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return rows + [Measured(name, f"failure: {kind}", style_features(small, bad)) for kind, bad in failures(small, rng)]


def failures(photo: Image, rng: np.random.Generator) -> Iterator[tuple[str, Image]]:
    """Yield images like those of failing editors, each with the kind of failure."""
    for bad in (photo, _clip(photo + 12.0), _clip((photo - 128.0) * 1.2 + 128), _clip(photo + [8.0, 0, -8])):
        yield "the photo itself", bad
    yield "the photo itself", np.asarray(cv2.GaussianBlur(photo, (0, 0), 0.7))
    for crisp in (False, True, False, True):
        blotchy = blotches(photo.shape[0], photo.shape[1], rng, crisp)
        yield "blotches", blotchy
        yield "blotches over the photo", _clip(0.5 * photo + 0.5 * blotchy)
    yield "negative", 255 - photo
    yield "blur", np.asarray(cv2.GaussianBlur(photo, (0, 0), 4))
    yield "noise", _clip(photo + rng.normal(0, 25, photo.shape))
    yield "dark", _clip(photo * 0.3)
    yield "other hues", _rotate(photo, 60)
    yield "other hues", _rotate(photo, 120)


def blotches(height: int, width: int, rng: np.random.Generator, crisp: bool) -> Image:
    """Return a few patches of random colours, with hard or soft borders and some grain."""
    colours = rng.uniform(0, 255, (rng.integers(3, 9), rng.integers(3, 9), 3)).astype(np.float32)
    borders = cv2.INTER_NEAREST if crisp else cv2.INTER_CUBIC
    return _clip(
        cv2.resize(colours, (width, height), interpolation=borders)
        + rng.normal(0, rng.choice([0, 8, 20]), (height, width, 3))
    )


def _rotate(photo: Image, degrees: int) -> Image:
    hsv = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + degrees // 2) % 180
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def _clip(levels: np.ndarray) -> Image:
    return np.clip(levels, 0, 255).astype(np.uint8)


def fit(measured: Sequence[Measured]) -> StyleReferences:
    """Return the mean features of each name, and the matrix that whitens their spread within the styles."""
    features = np.array([row.features for row in measured], np.float64)
    names = [row.name for row in measured]
    kinds = tuple(dict.fromkeys(names))
    means = np.array([features[[name == kind for name in names]].mean(axis=0) for kind in kinds])
    styled = [row for row, name in enumerate(names) if name in STYLES]
    spread = features[styled] - means[[kinds.index(names[row]) for row in styled]]
    deviation = spread.std(axis=0) + 1e-3
    covariance = (1 - SHRINKAGE) * np.cov((spread / deviation).T) + SHRINKAGE * np.eye(len(deviation))
    whitening = np.linalg.cholesky(np.linalg.inv(covariance)) / deviation[:, None]
    return StyleReferences(kinds, means.astype(np.float32), whitening.astype(np.float32))


def save(references: StyleReferences, path: Path) -> None:
    np.savez_compressed(path, names=np.array(references.names), means=references.means, whitening=references.whitening)


def leave_one_out(measured: Sequence[Measured]) -> list[str]:
    """Return lines of text on how well each photo's images are recognised by the statistics of all other photos."""
    right: list[float] = []
    wrong: list[float] = []
    failed: list[float] = []
    for photo in dict.fromkeys(row.photo for row in measured):
        references = fit([row for row in measured if row.photo != photo])
        for row in (row for row in measured if row.photo == photo):
            degrees = {style: references.recognise(row.features, style).degree for style in STYLES}
            right += [degrees.pop(row.name)] if row.name in STYLES else []
            (wrong if row.name in STYLES else failed).extend(degrees.values())
    return [
        f"{what}: {np.mean(np.array(degrees) >= RECOGNISED):.1%} of {len(degrees):,} reach a degree of {RECOGNISED}"
        for what, degrees in {
            "the style asked for": right,
            "each other style": wrong,
            "each style, of failures": failed,
        }.items()
    ]


if __name__ == "__main__":
    run_program(main)
