"""Subjects with demonstrations, the experts that paint them in new scenes, and their pairs (Chen et al. 2023, SuTI).

Editors that learn from these pairs belong in `models` and `training`, their evaluation in `evaluation`.
"""
