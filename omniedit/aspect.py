"""Seven aspect ratios of OmniEdit (Wei et al. 2024, section 3.4), crops to them, and bucket sizes."""

from fractions import Fraction
from math import ceil

RATIOS: dict[str, Fraction] = {
    "1x1": Fraction(1, 1),
    "2x3": Fraction(2, 3),
    "3x2": Fraction(3, 2),
    "3x4": Fraction(3, 4),
    "4x3": Fraction(4, 3),
    "9x16": Fraction(9, 16),
    "16x9": Fraction(16, 9),
}
"""Width over height, keyed by the name used in files: `{ratio}.zarr`."""

Box = tuple[int, int, int, int]
"""Pixels (left, top, right, bottom); right and bottom are exclusive."""


def nearest_ratio(width: int, height: int, tolerance: float) -> str | None:
    """Return the ratio whose crop keeps most of an image, or None if every crop loses more than `tolerance`.

    Args:
        width, height: size of the image in pixels, both positive.
        tolerance: largest share of the image's area that a crop may cut away, in [0, 1).
    """
    name = closest_ratio(width, height)
    return name if 1 - crop_share(width, height, name) <= tolerance else None


def closest_ratio(width: int, height: int) -> str:
    """Return the ratio whose crop keeps most of an image, however much it cuts away."""
    return max(RATIOS, key=lambda ratio: crop_share(width, height, ratio))


def crop_share(width: int, height: int, ratio: str) -> Fraction:
    """Return the share of an image's area that its largest crop to `ratio` keeps, in (0, 1]."""
    actual = Fraction(width, height)
    return min(actual / RATIOS[ratio], RATIOS[ratio] / actual)


def crop_box(width: int, height: int, ratio: str, centre: tuple[float, float] = (0.5, 0.5)) -> Box:
    """Return the largest box of the ratio inside an image, as near to `centre` as the borders allow.

    Args:
        centre: (x, y) as fractions of the image, such as the centre of its salient content.
    """
    target = RATIOS[ratio]
    if Fraction(width, height) > target:
        crop_w, crop_h = max(1, round(height * target)), height
    else:
        crop_w, crop_h = width, max(1, round(width / target))
    left = min(max(0, round(centre[0] * width - crop_w / 2)), width - crop_w)
    top = min(max(0, round(centre[1] * height - crop_h / 2)), height - crop_h)
    return left, top, left + crop_w, top + crop_h


def bucket_size(ratio: str, base_size: int, multiple: int = 16) -> tuple[int, int]:
    """Return width and height of a bucket: about `ratio`, with at least base_size^2 pixels.

    Both sides are multiples of `multiple` (16: a VAE that downsamples by 8, and patches of 2). The size with the
    lowest cost is chosen, where a deviation of 1 % from the ratio costs as much as 5 % more pixels. A portrait bucket
    is its landscape bucket with width and height swapped.
    """
    if RATIOS[ratio] < 1:
        width, height = bucket_size("x".join(reversed(ratio.split("x"))), base_size, multiple)
        return height, width
    target, area = RATIOS[ratio], base_size * base_size

    def cost(size: tuple[int, int]) -> float:
        width, height = size
        off_ratio = abs(float(Fraction(width, height) / target) - 1)
        return width * height / area - 1 + 5 * off_ratio

    widest = 2 * int((area * target) ** 0.5) + multiple
    widths = range(multiple, widest + 1, multiple)
    return min(((w, multiple * ceil(area / (w * multiple))) for w in widths), key=cost)
