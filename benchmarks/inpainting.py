"""Measure the speed and quality of inpainting: `omniedit.imaging.inpaint` and PatchMatch on the whole photo.

    OMP_NUM_THREADS=1 python benchmarks/inpainting.py

The holes are discs in the scenery of shipped sample photos, so the hidden pixels are known. Prints processor seconds
per photo and PSNR inside the hole for both. The peer is pypatchmatch, called as in its README.
"""

import time
from collections.abc import Callable
from importlib.resources import as_file, files

import numpy as np
from patchmatch import patch_match

from omniedit.imaging.images import Image, Mask, decode_image
from omniedit.imaging.inpaint import inpaint
from omniedit.run.program import run_program

HOLES = {
    "mountain_meadow": (0.25, 0.8, 0.05),
    "rocky_path": (0.75, 0.75, 0.07),
    "sunrise_hill": (0.3, 0.15, 0.1),
    "forest_stream": (0.7, 0.7, 0.08),
}
"""Photo -> centre (x, y) of the hole, as fractions of width and height, and radius, as a fraction of sqrt(area)."""


def photo_with_hole(name: str) -> tuple[Image, Mask]:
    with as_file(files("omniedit.sources") / "sample" / f"{name}.jpg") as path:
        image = decode_image(path.read_bytes(), path.name)
    height, width = image.shape[:2]
    x, y, radius = HOLES[name]
    rows, columns = np.ogrid[:height, :width]
    return image, np.hypot(columns - x * width, rows - y * height) < radius * (width * height) ** 0.5


def whole_photo(image: Image, hole: Mask) -> Image:
    patch_match.set_random_seed(0)
    return np.asarray(patch_match.inpaint(image, hole[..., None].astype(np.uint8), patch_size=5), np.uint8)


def measure_fill(fill: Callable[[Image, Mask], Image], image: Image, hole: Mask) -> tuple[float, float]:
    """Return the processor seconds of a fill, and its PSNR inside the hole in dB."""
    hidden = image.copy()
    hidden[hole] = 0
    start = time.process_time()
    filled = fill(hidden, hole)
    seconds = time.process_time() - start
    error = np.square(filled[hole].astype(np.float64) - image[hole]).mean()
    return seconds, float(10 * np.log10(255**2 / error))


def main() -> None:
    patch_match.set_verbose(False)
    print(f"{'photo':<16} {'hole':>6}   {'ours':>16}   {'whole photo':>16}   {'faster':>6}")
    ratios = []
    for name in HOLES:
        image, hole = photo_with_hole(name)
        (ours_s, ours_db), (peer_s, peer_db) = (
            measure_fill(inpaint, image, hole),
            measure_fill(whole_photo, image, hole),
        )
        ratios.append(peer_s / ours_s)
        print(
            f"{name:<16} {hole.mean():>6.1%}   {ours_s:>5.2f} s {ours_db:>5.1f} dB   "
            f"{peer_s:>5.2f} s {peer_db:>5.1f} dB   {ratios[-1]:>5.1f}x"
        )
    print(f"median: {np.median(ratios):.1f}x as fast as pypatchmatch on the whole photo")


if __name__ == "__main__":
    run_program(main)
