"""A plugin of pytest that lets torchvision be imported beside a torch for CPUs, for which no package index builds it.

What prepares pictures is Python. The compiled operators, of detection models, are declared and absent.
"""

import torch

declared = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
