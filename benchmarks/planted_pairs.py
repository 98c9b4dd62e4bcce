"""Make real edit pairs from photos outside the sample, in which `planted_faults.py` plants faults.

    python -m benchmarks.planted_pairs FOLDER --photos PHOTOS [--set tuning | held-out] [--pairs 700]

Downloads the photos of `object_photos.py` once. Each photo gives views: the whole, and tiles of it that do not overlap.
The embedded specialists edit the views. A view is the source of several pairs, as in most data sets.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.object_photos import Entry, entries, fetch
from omniedit.aspect import nearest_ratio
from omniedit.grounding.objects import ObjectIndex
from omniedit.imaging.images import Image, decode_image
from omniedit.pairs import EditPair, write_shard
from omniedit.sources.photo import Photo
from omniedit.specialists.registry import build
from omniedit.specialists.synthesize import synthesize
from omniedit.tasks import Task

PIXELS = 200_000
SMALLEST_TILE = 384
SHARES = {
    Task.STYLE_TRANSFER: 0.36,
    Task.ENVIRONMENT_CHANGE: 0.24,
    Task.ATTRIBUTE_MODIFICATION: 0.12,
    Task.BACKGROUND_SWAP: 0.12,
    Task.OBJECT_REMOVAL: 0.06,
    Task.OBJECT_ADDITION: 0.06,
    Task.OBJECT_SWAP: 0.04,
}
"""Share of each task. Photos may hold too few objects for the last ones."""


def read_views(folder: Path, entry: Entry) -> Iterator[Photo]:
    """Yield the views of a photo: the whole, and the tiles of a 2 x 2 grid if they are large enough."""
    (file,) = folder.glob(f"{entry.name}.*")
    image = decode_image(file.read_bytes(), entry.name)
    height, width = image.shape[:2]
    yield make_view(f"{entry.name}_all", image)
    if min(height, width) < 2 * SMALLEST_TILE:
        return
    for row in (0, 1):
        for column in (0, 1):
            tile = image[row * height // 2 :, column * width // 2 :][: height // 2, : width // 2]
            yield make_view(f"{entry.name}_{row}{column}", tile)


def make_view(name: str, image: Image) -> Photo:
    """Return an image as a photo of at most `PIXELS` pixels."""
    scale = min(1.0, (PIXELS / (image.shape[0] * image.shape[1])) ** 0.5)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ratio = nearest_ratio(small.shape[1], small.shape[0], 1.0)
    assert ratio is not None
    return Photo(name, np.ascontiguousarray(small, np.uint8), ratio, sha256=name)


def make_pairs(folder: Path, photos: list[Photo], pairs: int) -> None:
    """Write FOLDER/{task}.h5, up to `pairs` pairs in all. Files that exist already stay."""
    objects = ObjectIndex()
    for task, share in SHARES.items():
        if (folder / f"{task}.h5").exists():
            continue
        made = synthesize(build(task, photos, objects), "embedded", photos, round(pairs * share), seed=0)
        found = [outcome for outcome in made if isinstance(outcome, EditPair)]
        write_shard(folder / f"{task}.h5", task, "embedded", 0, found)
        print(f"{task}: {len(found)} pairs", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="folder to keep the photos in")
    parser.add_argument("--set", choices=["tuning", "held-out"], default="held-out")
    parser.add_argument("--pairs", type=int, default=700)
    args = parser.parse_args()
    fetch(args.photos)
    chosen = [entry for entry in entries() if entry.is_tuning == (args.set == "tuning")]
    views = [view for entry in chosen for view in read_views(args.photos, entry)]
    args.folder.mkdir(parents=True, exist_ok=True)
    print(f"{len(chosen)} photos, {len(views)} views", flush=True)
    make_pairs(args.folder, views, args.pairs)


if __name__ == "__main__":
    main()
