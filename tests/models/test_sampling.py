"""Guidance by two scales, and what of it has to be computed."""

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from models.tiny import SD3, base
from omniedit import models
from omniedit.models.sampling import Asked, Guidance, sample


@pytest.mark.parametrize(
    ("text", "image", "computed"),
    [
        (7.5, 1.5, {"both", "source", "neither"}),
        (1.0, 1.0, {"both"}),
        (3.0, 1.0, {"both", "source"}),
        (2.0, 2.0, {"both", "neither"}),
        (0.0, 1.0, {"source"}),
        (0.0, 0.0, {"neither"}),
    ],
)
def test_scales_give_the_papers_sum_and_leave_out_what_counts_nothing(text: float, image: float, computed: set) -> None:
    weights = Guidance(text, image).weights()
    assert set(weights) == computed
    both, source, neither = torch.randn(3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    paper = neither + image * (source - neither) + text * (both - source)
    velocities = {"both": both, "source": source, "neither": neither}
    torch.testing.assert_close(sum(weight * velocities[name] for name, weight in weights.items()), paper)


def test_branches_in_one_forward_are_as_each_alone() -> None:
    net = models.build("editnet", base(SD3)).eval()
    g = torch.Generator().manual_seed(0)
    source, noise = torch.randn(2, 2, 16, 8, 8, generator=g)
    prompt, negative = torch.randn(2, 2, 5, 24, generator=g)
    pooled, negative_pooled = torch.randn(2, 2, 24, generator=g)
    asked = Asked(source, prompt, negative, pooled, negative_pooled)
    scheduler = FlowMatchEulerDiscreteScheduler()

    def velocity(text: float, image: float) -> torch.Tensor:
        return noise - sample(net, scheduler, asked, Guidance(text, image), noise, steps=1)

    both, source_alone, neither = velocity(1, 1), velocity(0, 1), velocity(0, 0)
    expected = neither + 1.5 * (source_alone - neither) + 3 * (both - source_alone)
    torch.testing.assert_close(velocity(3, 1.5), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(both, net(noise, torch.full((2,), 1000.0), prompt, pooled, source), atol=1e-5, rtol=1e-5)
