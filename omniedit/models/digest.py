"""Digests of models' weights."""

from hashlib import sha256

import torch
from torch import nn


def weights_sha256(module: nn.Module) -> str:
    """Return a digest of the names and values of all weights."""
    digest = sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()
