"""Masks from photos and from names of objects: detection, segmentation, saliency, names of objects, sky and
outdoors."""
