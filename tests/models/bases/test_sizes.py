"""Tests that published sizes give the published numbers of parameters."""

import pytest
import torch

from omniedit.models.bases.registry import create_transformer
from omniedit.models.bases.sizes import FLUX_DEV, QWEN_IMAGE, Z_IMAGE


@pytest.mark.parametrize(
    ("config", "billions"), [(FLUX_DEV, 11.90), (QWEN_IMAGE, 20.43), (Z_IMAGE, 6.15)], ids=["flux", "qwen", "z_image"]
)
def test_published_sizes_have_the_published_number_of_parameters(config: dict, billions: float) -> None:
    with torch.device("meta"):
        net = create_transformer(config)
    assert sum(p.numel() for p in net.parameters()) / 1e9 == pytest.approx(billions, abs=0.01)
