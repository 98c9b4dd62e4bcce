"""Accuracy with ties of a judge that scores each edit (Deutsch et al. 2023, arXiv 2305.14324).

N  comparisons
"""

from collections.abc import Sequence

import numpy as np


def calibrate_ties(labels: Sequence[int], differences: Sequence[float]) -> tuple[float, list[bool]]:
    """Return the width of ties with the highest accuracy, and which comparisons are right with this width.

    The judge ties two edits if their scores differ by at most the width. The candidate widths are 0 and all distances;
    the smallest of equally good ones is used. As in the benches, the width is chosen on the same comparisons, so the
    accuracy is optimistic.

    Args:
        labels: people's choice: 1 for the first edit, -1 for the second, 0 for a tie.
        differences: score of the first edit minus that of the second.
    """
    label_N, difference_N = np.array(labels, int), np.array(differences, float)
    widths = np.unique([0.0, *np.abs(difference_N)])
    if len(label_N) == 0:
        return 0.0, []
    distance_N = np.abs(difference_N)
    order = np.argsort(distance_N, kind="stable")
    within = np.searchsorted(distance_N[order], widths, side="right")
    ties = np.append(0, np.cumsum(label_N[order] == 0))
    agree = np.append(0, np.cumsum((label_N * np.sign(difference_N))[order] > 0))
    best = float(widths[np.argmax(ties[within] + agree[-1] - agree[within])])
    tied_N = distance_N <= best
    right_N = np.where(tied_N, label_N == 0, label_N * np.sign(difference_N) > 0)
    return best, right_N.tolist()
