"""Pytest plugin that makes torchvision importable with a CPU build of torch, for which no package index has a build.

Image processors are pure Python. The compiled operators, used by detection models, are declared but missing.
"""

import torch

declared = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
