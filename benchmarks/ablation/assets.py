"""Collect the world's material, cut-outs with names and photographs, in one file of arrays.

    python -m benchmarks.ablation.assets --out results/ablation/assets.npz

Cut-outs are the photographic ones among Tux Paint's stamps. Photographs are the shipped sample's and the wallpapers of
two Debian packages. Packages are used if they are installed (apt install tuxpaint-stamps-default mate-backgrounds
plasma-workspace-wallpapers). Without the stamps, the sample's own objects are cut out.
"""

import argparse
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.grounding.masks import mask_of_object
from omniedit.imaging.images import Image, decode_image, resize_cover
from omniedit.run.program import run_program
from omniedit.sources.index import SAMPLE
from omniedit.storage.atomic import replace_file

STAMPS = Path("/usr/share/tuxpaint/stamps")
WALLPAPERS = {
    Path("/usr/share/backgrounds/mate/nature"): "*.jpg",
    Path("/usr/share/wallpapers"): "*/contents/images/2560x1600.jpg",
}
"""Patterns of the photographs in each folder. Plasma's newer wallpapers, which have other sizes, are drawings."""
PLACES = {
    "dandelion": "a dandelion meadow",
    "fig_in_bowl": "a red bowl",
    "forest_stream": "a forest stream",
    "mountain_meadow": "a mountain meadow",
    "paint_brushes": "paint brushes",
    "rocky_path": "a rocky path",
    "sunrise_hill": "a hill at sunrise",
    "two_dogs": "a wooden house",
    "wine_and_drum": "a living room",
}
"""Names of the sample's photographs in instructions."""
CUT_OUT_SIDE = 96
PHOTO_WIDTH, PHOTO_HEIGHT = 320, 256
FLAT = 0.15
"""Share of equal pairs of neighbouring pixels from which a stamp counts as a drawing. The median is 0.01 outside Tux
Paint's cartoon folders and 0.56 inside them."""
THIN = 0.22
"""Smallest share of its square that a cut-out must cover. A spade or a syringe is hardly visible in a small image."""
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
        """Return the assets of training, or the held-out ones that only the evaluation shows."""
        objects = np.array([held_out == away for away in set_aside([cut.tobytes() for cut in self.cut_outs])])
        views = np.array([held_out == away for away in set_aside([photo.tobytes() for photo in self.photos])])
        names, places = np.array(self.names)[objects], np.array(self.places)[views]
        return Assets(tuple(names.tolist()), self.cut_outs[objects], tuple(places.tolist()), self.photos[views])


def set_aside(contents: Sequence[bytes]) -> list[bool]:
    """Return for each content whether it is held out. A fifth is, but at least one: those with the smallest digests."""
    digests = [hashlib.sha256(content).digest() for content in contents]
    count = max(1, round(HELD_OUT * len(digests)))
    smallest = set(sorted(digests)[:count])
    return [digest in smallest for digest in digests]


def collect_assets() -> Assets:
    """Collect all assets on this machine."""
    found = dict(stamps() if STAMPS.is_dir() else sample_objects())
    photos = [(PLACES[path.stem], path) for path in sorted(SAMPLE.glob("*.jpg"))]
    photos += [("", path) for folder, pattern in WALLPAPERS.items() for path in sorted(folder.glob(pattern))]
    return Assets(
        names=tuple(found),
        cut_outs=np.stack(list(found.values())),
        places=tuple(place for place, _ in photos),
        photos=np.stack([photograph(path) for _, path in photos]),
    )


def photograph(path: Path) -> Image:
    return resize_cover(decode_image(path.read_bytes(), str(path)), PHOTO_WIDTH, PHOTO_HEIGHT)


def stamps(folder: Path = STAMPS) -> Iterator[tuple[str, RGBA]]:
    """Yield the name and cut-out of each photographic stamp with a plain name, the first of each name."""
    named = ((plain_name(path.with_suffix(".txt")), path) for path in sorted(folder.rglob("*.png")))
    seen = set[str]()
    for name, path in named:
        if name is None or name in seen or "symbols" in path.parts or "cartoon" in path.parts:
            continue
        stamp = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.uint8)
        if stamp.ndim == 3 and stamp.shape[2] == 4 and flatness(stamp) < FLAT:
            cut_out = standing(stamp[..., [2, 1, 0, 3]])
            if (cut_out[..., 3] > 127).mean() > THIN:
                seen.add(name)
                yield name, cut_out


def plain_name(caption: Path) -> str | None:
    """Return 'brown hen' for 'A brown hen.', or None if the caption is not an article and one to three words."""
    first = caption.read_text(errors="replace").splitlines()[:1] if caption.is_file() else []
    match = re.fullmatch(r"(?:A|An) ((?:[A-Za-z-]+ ?){1,3})[.!]?", first[0].strip()) if first else None
    return match[1].strip().lower() if match else None


def flatness(stamp: NDArray[np.uint8]) -> float:
    """Return the share of horizontally neighbouring opaque pixels of an (H, W, 4) image that are exactly equal."""
    opaque = stamp[..., 3] > 250
    both = opaque[:, 1:] & opaque[:, :-1]
    equal = (stamp[:, 1:, :3] == stamp[:, :-1, :3]).all(axis=-1)
    return float(equal[both].mean()) if both.any() else 1.0


def sample_objects() -> Iterator[tuple[str, RGBA]]:
    """Yield the name and cut-out of each object of the sample that can be cut out by its box."""
    for line in (SAMPLE / "sample.jsonl").read_text().splitlines():
        row = json.loads(line)
        image = decode_image((SAMPLE / row["file"]).read_bytes(), row["file"])
        for thing in row["objects"]:
            mask = mask_of_object(image, tuple(thing["box"]))
            if mask is not None:
                yield thing["name"], standing(np.dstack([image, mask.astype(np.uint8) * 255]))


def standing(rgba: NDArray[np.uint8]) -> RGBA:
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
