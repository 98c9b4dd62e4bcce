"""Import and export of edit pairs in the formats of other data sets, and the names of their tasks.

Photos without edits belong in `sources`; the project's own file of pairs in `pairs`.
"""
