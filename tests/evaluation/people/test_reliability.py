"""Krippendorff's alpha against published figures and by hand, and the share of equal answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from omniedit.evaluation.people.reliability import METRICS, count_values, equal_share, krippendorff_alpha

N = np.nan
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
)
"""Krippendorff 2011, section C: four observers, twelve units, missing values."""


@pytest.mark.parametrize(("metric", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_matches_krippendorffs_example(metric: str, alpha: float) -> None:
    assert krippendorff_alpha(PUBLISHED, metric) == pytest.approx([alpha], abs=5e-4)


def test_alpha_of_two_raters_matches_a_calculation_by_hand() -> None:
    """Compute: pairs (0, 0), (1, 1), (0, 1), (.5, .5); totals 3, 2, 3 of 8. Nominal: 1 - 7 * 2 / (64 - 22) = 2/3.

    Interval: D_o = 2, D_e = 2 * (3 * 2 / 4 + 3 * 3 + 2 * 3 / 4) = 24, so 1 - 7 * 2 / 24 = 5/12.
    Ordinal distances: 0 to .5: 2.5, .5 to 1: 2.5, 0 to 1: 5. 1 - 7 * 2 * 25 / (2 * (6 * 6.25 + 9 * 25 + 6 * 6.25)).
    """
    values = np.array([[0, 1, 0, 0.5], [0, 1, 1, 0.5]])
    assert krippendorff_alpha(values, "nominal") == pytest.approx([2 / 3])
    assert krippendorff_alpha(values, "interval") == pytest.approx([5 / 12])
    assert krippendorff_alpha(values, "ordinal") == pytest.approx([1 - 350 / 600])
    assert equal_share(values) == pytest.approx([0.75])


@pytest.mark.parametrize("metric", METRICS)
def test_perfect_agreement_is_one_and_constant_answers_have_no_alpha(metric: str) -> None:
    values = np.array([[0, 0.5, 1], [0, 0.5, 1], [0, N, 1]])
    assert krippendorff_alpha(values, metric) == [1]
    assert np.isnan(krippendorff_alpha(np.ones((3, 4)), metric)).all()
    assert np.isnan(krippendorff_alpha(values[:1], metric)).all()


def test_units_with_one_answer_do_not_count() -> None:
    alone = np.array([[0, 1, 0, 1], [0, 1, 1, N]])
    assert krippendorff_alpha(alone, "interval") == krippendorff_alpha(alone[:, :3], "interval")
    assert equal_share(alone) == pytest.approx([2 / 3])
    assert np.isnan(equal_share(alone[:1])).all()


def test_a_weight_repeats_a_unit() -> None:
    values = np.array([[0, 1, 0.5], [0.5, 1, 1]])
    weights = np.array([[1.0, 1, 1], [2, 0, 1]])
    for metric in METRICS:
        repeated = krippendorff_alpha(values[:, [0, 0, 2]], metric)
        assert krippendorff_alpha(values, metric, weights)[1] == pytest.approx(repeated[0])
    assert equal_share(values, weights) == pytest.approx([1 / 3, 0])


def test_equal_share_counts_pairs_of_answers() -> None:
    assert equal_share(np.array([[0, 1], [0, 0], [0, N]])) == pytest.approx([3 / 4])


answers = arrays(float, st.tuples(st.integers(2, 4), st.integers(1, 6)), elements=st.sampled_from([0, 0.5, 1, N]))


@given(answers, st.sampled_from(sorted(METRICS)), st.randoms(use_true_random=False))
def test_alpha_ignores_the_order_of_raters_and_units_and_is_at_most_one(
    values: np.ndarray, metric: str, random
) -> None:
    alpha = krippendorff_alpha(values, metric)
    rows, columns = list(range(len(values))), list(range(values.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    assert krippendorff_alpha(values[rows][:, columns], metric) == pytest.approx(alpha, nan_ok=True)
    assert np.isnan(alpha) or -2 <= alpha <= 1


def test_counts_are_listed_in_the_order_of_values() -> None:
    values, counts = count_values(np.array([[1, N], [0.5, 1], [1, 1]]))
    assert values.tolist() == [0.5, 1] and counts.tolist() == [[1, 2], [0, 2]]
