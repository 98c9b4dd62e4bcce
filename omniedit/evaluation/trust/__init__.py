"""Biases of a judge's single scores: length bias, self-preference, refusals, and agreement within an ensemble.

Pure functions of arrays. Position bias of a pairwise judge belongs in `evaluation.comparisons`, drift in
`scoring.canary`.
"""
