"""From pictures to latents and back: a small fixed codec, and what any diffusers VAE needs besides.

Shapes: B batch, C latent channels, H W picture height and width in pixels, h w the same divided by 8.
"""

from collections.abc import Sequence

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.vae import DecoderOutput, IdentityDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor
from torch.nn import functional

BLOCK = 8
ZIGZAG = [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0)]
"""(vertical, horizontal) frequencies of a block in JPEG's scanning order, the ten lowest."""
COMPONENTS = [(0, *ZIGZAG[k]) for k in range(10)] + [(colour, *ZIGZAG[k]) for colour in (1, 2) for k in range(3)]
"""(colour, vertical, horizontal) frequency of each latent channel: ten of luma, three of each chroma."""

# fmt: off
RMS = (
    6.10, 1.15, 1.33, 0.71, 0.61, 0.66, 0.39, 0.39, 0.39, 0.44,
    3.09, 0.49, 0.44,
    1.23, 0.32, 0.20,
)
# fmt: on
"""Root mean square of each coefficient over the sample photos at about 128^2 pixels."""

SCALE = tuple(rms**0.5 for rms in RMS)
"""Half-whitened: together of about unit variance, yet light and colour keep more of it than detail. So a loss on
latents counts them more, as the eye does, and noise drowns them last."""


class DctCodec(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Sixteen low DCT coefficients of each 8x8 block, of about unit variance: the shape of SD3's latents.

    Colours are decorrelated by the same transform, the three-point DCT over (R, G, B): luma, red-blue, green-magenta.
    The interface is `AutoencoderKL`'s, so that a folder with SD3's VAE takes its place.

    Args:
        scale: what each coefficient is divided by, in the order of `COMPONENTS`.
    """

    @register_to_config
    def __init__(self, scale: Sequence[float] = SCALE, scaling_factor: float = 1.0, shift_factor: float = 0.0) -> None:
        super().__init__()
        basis, scale_C111 = dct_basis(), torch.tensor(scale)[:, None, None, None]
        self.analysis = torch.nn.Parameter(basis / scale_C111, requires_grad=False)
        self.synthesis = torch.nn.Parameter(basis * scale_C111, requires_grad=False)

    @apply_forward_hook
    def encode(self, x: Tensor) -> AutoencoderKLOutput:
        """Latents (B, C, h, w) of pictures (B, 3, H, W) in [-1, 1]; H and W are multiples of 8."""
        return AutoencoderKLOutput(latent_dist=IdentityDistribution(functional.conv2d(x, self.analysis, stride=BLOCK)))

    @apply_forward_hook
    def decode(self, z: Tensor) -> DecoderOutput:
        """Pictures (B, 3, H, W) of latents (B, C, h, w)."""
        return DecoderOutput(sample=functional.conv_transpose2d(z, self.synthesis, stride=BLOCK))


Vae = DctCodec | AutoencoderKL


def dct_basis() -> Tensor:
    """(C, 3, 8, 8) orthonormal: the cosine of each of `COMPONENTS` over colour, rows and columns."""
    colour, place = dct_matrix(3), dct_matrix(BLOCK)
    return torch.stack([torch.einsum("c,y,x->cyx", colour[k], place[v], place[u]) for k, v, u in COMPONENTS])


def dct_matrix(size: int) -> Tensor:
    """Orthonormal DCT-II: row k is the cosine of frequency k."""
    k, n = torch.arange(size)[:, None], torch.arange(size)[None, :]
    cosines = torch.cos(torch.pi / size * (n + 0.5) * k) * (2 / size) ** 0.5
    cosines[0] /= 2**0.5
    return cosines


def encode(vae: Vae, images: Tensor) -> Tensor:
    """Latents of about unit variance (B, C, h, w) of pictures (B, 3, H, W) in [-1, 1]."""
    latents = vae.encode(images.to(vae.dtype)).latent_dist.mode()
    return (latents - vae.config["shift_factor"]) * vae.config["scaling_factor"]


def decode(vae: Vae, latents: Tensor) -> Tensor:
    """Pictures (B, 3, H, W), about [-1, 1], of latents (B, C, h, w)."""
    return vae.decode(latents.to(vae.dtype) / vae.config["scaling_factor"] + vae.config["shift_factor"]).sample
