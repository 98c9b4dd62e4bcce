"""Named cut-outs on this machine: the photographs among Tux Paint's stamps, or the objects of the sample photos."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from omniedit.grounding.masks import object_mask
from omniedit.imaging.decode import open_image
from omniedit.imaging.images import Image, decode_image
from omniedit.sources.photo_index import SAMPLE
from omniedit.subjects.subject import Rgba

STAMPS = Path("/usr/share/tuxpaint/stamps")
"""Folder of Debian's package tuxpaint-stamps-default (GPL-2). It is read where it is installed, never copied."""
WALLPAPERS = {
    Path("/usr/share/backgrounds/mate/nature"): "*.jpg",
    Path("/usr/share/wallpapers"): "*/contents/images/2560x1600.jpg",
}
"""Patterns of the photographs in each folder. Plasma's newer wallpapers, which have other sizes, are drawings."""
SAMPLE_PLACES = {
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
MAX_FLATNESS = 0.15
"""Share of equal pairs of neighbouring pixels from which a stamp counts as a drawing. The median is 0.01 outside Tux
Paint's cartoon folders and 0.56 inside them."""
MIN_COVERED_SHARE = 0.22
"""Minimum share of its enclosing square that a cut-out must cover. A spade or a syringe would be hardly visible in a
small image."""
MIN_SIDE = 120
"""Minimum longer side of a cut-out, in pixels."""


@dataclass(frozen=True)
class NamedCutOut:
    """Cut-out with its name.

    Args:
        rgba: (h, w, 4), cropped to the object.
        origin: file that it comes from.
    """

    name: str
    rgba: Rgba
    origin: str
    licence: str


def collect_cut_outs() -> list[NamedCutOut]:
    """Return the cut-outs that are large enough for a subject, one for each name, in the order of their files."""
    cut_outs: dict[str, NamedCutOut] = {}
    for each in photographic_stamps() if STAMPS.is_dir() else sample_objects():
        height, width = each.rgba.shape[:2]
        covered = float((each.rgba[..., 3] > 127).sum()) / max(height, width) ** 2
        if covered > MIN_COVERED_SHARE and max(height, width) >= MIN_SIDE:
            cut_outs.setdefault(each.name, each)
    return list(cut_outs.values())


def photographic_stamps(folder: Path = STAMPS) -> Iterator[NamedCutOut]:
    """Yield the photographic stamps with a plain name; several may have the same name."""
    for path in sorted(folder.rglob("*.png")):
        name = plain_name(path.with_suffix(".txt"))
        if name is None or "symbols" in path.parts or "cartoon" in path.parts:
            continue
        stamp = open_image(path)
        if stamp.mode == "RGBA" and flatness(np.asarray(stamp)) < MAX_FLATNESS:
            rgba = crop_to_object(np.asarray(stamp))
            yield NamedCutOut(name, rgba, path.relative_to(folder).as_posix(), "GPL-2 (tuxpaint-stamps-default)")


def plain_name(caption: Path) -> str | None:
    """Return 'brown hen' for 'A brown hen.', or None if the caption is not an article and one to three words."""
    first = caption.read_text(errors="replace").splitlines()[:1] if caption.is_file() else []
    match = re.fullmatch(r"(?:A|An) ((?:[A-Za-z-]+ ?){1,3})[.!]?", first[0].strip()) if first else None
    return match[1].strip().lower() if match else None


def flatness(stamp: Rgba) -> float:
    """Return the share of horizontally neighbouring opaque pixels of an (H, W, 4) image that are exactly equal."""
    opaque = stamp[..., 3] > 250
    both = opaque[:, 1:] & opaque[:, :-1]
    equal = (stamp[:, 1:, :3] == stamp[:, :-1, :3]).all(axis=-1)
    return float(equal[both].mean()) if both.any() else 1.0


def sample_objects() -> Iterator[NamedCutOut]:
    """Yield the objects of the sample photos that can be cut out by their boxes."""
    for line in (SAMPLE / "sample.jsonl").read_text().splitlines():
        row = json.loads(line)
        image = decode_image((SAMPLE / row["file"]).read_bytes(), row["file"])
        for each in row["objects"]:
            mask = object_mask(image, tuple(each["box"]))
            if mask is not None:
                rgba = crop_to_object(np.dstack([image, mask.astype(np.uint8) * 255]))
                yield NamedCutOut(each["name"], rgba, row["file"], row.get("licence") or "")


def crop_to_object(rgba: Rgba) -> Rgba:
    """Crop a cut-out to its visible part."""
    rows, columns = np.nonzero(rgba[..., 3] > 8)
    return np.ascontiguousarray(rgba[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])


@dataclass(frozen=True)
class ScenePhoto:
    """Photograph into which subjects are put.

    Args:
        read: decodes the photograph.
        place: name of its place, "" without one.
    """

    read: Callable[[], Image]
    place: str
    origin: str

    @cached_property
    def image(self) -> Image:
        """The photograph, (H, W, 3), decoded on first use."""
        return self.read()


def collect_scenes() -> list[ScenePhoto]:
    """Return the photographs on this machine, not decoded: the sample's, and the wallpapers of two Debian packages."""
    paths = [(SAMPLE_PLACES.get(path.stem, ""), path) for path in sorted(SAMPLE.glob("*.jpg"))]
    paths += [("", path) for folder, pattern in WALLPAPERS.items() for path in sorted(folder.glob(pattern))]
    return [ScenePhoto(partial(_read_photo, path), place, path.stem) for place, path in paths]


def _read_photo(path: Path) -> Image:
    return decode_image(path.read_bytes(), str(path))
