"""Detect images that are not photos: of one colour, nearly black, or cut off and filled with grey or black."""

import numpy as np

from omniedit.imaging.images import Image, resize_to_fit

_SIDE = 512
_COLOUR_TOLERANCE = 4
"""Maximum difference, in levels, between pixels of one colour; it allows for JPEG noise."""
_ONE_COLOUR = 0.95
"""Share of one colour from which an image is a blank, a placeholder or a logo."""
_BLACK = 24
"""Minimum level that the brightest half percent of an image must reach."""
_MIN_RANGE = 16
"""Minimum range, in levels, of an image's colours; even fog and snow have more."""
_LOST_GREY, _LOST_BLACK = 0.08, 0.2
"""Minimum filled share, from one side, of an image that was cut off: for grey and for black. It is larger for black,
because photos also have black parts."""
_GREY = 128
"""Level that JPEG decoders give to missing data; PNG decoders leave 0."""


def find_blank(image: Image) -> str | None:
    """Return why an (H, W, 3) RGB image is not a photo, or None if it may be one."""
    small = resize_to_fit(image, _SIDE)
    is_common = np.abs(small - np.median(small, axis=(0, 1))) <= _COLOUR_TOLERANCE
    same = float(is_common.all(axis=-1).mean())
    if same >= _ONE_COLOUR:
        return f"{same:.0%} of it is one colour"
    darkest, brightest = np.percentile(small, (0.5, 99.5), axis=(0, 1))
    if brightest.max() < _BLACK:
        return "nearly black"
    if (brightest - darkest).max() < _MIN_RANGE:
        return "nearly a single colour"
    # Files are cut off at the bottom, but an image that was rotated upright may have its filled part on any side.
    sides = [_grey_tail(np.rot90(small, turns)) for turns in range(4)]
    for turns, (share, level) in enumerate(sides):
        is_grey = abs(level - _GREY) <= 2 * _COLOUR_TOLERANCE
        is_black = level <= _COLOUR_TOLERANCE and sides[turns - 2][0] == 0  # a letterbox has two black bars
        if (is_grey and share >= _LOST_GREY) or (is_black and share >= _LOST_BLACK):
            return f"{share:.0%} of it is plain {'grey' if is_grey else 'black'}: the file is truncated"
    return None


def _grey_tail(image: Image) -> tuple[float, float]:
    """Return the share of rows, from the last one upwards, that have a single grey level, and this level."""
    level = float(np.median(image[-1]))
    is_filled = (np.abs(image.astype(np.int16) - level) <= _COLOUR_TOLERANCE).all(axis=-1).mean(axis=1) >= 1 - 1 / 64
    rows = int(np.argmin(is_filled[::-1])) if not is_filled.all() else len(is_filled)
    return rows / len(image), level
