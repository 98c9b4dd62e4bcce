"""Tests of calibrated ties: no other width is better, and none is smaller at equal accuracy."""

from hypothesis import given
from hypothesis import strategies as st

from omniedit.evaluation.reward_benches.tie_calibration import calibrate_ties


def outcomes(labels: list[int], differences: list[float], width: float) -> list[bool]:
    return [
        (label == 0) if abs(difference) <= width else label * difference > 0
        for label, difference in zip(labels, differences, strict=True)
    ]


def test_the_tie_width_of_a_small_example_matches_a_calculation_by_hand() -> None:
    labels, differences = [1, -1, 0, 0, 1], [3.0, -2.0, 0.5, -1.0, -0.2]
    assert calibrate_ties(labels, differences) == (1.0, [True, True, True, True, False])
    assert calibrate_ties([1, 1], [1.0, 2.0]) == (0.0, [True, True])
    assert calibrate_ties([], []) == (0.0, [])


@given(st.lists(st.tuples(st.sampled_from([-1, 0, 1]), st.integers(-4, 4)), min_size=1, max_size=15))
def test_the_chosen_tie_width_is_the_best_of_all(pairs: list[tuple[int, int]]) -> None:
    labels, differences = [label for label, _ in pairs], [float(difference) for _, difference in pairs]
    width, right = calibrate_ties(labels, differences)
    by_width = {w: sum(outcomes(labels, differences, w)) for w in (0.0, 1.0, 2.0, 3.0, 4.0)}
    assert right == outcomes(labels, differences, width) and sum(right) == max(by_width.values())
    assert all(found < sum(right) for w, found in by_width.items() if w < width)
