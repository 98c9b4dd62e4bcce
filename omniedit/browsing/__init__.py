"""Views of a run's pairs: index, counts, one pair with its history, and the local page to browse them.

The server of local pages, and the style and script that they share, are here too.

Pages of the report belong in `reporting`, the states of jobs in `run`, and the file of decisions by hand in `scoring`.
"""
