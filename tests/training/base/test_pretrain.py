"""Tests of pre-training: the same seed gives the same weights, the loss falls, crops stay inside the photo."""

import numpy as np
import pytest
import torch

from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.models.codec import LappedCodec
from omniedit.sources.photo import Photo
from omniedit.training.base.pretrain import Pretraining, small_sd3

OPTIONS = {
    "resolution": 32,
    "warmup_steps": 1,
    "base": {"layers": 2, "heads": 2, "head_dim": 16, "steps": 40, "batch_size": 8, "learning_rate": 0.01},
}


def captions(texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(len(texts), 2, 8), torch.zeros(len(texts), 8)


def pretrain_tiny(seed: int) -> tuple[list[float], torch.Tensor]:
    options = TrainConfig.model_validate(OPTIONS)
    image = np.full((64, 64, 3), (200, 120, 30), np.uint8)
    torch.manual_seed(0)
    base = small_sd3(options, text_width=8)
    losses = list(Pretraining(LappedCodec(), captions, options, seed).run(base, [Photo("orange", image, "1x1")]))
    return losses, torch.cat([p.detach().flatten() for p in base.parameters()])


def test_loss_falls_and_weights_depend_only_on_the_seed() -> None:
    losses, weights = pretrain_tiny(seed=1)
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    assert torch.equal(weights, pretrain_tiny(seed=1)[1])
    assert not torch.equal(weights, pretrain_tiny(seed=2)[1])


def test_pretraining_without_photos_raises_error() -> None:
    options = TrainConfig.model_validate(OPTIONS)
    with pytest.raises(UserError, match="no photo to pre-train on"):
        next(Pretraining(LappedCodec(), captions, options, 0).run(small_sd3(options, 8), []))
