"""Config of a run: its schema by section, loading and checking of files, generated documentation.

A new key is declared in `schema`. Code that uses the key belongs elsewhere.
"""
