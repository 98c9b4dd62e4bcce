"""Use of variance-preserving diffusion networks (SD1.5) as networks of a rectified flow.

A flow's sample at noise level s is (1 - s) x + s e for the clean x and the noise e. Divided by its standard deviation n
= sqrt((1 - s)^2 + s^2) it is a sample of the variance-preserving process, a x + b e with a = (1 - s) / n and b = s / n,
at the timestep with this ratio b / a. A network for one process can thus be used for the other, without training
(Kingma & Gao 2023, section 3).

Shapes: B samples, C latent channels, H W latent height and width, T timesteps of the network.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

PREDICTIONS = ("epsilon", "v_prediction")
SD15_SCHEDULE = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "num_train_timesteps": 1000,
}
"""Noise schedule of SD1.5 and SD2, by the keys of diffusers' schedulers."""


@dataclass(frozen=True)
class VariancePreservingInput:
    """Input of a network at some noise levels.

    Args:
        sample: (B, C, H, W), with unit variance.
        timestep: (B,) float, between the network's first and last.
        signal, noise: a and b of the process, (B, 1, 1, 1).
    """

    sample: Tensor
    timestep: Tensor
    signal: Tensor
    noise: Tensor


def log_noise_ratios() -> Tensor:
    """Return log(b / a) of each timestep of `SD15_SCHEDULE`, (T,) float64, ascending."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    signal_power = (1 - betas).cumprod(0)
    return ((1 - signal_power) / signal_power).log() / 2


def to_variance_preserving(noisy: Tensor, sigma_B: Tensor, log_ratios_T: Tensor) -> VariancePreservingInput:
    """Convert a flow's sample to the input of a network.

    Noise levels outside the network's range are clipped to it. SD1.5's range ends at 0.936, where the sample is nearly
    pure noise.

    Args:
        sigma_B: noise levels in [0, 1].
        log_ratios_T: result of `log_noise_ratios`.
    """
    norm = (sigma_B**2 + (1 - sigma_B) ** 2).sqrt()
    ratios_T = log_ratios_T.to(device=sigma_B.device)
    log_ratio_B = torch.logit(sigma_B.double()).clamp(ratios_T[0], ratios_T[-1])
    above = torch.searchsorted(ratios_T, log_ratio_B).clamp(1, len(ratios_T) - 1)
    low, high = ratios_T[above - 1], ratios_T[above]
    timestep = (above - 1) + (log_ratio_B - low) / (high - low)
    noise = (2 * log_ratio_B).sigmoid().sqrt()[:, None, None, None].to(noisy)
    signal = (-2 * log_ratio_B).sigmoid().sqrt()[:, None, None, None].to(noisy)
    return VariancePreservingInput(noisy / norm[:, None, None, None].to(noisy), timestep.float(), signal, noise)


def to_flow_velocity(output: Tensor, model_input: VariancePreservingInput, prediction: str) -> Tensor:
    """Return the velocity (noise minus clean) that a network's output implies, (B, C, H, W).

    Args:
        prediction: one of `PREDICTIONS`: the noise, or v = a e - b x (Salimans & Ho 2022).
    """
    if prediction == "epsilon":
        return output - (model_input.sample - model_input.noise * output) / model_input.signal
    noise = model_input.noise * model_input.sample + model_input.signal * output
    return noise - (model_input.signal * model_input.sample - model_input.noise * output)


def loss_weights(sigma_B: Tensor, log_ratios_T: Tensor, prediction: str) -> Tensor:
    """Return the weights, (B,), that turn a squared error of the velocity into one of the network's output."""
    ratio = torch.logit(sigma_B.double()).clamp(log_ratios_T[0].item(), log_ratios_T[-1].item()).exp()
    per_output = 1 + ratio if prediction == "epsilon" else (1 + ratio) / (1 + ratio**2).sqrt()
    return (1 / per_output**2).to(sigma_B)
