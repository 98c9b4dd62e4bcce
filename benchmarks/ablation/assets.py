"""Collect the material of the world (named cut-outs and photographs) in one file of arrays.

    python -m benchmarks.ablation.assets --out results/ablation/assets.npz

Cut-outs are the photographic ones among Tux Paint's stamps. Photographs are the shipped sample's and the wallpapers of
two Debian packages. Packages are used if they are installed (apt install tuxpaint-stamps-default mate-backgrounds
plasma-workspace-wallpapers). Without the stamps, the sample's own objects are cut out.
"""

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.images import Image, resize_cover
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.subjects.cut_outs import (
    MIN_COVERED_SHARE,
    STAMPS,
    ScenePhoto,
    collect_scenes,
    photographic_stamps,
    sample_objects,
)

CUT_OUT_SIDE = 96
PHOTO_WIDTH, PHOTO_HEIGHT = 320, 256
HELD_OUT = 0.2

RGBA = NDArray[np.uint8]
"""Image of shape (H, W, 4), colours multiplied by alpha."""


@dataclass(frozen=True)
class Assets:
    """Named cut-outs and photographs.

    Args:
        names: names of the cut-outs, all different.
        cut_outs: (N, 96, 96, 4) RGBA, colours multiplied by alpha. The object stands at the middle of the lower edge.
        places: names of the photographs, "" for none.
        photos: (P, 256, 320, 3) RGB.
    """

    names: tuple[str, ...]
    cut_outs: RGBA
    places: tuple[str, ...]
    photos: Image

    @classmethod
    def load(cls, path: Path) -> Self:
        with np.load(path) as arrays:
            names, places = (tuple(arrays[key].tolist()) for key in ("names", "places"))
            return cls(names, arrays["cut_outs"], places, arrays["photos"])

    def save(self, path: Path) -> None:
        names, places = np.array(self.names), np.array(self.places)
        with replace_file(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, names=names, cut_outs=self.cut_outs, places=places, photos=self.photos)

    def half(self, held_out: bool) -> "Assets":
        """Return the assets for training, or the held-out ones that only the evaluation shows."""
        objects = np.array([held_out == away for away in choose_held_out([cut.tobytes() for cut in self.cut_outs])])
        views = np.array([held_out == away for away in choose_held_out([photo.tobytes() for photo in self.photos])])
        names, places = np.array(self.names)[objects], np.array(self.places)[views]
        return Assets(tuple(names.tolist()), self.cut_outs[objects], tuple(places.tolist()), self.photos[views])


def choose_held_out(contents: Sequence[bytes]) -> list[bool]:
    """Return for each item whether it is held out: a fifth of them, at least one, with the smallest digests."""
    digests = [hashlib.sha256(content).digest() for content in contents]
    count = max(1, round(HELD_OUT * len(digests)))
    smallest = set(sorted(digests)[:count])
    return [digest in smallest for digest in digests]


def collect_assets() -> Assets:
    """Collect all assets on this machine."""
    found = dict(stamps() if STAMPS.is_dir() else ((each.name, fit_cut_out(each.rgba)) for each in sample_objects()))
    scenes = collect_scenes()
    return Assets(
        names=tuple(found),
        cut_outs=np.stack(list(found.values())),
        places=tuple(scene.place for scene in scenes),
        photos=np.stack([photograph(scene) for scene in scenes]),
    )


def photograph(scene: ScenePhoto) -> Image:
    return resize_cover(scene.image, PHOTO_WIDTH, PHOTO_HEIGHT)


def stamps(folder: Path = STAMPS) -> Iterator[tuple[str, RGBA]]:
    """Yield the name and cut-out of each photographic stamp with a plain name, the first of each name."""
    seen = set[str]()
    for each in photographic_stamps(folder):
        if each.name not in seen and ((cut_out := fit_cut_out(each.rgba))[..., 3] > 127).mean() > MIN_COVERED_SHARE:
            seen.add(each.name)
            yield each.name, cut_out


def fit_cut_out(rgba: NDArray[np.uint8]) -> RGBA:
    """Scale a cut-out until it touches the sides of a square, and place it at the middle of the lower edge."""
    rows, columns = np.nonzero(rgba[..., 3] > 8)
    cut = rgba[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].astype(np.float32)
    cut[..., :3] *= cut[..., 3:] / 255
    scale = CUT_OUT_SIDE / max(cut.shape[:2])
    width, height = (max(1, min(CUT_OUT_SIDE, round(scale * side))) for side in (cut.shape[1], cut.shape[0]))
    square = np.zeros((CUT_OUT_SIDE, CUT_OUT_SIDE, 4), np.uint8)
    left = (CUT_OUT_SIDE - width) // 2
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(cut, (width, height), interpolation=interpolation)
    square[CUT_OUT_SIDE - height :, left : left + width] = (scaled + 0.5).astype(np.uint8)
    return square


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    assets = collect_assets()
    assets.save(args.out)
    held_out = assets.half(held_out=True)
    print(f"{len(assets.names)} cut-outs, {len(assets.photos)} photographs;", end=" ")
    print(f"of them held out: {len(held_out.names)} and {len(held_out.photos)}")


if __name__ == "__main__":
    run_program(main)
