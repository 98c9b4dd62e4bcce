"""Specialists, which make edit pairs from photos, one for each task; their registry, synthesis, journal and prefetch.

`embedded` runs on a CPU without generative weights; `learned` runs pretrained models on a GPU.
"""
