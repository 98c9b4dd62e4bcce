"""Specialists, which turn photos into edit pairs, one for each task; the registry, synthesis, journal and prefetch.

`embedded` runs on a CPU without generative weights; `learned` runs pretrained models on a GPU.
"""
