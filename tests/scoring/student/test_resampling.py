"""Measures on resamplings: those of the drawn pairs, written out one by one."""

from itertools import chain

import numpy as np
import pytest

from omniedit.scoring.student import resampling
from omniedit.scoring.student.agreement import measures
from omniedit.scoring.student.resampling import resample_clusters, resampled_measures


@pytest.mark.parametrize("most", [1, 9])
def test_measures_of_resamplings_are_those_of_the_pairs_written_out(most: int) -> None:
    """Check scores with many ties, and with values that a small resampling may lack."""
    rng = np.random.default_rng(most)
    teacher, student = rng.integers(0, most + 1, (2, 7)).astype(float)
    counts = rng.integers(0, 3, (200, 7)) + np.eye(7, dtype=int)[rng.integers(7, size=200)]
    found = resampled_measures(teacher, student, counts, min_score=most)
    for draw, count in enumerate(counts):
        places = np.repeat(np.arange(7), count)
        for name, measure in measures(most).items():
            assert found[name][draw] == measure(teacher[places], student[places]), (name, count)
    assert None in found["spearman"]


def test_a_pair_is_drawn_with_its_cluster_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = np.array([0, 1, 0, 2, 1])
    (whole,) = resample_clusters(cluster, 50, np.random.default_rng(0))
    assert np.array_equal(whole[:, 0], whole[:, 2]) and np.array_equal(whole[:, 1], whole[:, 4])
    assert (whole[:, [0, 1, 3]].sum(1) == 3).all() and len({tuple(row) for row in whole}) > 5
    monkeypatch.setattr(resampling, "BLOCK", 15)
    blocks = list(resample_clusters(cluster, 50, np.random.default_rng(0)))
    assert len(blocks) == 17 and np.array_equal(list(chain(*blocks)), whole)
    assert not list(resample_clusters(np.array([], int), 50, np.random.default_rng(0)))
