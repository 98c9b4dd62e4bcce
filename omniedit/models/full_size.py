"""Transfer of an edit from a small copy of an image to the image at full size.

Shapes: B images, H W height and width of the full image, h w those of the small copy.
"""

import torch
from torch import Tensor
from torch.nn import functional

WINDOW = 9
"""Side in pixels of the windows in which detail is compared, on the small copy."""
FLAT = 2e-4
"""Variance, of values in [0, 1], below which a window counts as flat and keeps its detail."""
STRONGEST = 1.5
"""Largest amplification of detail where an edit adds contrast."""


def working_size(height: int, width: int, resolution: int, longest: int) -> tuple[int, int]:
    """Return height and width of an image scaled down to about resolution^2 pixels and sides of at most `longest`.

    Smaller images keep their size.
    """
    scale = min(1.0, resolution / (height * width) ** 0.5, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def pad_to_grid(images: Tensor, grid: int) -> Tensor:
    """Pad images (B, 3, H, W) at the right and bottom by reflection to multiples of `grid`."""
    height, width = images.shape[-2:]
    rows, columns = (_reflect_indices(size, -(-size // grid) * grid) for size in (height, width))
    return images[..., rows, :][..., columns]


def restore_full_size(full: Tensor, source: Tensor, edited: Tensor) -> Tensor:
    """Apply the edit of a small copy to the image at full size, (B, 3, H, W) in [0, 1].

    The change is scaled up and added, so an unchanged image is returned bit for bit. Detail that the small copy lacks
    is scaled by how much local detail the edit kept: the local regression of the edit on the source, as in a guided
    filter (He et al. 2013, eq. 5). Fog weakens the detail, and a removed object leaves no outline.

    Args:
        full: the image, (B, 3, H, W) in [0, 1].
        source, edited: the small copy after a round trip through the codec, and its edit, (B, 3, h, w).
    """
    size = full.shape[-2:]
    change, detail = _resize(edited - source, size), full - _resize(source, size)
    return (full + change + _resize(detail_kept(source, edited) - 1, size) * detail).clamp(0, 1)


def detail_kept(source: Tensor, edited: Tensor) -> Tensor:
    """Return the share of the source's detail that the edit keeps at each pixel, (B, 1, h, w): 1 is all, 0 none."""
    covariance = (_mean(source * edited) - _mean(source) * _mean(edited)).mean(1, keepdim=True)
    variance = (_mean(source * source) - _mean(source) ** 2).mean(1, keepdim=True)
    return ((covariance + FLAT) / (variance + FLAT)).clamp(0, STRONGEST)


def _mean(x: Tensor) -> Tensor:
    """Average over the window around each pixel, without padding past the border."""
    return functional.avg_pool2d(x, WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False)


def _resize(x: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(x, size, mode="bicubic")


def _reflect_indices(size: int, padded: int) -> Tensor:
    """Return indices 0, 1, .. size - 1, size - 1, .. 1, 0, 0, 1, .. for any amount of padding, even at size 1."""
    place = torch.arange(padded) % (2 * size)
    return torch.minimum(place, 2 * size - 1 - place)
