"""Cache of per-photo values that specialists reuse for several edits."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from omniedit.sources.photo import Photo

Value = TypeVar("Value")


class PhotoCache(Generic[Value]):
    """Cache of one value per photo, for the most recently used photos.

    Args:
        compute: function that computes the value. An exception that it raises for a photo is not cached.
        size: number of photos whose values are kept. The photos of a shard take turns, so no value is reused in a shard
            with more photos.
    """

    def __init__(self, compute: Callable[[Photo], Value], size: int = 8) -> None:
        self.compute, self.size = compute, size
        self._values: OrderedDict[str, Value] = OrderedDict()

    def __call__(self, photo: Photo) -> Value:
        """Return the photo's value."""
        if photo.source_id not in self._values:
            self._values[photo.source_id] = self.compute(photo)
        self._values.move_to_end(photo.source_id)
        if len(self._values) > self.size:
            self._values.popitem(last=False)
        return self._values[photo.source_id]
