import numpy as np
import pytest

from omniedit.sources.photo import Photo
from omniedit.specialists.base import NotApplicable
from omniedit.specialists.photo_cache import PhotoCache


def photo(name: str) -> Photo:
    return Photo(name, np.zeros((4, 4, 3), np.uint8), "1x1")


def test_value_is_cached_while_its_photo_was_recently_used() -> None:
    computed: list[str] = []
    memo = PhotoCache(lambda photo: computed.append(photo.source_id) or photo.source_id.upper(), size=2)
    assert [memo(photo(name)) for name in "aabacab"] == list("AABACAB")
    assert computed == ["a", "b", "c", "b"]


def test_rejected_photo_is_not_cached() -> None:
    def refuse(photo: Photo) -> str:
        raise NotApplicable(photo.source_id)

    memo = PhotoCache(refuse)
    for _ in range(2):
        with pytest.raises(NotApplicable, match="a"):
            memo(photo("a"))
