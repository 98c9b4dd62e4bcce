"""Edit pairs in and out, in the formats of other data sets: one module per format, and the names of their tasks.

Photos without edits belong in `sources`; the project's own file of pairs in `pairs`.
"""
