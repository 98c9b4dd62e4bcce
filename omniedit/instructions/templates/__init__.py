"""Wordings of edit requests, a module per kind of edit: the instructions of embedded specialists and derived pairs."""
