"""Subjects with demonstrations, the experts that paint them anew, and their pairs (Chen et al. 2023, SuTI).

Editors that learn from these pairs belong in `models` and `training`, their evaluation in `evaluation`.
"""
