"""What EditNet is trained to do: one function, one formula.

Shapes: B samples, C latent channels, H W latent height and width.
"""

import torch
from torch import Tensor


def logit_normal(normal_B: Tensor, mean: float, std: float) -> Tensor:
    """Noise levels whose logit is normal (Esser et al. 2024, eq. 19), from standard normal draws.

    A mean above 0 moves them towards noise, where an edit's layout and colours are decided.
    """
    return torch.sigmoid(mean + std * normal_B)


def shift_sigmas(sigma_B: Tensor, shift: float) -> Tensor:
    """Noise levels at which a picture of shift^2 as many pixels is as hard to see (Esser et al. 2024, eq. 23)."""
    return shift * sigma_B / (1 + (shift - 1) * sigma_B)


def rectified_flow_pair(clean_BCHW: Tensor, noise_BCHW: Tensor, sigma_B: Tensor) -> tuple[Tensor, Tensor]:
    """Noisy sample and velocity target of rectified flow (Esser et al. 2024, eq. 13).

    Args:
        clean_BCHW: latents of the edited picture, about unit variance.
        noise_BCHW: standard normal, same shape.
        sigma_B: noise level in [0, 1]; 0 is clean.
    """
    sigma = sigma_B[:, None, None, None]
    return (1 - sigma) * clean_BCHW + sigma * noise_BCHW, noise_BCHW - clean_BCHW


def flow_loss(velocity_BCHW: Tensor, target_BCHW: Tensor) -> Tensor:
    """Mean squared error of each sample's velocity, (B,)."""
    return (velocity_BCHW.float() - target_BCHW.float()).square().mean(dim=(1, 2, 3))


def weighted_mean(loss_B: Tensor, weight_B: Tensor, weight_sum: Tensor, world_size: int) -> Tensor:
    """This rank's part of the batch's weighted mean loss.

    Averaged over ranks, as DeepSpeed does with gradients, the parts give the weighted mean over the whole batch,
    however it was cut.

    Args:
        weight_B: importance of each sample on this rank.
        weight_sum: of the importances over all ranks.
    """
    return world_size * (weight_B * loss_B).sum() / weight_sum


def soft_importance(o_score_B: Tensor, centre: float, width: float) -> Tensor:
    """Importance that rises with the overall score, a half at `centre`: the filter's step, made soft.

    A width towards 0 is the step itself, OmniEdit's weights of 0 and 1 (Wei et al. 2024, section 3.3).
    """
    return torch.sigmoid((o_score_B - centre) / width)


def condition_dropout_masks(uniform_B: Tensor, text: float, image: float, both: float) -> tuple[Tensor, Tensor]:
    """Which samples keep their instruction and which their picture (Brooks et al. 2023, section 3.2.1), two bool (B,).

    One draw decides both: shares `text`, `image` and `both` of the samples lose the instruction alone, the picture
    alone, and both, so that the two guidance scales have something to be measured against.
    """
    loses_text = uniform_B < text + both
    loses_image = (uniform_B >= text) & (uniform_B < text + both + image)
    return ~loses_text, ~loses_image
