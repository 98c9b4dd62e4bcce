"""Tests of the training objective against closed forms."""

import pytest
import torch

from omniedit.training import objective


def test_rectified_flow_path_is_straight_from_image_to_noise():
    g = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 3, 16, 4, 4, generator=g)
    sigma = torch.tensor([0.0, 0.25, 1.0])
    noisy, target = objective.rectified_flow_pair(clean, noise, sigma)
    assert torch.equal(noisy[0], clean[0])
    assert torch.equal(noisy[2], noise[2])
    # Along the path, the velocity leads back to the image and on to the noise.
    torch.testing.assert_close(noisy - sigma[:, None, None, None] * target, clean)
    torch.testing.assert_close(noisy + (1 - sigma[:, None, None, None]) * target, noise)


def test_logit_normal_noise_levels_match_the_exact_quantiles():
    normal = torch.distributions.Normal(0.0, 1.0).icdf(torch.linspace(0.01, 0.99, 99))
    sigma = objective.logit_normal(normal, mean=0.5, std=2.0)
    assert sigma[49].item() == pytest.approx(1 / (1 + 2.718281828**-0.5))
    torch.testing.assert_close(torch.logit(sigma), 0.5 + 2.0 * normal, rtol=1e-4, atol=1e-4)


def test_sigma_shift_matches_the_resolution_formula():
    """Check sqrt(m/n) t / (1 + (sqrt(m/n) - 1) t): for m/n = 9, half the noise becomes 3/4; the ends stay."""
    sigma = torch.tensor([0.0, 0.1, 0.5, 1.0])
    torch.testing.assert_close(objective.shift_sigmas(sigma, 3.0), torch.tensor([0.0, 0.25, 0.75, 1.0]))
    assert torch.equal(objective.shift_sigmas(sigma, 1.0), sigma)
    # On a constant image, the error of the mean over m pixels equals that over n pixels before (section 5.3.2).
    error = objective.shift_sigmas(sigma, 3.0)[1:3] / (1 - objective.shift_sigmas(sigma, 3.0)[1:3]) / 3
    torch.testing.assert_close(error, sigma[1:3] / (1 - sigma[1:3]))


def test_flow_loss_is_the_mean_square_per_sample():
    velocity = torch.tensor([1.0, 3.0])[:, None, None, None].expand(2, 16, 2, 2)
    torch.testing.assert_close(objective.flow_loss(velocity, torch.zeros(2, 16, 2, 2)), torch.tensor([1.0, 9.0]))


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_weighted_mean_does_not_depend_on_how_the_batch_is_split(world_size):
    loss, weight = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.0, 1.0, 1.0, 2.0])
    parts = [
        objective.weighted_mean(part, weights, weight.sum(), world_size)
        for part, weights in zip(loss.chunk(world_size), weight.chunk(world_size), strict=True)
    ]
    assert torch.stack(parts).mean().item() == pytest.approx((2 + 3 + 8) / 4)


def test_each_dropout_has_its_configured_share():
    uniform = torch.linspace(0, 1, 10_001)[:-1]
    text, image = objective.condition_dropout_masks(uniform, text=0.05, image=0.1, both=0.2)
    shares = [(~text & image).float().mean(), (text & ~image).float().mean(), (~text & ~image).float().mean()]
    assert [round(share.item(), 3) for share in shares] == [0.05, 0.1, 0.2]
