"""Conversion between images and latents: a small fixed codec, and `encode` and `decode` for it or any diffusers VAE.

Shapes: B batch, C latent channels, H W image height and width in pixels, h w the same divided by 8.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from diffusers.models.autoencoders.vae import DecoderOutput, IdentityDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor
from torch.nn import functional

BLOCK = 8
"""Distance between blocks in pixels."""
RIM = BLOCK // 2
"""Overlap of a block with its neighbour on each side, in pixels."""
ROTATION = -0.134 * math.pi
"""Rotation in radians at which the ten lowest coefficients preserve the sample photos best."""
ZIGZAG = [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0)]
"""Ten lowest (vertical, horizontal) frequencies of a block, in JPEG's scanning order."""
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
"""Divisors that half-whiten the coefficients. Over all channels, the latents have about unit variance, but light and
colour have more variance than detail. A loss on latents therefore weights them more, as the eye does, and noise hides
them last."""


class LappedCodec(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Lapped transform with sixteen low coefficients per block: latents of SD3's shape and about unit variance.

    Each block of 8 pixels overlaps its neighbours by half a block. A network's error in one block therefore fades out,
    while separate DCT blocks would show an edge. Photos are reconstructed slightly better than with such a DCT (26.8
    against 26.4 dB over the sample photos at about 128^2 pixels). A three-point DCT over (R, G, B) decorrelates
    colours: luma, red-blue, green-magenta. Images are extended past their border by mirroring. The interface is that of
    `AutoencoderKL`, so a folder with SD3's VAE can take its place.

    Args:
        scale: divisor of each coefficient, in the order of `COMPONENTS`.
    """

    @register_to_config
    def __init__(self, scale: Sequence[float] = SCALE, scaling_factor: float = 1.0, shift_factor: float = 0.0) -> None:
        super().__init__()
        basis, scale_C111 = lapped_basis(), torch.tensor(scale)[:, None, None, None]
        self.analysis = torch.nn.Parameter(basis / scale_C111, requires_grad=False)
        self.synthesis = torch.nn.Parameter(basis * scale_C111, requires_grad=False)

    @apply_forward_hook
    def encode(self, x: Tensor) -> AutoencoderKLOutput:
        """Encode images (B, 3, H, W) in [-1, 1] to latents (B, C, h, w); H and W are multiples of 8."""
        latents = functional.conv2d(_with_mirrored_rim(x), self.analysis, stride=BLOCK)
        return AutoencoderKLOutput(latent_dist=IdentityDistribution(latents))

    @apply_forward_hook
    def decode(self, z: Tensor) -> DecoderOutput:
        """Decode latents (B, C, h, w) to images (B, 3, H, W)."""
        padded = functional.conv_transpose2d(_with_mirrored_blocks(z), self.synthesis, stride=BLOCK)
        return DecoderOutput(sample=padded[..., BLOCK + RIM : -BLOCK - RIM, BLOCK + RIM : -BLOCK - RIM])


Vae = LappedCodec | AutoencoderKL | AutoencoderKLQwenImage


def lapped_basis() -> Tensor:
    """Return the orthonormal basis, (C, 3, 16, 16): one function over colour, rows and columns per component."""
    colour, spatial = dct_matrix(3), lapped_matrix()
    return torch.stack([torch.einsum("c,y,x->cyx", colour[k], spatial[v], spatial[u]) for k, v, u in COMPONENTS])


def lapped_matrix() -> Tensor:
    """Return the (8, 16) lapped transform: cosines that fade into the next blocks (Malvar & Staelin 1989).

    The rows are orthonormal, also to the rows of the next block, 8 pixels further. Row k is symmetric for even k and
    antisymmetric for odd k. Only one rotation of the fast transform is applied, that of the two lowest odd rows. The
    others do not improve photos, because only the lowest coefficients are kept.
    """
    cosines = dct_matrix(BLOCK)
    half = (cosines[0::2] - cosines[1::2]) / 2
    even, odd = torch.cat([half, half.flip(1)], dim=1), torch.cat([half, -half.flip(1)], dim=1)
    cos, sin = math.cos(ROTATION), math.sin(ROTATION)
    odd[:2] = torch.tensor([[cos, sin], [-sin, cos]]) @ odd[:2]
    return torch.stack([even, odd], dim=1).flatten(0, 1)


def dct_matrix(size: int) -> Tensor:
    """Return the orthonormal DCT-II; row k is the cosine of frequency k."""
    k, n = torch.arange(size)[:, None], torch.arange(size)[None, :]
    cosines = torch.cos(torch.pi / size * (n + 0.5) * k) * (2 / size) ** 0.5
    cosines[0] /= 2**0.5
    return cosines


def _with_mirrored_rim(x: Tensor) -> Tensor:
    """Pad by half a block on each side with the mirrored image, to (B, 3, H + 8, W + 8)."""
    x = x.contiguous()
    for axis in (-2, -1):
        first, last = x.narrow(axis, 0, RIM).flip(axis), x.narrow(axis, x.shape[axis] - RIM, RIM).flip(axis)
        x = torch.cat([first, x, last], axis)
    return x


def _with_mirrored_blocks(z: Tensor) -> Tensor:
    """Pad by one block on each side with the latents of the mirrored image, to (B, C, h + 2, w + 2)."""
    padded = functional.pad(z, (1, 1, 1, 1), mode="replicate")
    vertical, horizontal = (torch.tensor([(-1.0) ** c[axis] for c in COMPONENTS]).to(z) for axis in (1, 2))
    padded[..., [0, -1], :] *= vertical[:, None, None]
    padded[..., [0, -1]] *= horizontal[:, None, None]
    return padded


def encode(vae: Vae, images: Tensor) -> Tensor:
    """Encode images (B, 3, H, W) in [-1, 1] to latents (B, C, h, w) of about unit variance."""
    images = images.to(vae.dtype)
    if isinstance(vae, AutoencoderKLQwenImage):
        mean, std = _channel_statistics(vae)
        return ((vae.encode(images.unsqueeze(2)).latent_dist.mode() - mean) / std).squeeze(2)
    latents = vae.encode(images).latent_dist.mode()
    return (latents - (vae.config["shift_factor"] or 0)) * vae.config["scaling_factor"]


def encode_arrays(vae: Vae, images_BHW3: np.ndarray) -> Tensor:
    """Encode images, (B, H, W, 3) uint8, to latents (B, C, h, w), on the VAE's device."""
    return encode(vae, torch.from_numpy(images_BHW3).to(vae.device).permute(0, 3, 1, 2) / 127.5 - 1)


def decode(vae: Vae, latents: Tensor) -> Tensor:
    """Decode latents (B, C, h, w) to images (B, 3, H, W) in about [-1, 1]."""
    latents = latents.to(vae.dtype)
    if isinstance(vae, AutoencoderKLQwenImage):
        mean, std = _channel_statistics(vae)
        return vae.decode(latents.unsqueeze(2) * std + mean).sample.squeeze(2)
    return vae.decode(latents / vae.config["scaling_factor"] + (vae.config["shift_factor"] or 0)).sample


def _channel_statistics(vae: AutoencoderKLQwenImage) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each latent channel of a video VAE, (C, 1, 1, 1); an image is a video of one
    frame.
    """
    names = ("latents_mean", "latents_std")
    mean, std = (torch.tensor(vae.config[name], dtype=vae.dtype, device=vae.device) for name in names)
    return mean[:, None, None, None], std[:, None, None, None]
