"""Editors compared in pairs: `omniedit compare`. Inputs, table of comparisons, position and length bias, ranks.

The judge of two edits belongs in `scoring.pairwise`, the model of ranks in `evaluation.bradley_terry`.
"""
