"""From a photo or an object's name to a mask: detection, segmentation, saliency, names of objects, sky and outdoors."""
