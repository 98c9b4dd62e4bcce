"""Decoding of bytes for the tests of images."""

import numpy as np

from omniedit.imaging.images import decode_image
from omniedit.sources.photo_file import EncodedPhoto


def decode(content: bytes) -> np.ndarray:
    """Decode by each entry point of the decoder, and check that they agree."""
    with EncodedPhoto(content) as photo:
        image = photo.decode()
        assert photo.size == (image.shape[1], image.shape[0])
    assert (decode_image(content) == image).all()
    return image
