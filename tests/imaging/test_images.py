"""Images as arrays: encoding and resizing."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from omniedit.imaging.images import (
    decode_image,
    decode_mask,
    encode_mask,
    encode_png,
    random_crop,
    resize_cover,
    resize_cover_mask,
)


@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))), st.sampled_from([1, -1, 2]))
def test_images_of_any_memory_layout_are_lossless(image: np.ndarray, stride: int) -> None:
    view = image[::stride, ::-1]
    assert (decode_image(encode_png(view)) == view).all()
    assert (decode_mask(encode_mask(view[..., 0] > 99)) == (view[..., 0] > 99)).all()


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_image_is_resized_to_cover(width: int, height: int, to_width: int, to_height: int) -> None:
    image = np.full((height, width, 3), 200, np.uint8)
    resized = resize_cover(image, to_width, to_height)
    assert resized.shape == (to_height, to_width, 3) and (resized == 200).all()


def test_resized_mask_covers_every_changed_pixel() -> None:
    mask = np.zeros((64, 64), bool)
    mask[33, 21] = True
    assert resize_cover_mask(mask, 16, 16).sum() == 1 and resize_cover_mask(mask, 16, 16)[8, 5]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(8, 90), st.integers(8, 90), st.sampled_from([(16, 16), (16, 32), (48, 16)]), st.integers(0, 2**32 - 1)
)
def test_crop_has_the_requested_size_and_only_pixels_of_the_photo(width, height, size, seed) -> None:
    ramp = np.broadcast_to(np.linspace(50, 200, width).astype(np.uint8)[None, :, None], (height, width, 3))
    crop = random_crop(ramp, *size, 0.3, np.random.default_rng(seed))
    assert crop.shape == (size[1], size[0], 3)
    assert crop.min() >= 40 and crop.max() <= 210
