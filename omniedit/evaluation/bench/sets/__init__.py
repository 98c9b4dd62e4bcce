"""Public benchmarks, read in their published form: one module per benchmark, with its reader and its protocol.

`registry` lists them by name. Nothing is downloaded: a reader takes the user's own copy.
"""
