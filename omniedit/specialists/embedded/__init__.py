"""Specialists that run on a CPU without generative weights, and the scene cues that they share."""
