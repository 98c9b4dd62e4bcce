"""Tiny SD3 bases, inputs for them, and editors with nonzero weights in their zero-initialised projections."""

import torch
from diffusers import SD3Transformer2DModel

from omniedit.architectures import ARCHITECTURES
from omniedit.models.editor import Editor

JOINED = ("editnet_routed_demos", "sequence_concat_demos_cross")
"""Architectures that join parts of two others; tests of demonstrations cover them."""
ON_MMDIT = [name for name, architecture in ARCHITECTURES.items() if not architecture.over_unet and name not in JOINED]
SD3 = {"qk_norm": None, "dual_attention_layers": ()}
SD35 = {"qk_norm": "rms_norm", "dual_attention_layers": (0, 1)}


def base(kind: dict, patch_size: int = 2) -> SD3Transformer2DModel:
    torch.manual_seed(0)
    transformer = SD3Transformer2DModel(
        sample_size=16,
        patch_size=patch_size,
        num_layers=3,
        num_attention_heads=2,
        attention_head_dim=16,
        joint_attention_dim=24,
        caption_projection_dim=32,
        pooled_projection_dim=24,
        pos_embed_max_size=24,
        **kind,
    )
    return transformer.eval()


def inputs(dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=g).to(dtype)

    return {
        "noisy": normal(2, 16, 8, 12),
        "timestep": torch.tensor([999.0, 3.0], dtype=dtype),
        "prompt_embeds": normal(2, 5, 24),
        "pooled": normal(2, 24),
        "condition": normal(2, 16, 8, 12),
    }


@torch.no_grad()
def move_weights(net: Editor) -> Editor:
    """Add noise to the trained weights that are zero, in place, and return the network."""
    torch.manual_seed(2)
    for parameter in net.parameters():
        if parameter.requires_grad:
            parameter += (parameter == 0) * 0.2 * torch.randn_like(parameter)
    return net
