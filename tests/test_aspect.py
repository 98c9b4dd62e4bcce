"""Tests of ratios, crops and bucket sizes, for images of any size."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.aspect import RATIOS, bucket_size, crop_box, crop_share, nearest_ratio

sides = st.integers(1, 20_000)
ratios = st.sampled_from(list(RATIOS))
fractions = st.floats(0, 1)


@pytest.mark.parametrize("ratio", RATIOS)
def test_ratio_names_match_their_values(ratio: str) -> None:
    width, height = map(int, ratio.split("x"))
    assert RATIOS[ratio] == Fraction(width, height)


@given(ratios, st.integers(1, 500))
def test_image_of_an_exact_ratio_is_not_cropped(ratio: str, scale: int) -> None:
    width, height = (side * scale for side in map(int, ratio.split("x")))
    assert nearest_ratio(width, height, tolerance=0) == ratio
    assert crop_box(width, height, ratio) == (0, 0, width, height)


@given(sides, sides, st.floats(0, 0.99))
def test_nearest_ratio_keeps_the_largest_share_within_the_tolerance(width: int, height: int, tolerance: float) -> None:
    best = max(crop_share(width, height, ratio) for ratio in RATIOS)
    nearest = nearest_ratio(width, height, tolerance)
    if nearest is None:
        assert 1 - best > tolerance
    else:
        assert crop_share(width, height, nearest) == best and 1 - best <= tolerance


@given(sides, sides)
def test_rotated_image_has_the_rotated_ratio(width: int, height: int) -> None:
    ratio, on_end = nearest_ratio(width, height, 0.99), nearest_ratio(height, width, 0.99)
    assert (ratio is None) == (on_end is None)
    if ratio is not None and on_end is not None:
        assert crop_share(width, height, ratio) == crop_share(height, width, on_end)


@given(sides, sides, ratios, st.tuples(fractions, fractions))
def test_crop_is_the_largest_of_its_ratio_inside_the_image(
    width: int, height: int, ratio: str, centre: tuple[float, float]
) -> None:
    left, top, right, bottom = crop_box(width, height, ratio, centre)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert right - left == width or bottom - top == height
    # The cropped side is the nearest whole number of pixels to the ratio, and at least 1.
    exact = min(width, height * RATIOS[ratio]), min(height, width / RATIOS[ratio])
    assert abs((right - left) - exact[0]) <= 0.5 or right - left == 1
    assert abs((bottom - top) - exact[1]) <= 0.5 or bottom - top == 1


@given(sides, sides, ratios, fractions, fractions)
def test_crop_follows_its_centre(width: int, height: int, ratio: str, x: float, y: float) -> None:
    left, top, right, bottom = crop_box(width, height, ratio, (x, y))
    if left > 0 and right < width:
        assert abs((left + right) / 2 - x * width) <= 1
    if top > 0 and bottom < height:
        assert abs((top + bottom) / 2 - y * height) <= 1


@given(ratios, st.integers(4, 128).map(lambda n: 16 * n))
def test_bucket_size_has_the_requested_area_and_ratio(ratio: str, base_size: int) -> None:
    width, height = bucket_size(ratio, base_size)
    assert width % 16 == height % 16 == 0
    assert base_size**2 <= width * height <= 1.5 * base_size**2
    assert bucket_size("x".join(reversed(ratio.split("x"))), base_size) == (height, width)


def test_bucket_sizes_of_one_megapixel() -> None:
    sizes = {ratio: bucket_size(ratio, 1024) for ratio in RATIOS}
    assert sizes["1x1"] == (1024, 1024) and sizes["3x2"] == (1264, 832) and sizes["9x16"] == (768, 1376)
    for ratio, (width, height) in sizes.items():
        assert width * height < 1.06 * 1024**2
        assert abs(width / height / float(RATIOS[ratio]) - 1) < 0.02
