"""Tests that editors over SD3 keep the parameter names and outputs of editors that were trained earlier."""

import hashlib

import pytest
import torch

from helpers.tiny_models import SD3, base, inputs, move_weights
from omniedit import models

PINNED = {
    "editnet": (186, "d36548740d9e149b", [-0.31643772, -0.48229930, 1.51608407], 0.50655115),
    "controlnet": (157, "0bd1e2567bf94117", [0.74526185, -0.26546058, 0.07235116], 0.48743460),
    "controlnet_text": (161, "72ab589365baf09d", [0.43335819, -0.80059803, 0.88622665], 0.49574542),
    "channel_concat": (95, "f61fb9f88b234972", [-0.51142305, 0.62847316, 0.42064196], 0.49802971),
}
"""Number and digest of (name, shape) of the weights, three values of the output, and its mean absolute value."""


@pytest.mark.parametrize("name", PINNED)
@torch.no_grad()
def test_weight_names_and_outputs_match_earlier_releases(name: str) -> None:
    count, digest, values, mean = PINNED[name]
    net = move_weights(models.build(name, base(SD3)))
    keys = sorted((key, tuple(value.shape)) for key, value in net.state_dict().items())
    assert (len(keys), hashlib.sha256(repr(keys).encode()).hexdigest()[:16]) == (count, digest)
    output = net(**inputs())
    torch.testing.assert_close(output.flatten()[[0, 100, 777]], torch.tensor(values), atol=1e-4, rtol=1e-4)
    assert output.abs().mean().item() == pytest.approx(mean, rel=1e-4)


@pytest.mark.parametrize("name", PINNED)
@torch.no_grad()
def test_editor_ignores_unsupported_inputs(name: str) -> None:
    net, x = move_weights(models.build(name, base(SD3))), inputs()
    more = {"references": torch.randn(2, 3, 16, 8, 12), "task": torch.tensor([0, -1])}
    assert not net.takes
    assert torch.equal(net(**x, **more, reference_mask=torch.ones(2, 3, dtype=torch.bool)), net(**x))
