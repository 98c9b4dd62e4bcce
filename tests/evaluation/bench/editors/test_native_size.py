"""Tests of sizes at which editors get images."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.evaluation.bench.editors.native_size import RESTORERS, Sizes


@pytest.mark.parametrize(
    "sizes, expected",
    [
        ({}, (1000, 500)),
        ({"policy": "longer", "side": 512, "multiple": 64}, (512, 256)),
        ({"policy": "shorter", "side": 512}, (1024, 512)),
        ({"policy": "square", "side": 512}, (512, 512)),
        ({"policy": "area", "side": 1024, "multiple": 16}, (1456, 720)),
    ],
)
def test_policies_choose_the_expected_sizes(sizes: dict, expected: tuple[int, int]) -> None:
    assert Sizes(**sizes).native(1000, 500) == expected


@given(
    st.integers(1, 5000), st.integers(1, 5000), st.sampled_from(["source", "area", "longer", "shorter", "square"]),
    st.integers(1, 64),
)  # fmt: skip
def test_sides_are_positive_multiples(width: int, height: int, policy: str, multiple: int) -> None:
    native = Sizes(policy=policy, side=512, multiple=multiple).native(width, height)  # type: ignore[arg-type]
    assert all(side > 0 and side % multiple == 0 for side in native)


def test_policies_restore_the_size_of_the_source() -> None:
    import numpy as np

    output = np.zeros((100, 80, 3), np.uint8)
    restored = {name: restore(output, 33, 71).shape for name, restore in RESTORERS.items()}
    assert restored == {"resize": (71, 33, 3), "cover": (71, 33, 3), "keep": (100, 80, 3)}
