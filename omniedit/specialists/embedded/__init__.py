"""Specialists that run on a CPU without generative weights, and what they compute from a photo."""
