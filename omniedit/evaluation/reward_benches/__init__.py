"""Reward benches: recorded votes or scores of a judge on two edits, compared with people's votes as each bench defines.

One module a bench, listed in `registry`. A reader takes the rows of the bench's published files; nothing is downloaded.
"""
