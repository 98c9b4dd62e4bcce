"""From pictures to latents and back: a small fixed codec, and what any diffusers VAE needs besides.

Shapes: B batch, C latent channels, H W picture height and width in pixels, h w the same divided by 8.
"""

import math
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
"""Pixels from one block to the next."""
RIM = BLOCK // 2
"""By so much a block reaches over its place on each side."""
ROTATION = -0.134 * math.pi
"""With which the ten lowest coefficients keep most of the sample photos."""
ZIGZAG = [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0)]
"""(vertical, horizontal) frequencies of a block in JPEG's scanning order, the ten lowest."""
COMPONENTS = [(0, *ZIGZAG[k]) for k in range(10)] + [(colour, *ZIGZAG[k]) for colour in (1, 2) for k in range(3)]
"""(colour, vertical, horizontal) frequency of each latent channel: ten of luma, three of each chroma."""

# fmt: off
RMS = (
    6.15, 1.10, 1.26, 0.63, 0.60, 0.57, 0.34, 0.35, 0.35, 0.40,
    3.10, 0.44, 0.43,
    1.23, 0.27, 0.19,
)
# fmt: on
"""Root mean square of each coefficient over the sample photos at about 128^2 pixels."""

SCALE = tuple(rms**0.5 for rms in RMS)
"""Half-whitened: together of about unit variance, yet light and colour keep more of it than detail. So a loss on
latents counts them more, as the eye does, and noise drowns them last."""


class LappedCodec(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Sixteen low coefficients a block of a lapped transform, of about unit variance: the shape of SD3's latents.

    Blocks of 8 pixels reach over half of their neighbours: what a network gets wrong in one fades, where the DCT of
    separate blocks shows an edge, and photos come back a little better (26.8 against 26.4 dB over the sample photos at
    about 128^2 pixels). Colours are decorrelated by the three-point DCT over (R, G, B): luma, red-blue, green-magenta.
    Past its rim a picture goes on as its mirror image. The interface is `AutoencoderKL`'s, so that a folder with SD3's
    VAE takes its place.

    Args:
        scale: what each coefficient is divided by, in the order of `COMPONENTS`.
    """

    @register_to_config
    def __init__(self, scale: Sequence[float] = SCALE, scaling_factor: float = 1.0, shift_factor: float = 0.0) -> None:
        super().__init__()
        basis, scale_C111 = lapped_basis(), torch.tensor(scale)[:, None, None, None]
        self.analysis = torch.nn.Parameter(basis / scale_C111, requires_grad=False)
        self.synthesis = torch.nn.Parameter(basis * scale_C111, requires_grad=False)

    @apply_forward_hook
    def encode(self, x: Tensor) -> AutoencoderKLOutput:
        """Latents (B, C, h, w) of pictures (B, 3, H, W) in [-1, 1]; H and W are multiples of 8."""
        latents = functional.conv2d(_with_mirrored_rim(x), self.analysis, stride=BLOCK)
        return AutoencoderKLOutput(latent_dist=IdentityDistribution(latents))

    @apply_forward_hook
    def decode(self, z: Tensor) -> DecoderOutput:
        """Pictures (B, 3, H, W) of latents (B, C, h, w)."""
        whole = functional.conv_transpose2d(_with_mirrored_blocks(z), self.synthesis, stride=BLOCK)
        return DecoderOutput(sample=whole[..., BLOCK + RIM : -BLOCK - RIM, BLOCK + RIM : -BLOCK - RIM])


Vae = LappedCodec | AutoencoderKL


def lapped_basis() -> Tensor:
    """(C, 3, 16, 16) orthonormal: the function of each of `COMPONENTS` over colour, rows and columns."""
    colour, place = dct_matrix(3), lapped_matrix()
    return torch.stack([torch.einsum("c,y,x->cyx", colour[k], place[v], place[u]) for k, v, u in COMPONENTS])


def lapped_matrix() -> Tensor:
    """(8, 16) orthonormal, also to itself 8 further on: cosines that fade into the next blocks (Malvar & Staelin 1989).

    Row k is symmetric where k is even and antisymmetric where it is odd. Of the fast transform's rotations only that of
    the two lowest odd rows is made; with but the lowest coefficients kept, the others do nothing for photos.
    """
    cosines = dct_matrix(BLOCK)
    half = (cosines[0::2] - cosines[1::2]) / 2
    even, odd = torch.cat([half, half.flip(1)], dim=1), torch.cat([half, -half.flip(1)], dim=1)
    cos, sin = math.cos(ROTATION), math.sin(ROTATION)
    odd[:2] = torch.tensor([[cos, sin], [-sin, cos]]) @ odd[:2]
    return torch.stack([even, odd], dim=1).flatten(0, 1)


def dct_matrix(size: int) -> Tensor:
    """Orthonormal DCT-II: row k is the cosine of frequency k."""
    k, n = torch.arange(size)[:, None], torch.arange(size)[None, :]
    cosines = torch.cos(torch.pi / size * (n + 0.5) * k) * (2 / size) ** 0.5
    cosines[0] /= 2**0.5
    return cosines


def _with_mirrored_rim(x: Tensor) -> Tensor:
    """(B, 3, H + 8, W + 8): half a block more on each side, the picture mirrored at its rim."""
    rows, columns = (torch.arange(-RIM, size + RIM, device=x.device) for size in x.shape[-2:])
    rows, columns = (torch.where(i < 0, -1 - i, i) for i in (rows, columns))
    rows, columns = (torch.where(i < n, i, 2 * n - 1 - i) for i, n in zip((rows, columns), x.shape[-2:], strict=True))
    return x[..., rows, :][..., columns]


def _with_mirrored_blocks(z: Tensor) -> Tensor:
    """(B, C, h + 2, w + 2): the blocks past the rim of a picture that goes on as its mirror image."""
    padded = functional.pad(z, (1, 1, 1, 1), mode="replicate")
    vertical, horizontal = (torch.tensor([(-1.0) ** c[axis] for c in COMPONENTS]).to(z) for axis in (1, 2))
    padded[..., [0, -1], :] *= vertical[:, None, None]
    padded[..., [0, -1]] *= horizontal[:, None, None]
    return padded


def encode(vae: Vae, images: Tensor) -> Tensor:
    """Latents of about unit variance (B, C, h, w) of pictures (B, 3, H, W) in [-1, 1]."""
    latents = vae.encode(images.to(vae.dtype)).latent_dist.mode()
    return (latents - vae.config["shift_factor"]) * vae.config["scaling_factor"]


def decode(vae: Vae, latents: Tensor) -> Tensor:
    """Pictures (B, 3, H, W), about [-1, 1], of latents (B, C, h, w)."""
    return vae.decode(latents.to(vae.dtype) / vae.config["scaling_factor"] + vae.config["shift_factor"]).sample
