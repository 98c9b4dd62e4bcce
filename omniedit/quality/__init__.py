"""Quality gates on edit pairs: duplicates, benchmark leaks, identical, shifted, swapped and mislabelled pairs.

`signature.py` reads a pair once and records everything that the gates need, one row per pair. `gates.py` turns the rows
of all shards into findings, and findings into decisions by policy. No gate needs a GPU or weights. A gate without
evidence has no finding. Scores of edits belong to `scoring`, metrics of editors to `evaluation`.
"""
