"""Training objective of EditNet: one function per formula.

Shapes: B samples, C latent channels, H W latent height and width.
"""

import torch
from torch import Tensor


def logit_normal(normal_B: Tensor, mean: float, std: float) -> Tensor:
    """Map standard normal draws to noise levels whose logit is normal (Esser et al. 2024, eq. 19).

    A mean above 0 shifts them towards noise, where the layout and colours of an edit are decided.
    """
    return torch.sigmoid(mean + std * normal_B)


def shift_sigmas(sigma_B: Tensor, shift: float) -> Tensor:
    """Shift noise levels for an image with shift^2 times as many pixels, so that noise hides it equally well (Esser et
    al. 2024, eq. 23).
    """
    return shift * sigma_B / (1 + (shift - 1) * sigma_B)


def rectified_flow_pair(clean_BCHW: Tensor, noise_BCHW: Tensor, sigma_B: Tensor) -> tuple[Tensor, Tensor]:
    """Mix latents with noise and return the noisy sample and its velocity target (Esser et al. 2024, eq. 13).

    Args:
        clean_BCHW: latents of the edited image, about unit variance.
        noise_BCHW: standard normal, same shape.
        sigma_B: noise level in [0, 1]; 0 is clean.
    """
    sigma = sigma_B[:, None, None, None]
    return (1 - sigma) * clean_BCHW + sigma * noise_BCHW, noise_BCHW - clean_BCHW


def flow_loss(velocity_BCHW: Tensor, target_BCHW: Tensor) -> Tensor:
    """Return the mean squared error of each sample's velocity, (B,)."""
    return (velocity_BCHW.float() - target_BCHW.float()).square().mean(dim=(1, 2, 3))


def weighted_mean(loss_B: Tensor, weight_B: Tensor, weight_sum: Tensor, world_size: int) -> Tensor:
    """Return this rank's part of the batch's weighted mean loss.

    DeepSpeed averages gradients over ranks. The average of the parts is the weighted mean over the whole batch, however
    the batch is split.

    Args:
        weight_B: importance of each sample on this rank.
        weight_sum: sum of the importances over all ranks.
    """
    return world_size * (weight_B * loss_B).sum() / weight_sum


def soft_importance(o_score_B: Tensor, centre: float, width: float) -> Tensor:
    """Return an importance that rises with the overall score and is 0.5 at `centre`, as a soft version of the filter.

    As the width approaches 0, it becomes a step: OmniEdit's weights of 0 and 1 (Wei et al. 2024, section 3.3).
    """
    return torch.sigmoid((o_score_B - centre) / width)


def condition_dropout_masks(uniform_B: Tensor, text: float, image: float, both: float) -> tuple[Tensor, Tensor]:
    """Return which samples keep their instruction and which their source image, two bool (B,).

    One draw decides both (Brooks et al. 2023, section 3.2.1): shares `text`, `image` and `both` of the samples lose the
    instruction only, the image only, and both. Each of the two guidance scales thus has an unconditional reference.
    """
    loses_text = uniform_B < text + both
    loses_image = (uniform_B >= text) & (uniform_B < text + both + image)
    return ~loses_text, ~loses_image
