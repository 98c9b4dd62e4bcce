"""Distances between two sets of features: FID (Heusel et al. 2017) and KID (Binkowski et al. 2018).

N, M  images      D  feature dimensions
"""

import numpy as np

from omniedit.evaluation.metrics.metric import Features

SUBSETS, SUBSET = 100, 1000
"""Number and size of KID's random subsets, as in torch-fidelity."""


def frechet_distance(a_ND: Features, b_MD: Features) -> float:
    """Compute the distance between two normal distributions: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

    The trace of the root is the sum of the singular values of X1 X2^T, where X are centred features divided by sqrt(N -
    1). This is exact even if there are fewer images than features. NaN for fewer than two images.
    """
    if min(len(a_ND), len(b_MD)) < 2:
        return float("nan")
    mean_a, mean_b = a_ND.mean(axis=0), b_MD.mean(axis=0)
    a_ND, b_MD = ((x - mean) / np.sqrt(len(x) - 1) for x, mean in ((a_ND, mean_a), (b_MD, mean_b)))
    root = np.linalg.svd(_shorten(a_ND) @ _shorten(b_MD).T, compute_uv=False).sum()
    return float(((mean_a - mean_b) ** 2).sum() + (a_ND**2).sum() + (b_MD**2).sum() - 2 * root)


def kernel_distance(a_ND: Features, b_MD: Features, subset: int = SUBSET, seed: int = 2020) -> float:
    """Compute the unbiased squared MMD under the kernel (x y / D + 1)^3, averaged over 100 random subsets.

    If there are fewer images than a subset has, it is computed once over all images. NaN for fewer than two images.
    """
    size = min(len(a_ND), len(b_MD), subset)
    if size < 2:
        return float("nan")
    if max(len(a_ND), len(b_MD)) <= subset:
        return _mmd(a_ND, b_MD)
    rng = np.random.default_rng(seed)
    draws = [
        _mmd(a_ND[rng.choice(len(a_ND), size, replace=False)], b_MD[rng.choice(len(b_MD), size, replace=False)])
        for _ in range(SUBSETS)
    ]
    return float(np.mean(draws))


def _shorten(x_ND: Features) -> Features:
    """Return at most D rows with the same x^T x."""
    return np.asarray(np.linalg.qr(x_ND, mode="r")) if len(x_ND) > x_ND.shape[1] else x_ND


def _mmd(a_ND: Features, b_MD: Features) -> float:
    within_a, within_b = (_off_diagonal_mean(_kernel(x, x)) for x in (a_ND, b_MD))
    return float(within_a + within_b - 2 * _kernel(a_ND, b_MD).mean())


def _kernel(a_ND: Features, b_MD: Features) -> Features:
    base = a_ND @ b_MD.T / a_ND.shape[1] + 1
    return base * base * base  # not `** 3`, because powers are slow in numpy


def _off_diagonal_mean(kernel_NN: Features) -> float:
    count = len(kernel_NN)
    return float((kernel_NN.sum() - np.trace(kernel_NN)) / (count * (count - 1)))
