"""Cache of fills: a hole that several edits or tasks share is inpainted once."""

import hashlib
from collections import OrderedDict

from omniedit.imaging.images import Image, Mask, decode_image
from omniedit.imaging.inpaint import inpaint
from omniedit.pairs import Shard
from omniedit.sources.photo import Photo

MAX_PHOTOS = 8
"""Number of filled photos that stay in memory, about 35 MB."""


class FillCache:
    """Cache of the most recently used photos with inpainted holes.

    Args:
        removals: object removals, whose edited images are the fills of their masks.
    """

    def __init__(self, removals: Shard | None = None) -> None:
        self._removals = removals
        self._rows: dict[tuple[str, str], list[int]] = {}
        for row, about in enumerate(removals.read_provenance() if removals else ()):
            self._rows.setdefault((about["source_id"], about.get("source_sha256", "")), []).append(row)
        self._filled: OrderedDict[tuple[str, str, bytes], Image] = OrderedDict()

    def fill(self, photo: Photo, hole: Mask) -> Image:
        """Return the photo with the hole inpainted, as `inpaint` does; do not write to it."""
        key = (photo.source_id, photo.sha256, hashlib.sha256(hole.tobytes()).digest())
        if key not in self._filled:
            filled = self._find_removal(photo, hole)
            self._filled[key] = inpaint(photo.image, hole) if filled is None else filled
        self._filled.move_to_end(key)
        if len(self._filled) > MAX_PHOTOS:
            self._filled.popitem(last=False)
        return self._filled[key]

    def _find_removal(self, photo: Photo, hole: Mask) -> Image | None:
        """Return the edited image of a removal with exactly this hole, or None."""
        shard = self._removals
        for row in self._rows.get((photo.source_id, photo.sha256), ()):
            assert shard is not None
            mask = shard.mask(row)
            if mask is not None and mask.shape == hole.shape and (mask == hole).all():
                return decode_image(shard.encoded("edited", row), f"{shard.path}: {shard.pair_ids[row]}: edited")
        return None
