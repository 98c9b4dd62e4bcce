"""Transfer of an edit from a small copy of an image to the image at full size.

Shapes: B images, H W height and width of the full image, h w those of the small copy.
"""

import torch
from torch import Tensor
from torch.nn import functional

WINDOW_SIDE = 9
"""Side in pixels of the windows in which detail is compared, on the small copy."""
FLAT_VARIANCE = 2e-4
"""Variance, of values in [0, 1], below which a window counts as flat and keeps its detail."""
MAX_AMPLIFICATION = 1.5
"""Maximum amplification of detail where an edit adds contrast."""
EPSILON = 1e-3
"""Regularisation of the guided filter: variance, of values in [0, 1], below which colours do not guide the change."""
MAX_RADIUS = 64
"""Maximum radius of the guided filter, whose time grows with its square."""


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


def restore_full_size(full: Tensor, source: Tensor, edited: Tensor, guided_radius: int = 0) -> Tensor:
    """Apply the edit of a small copy to the image at full size, (B, 3, H, W) in [0, 1].

    The change is scaled up and added, so an unchanged image is returned bit for bit. Detail that the small copy lacks
    is scaled by the share of local detail that the edit keeps. The share is the local regression of the edit on the
    source, as in a guided filter (He et al. 2013, eq. 5). Fog weakens the detail, and a removed object leaves no
    outline.

    Args:
        full: the image, (B, 3, H, W) in [0, 1].
        source, edited: the small copy after a round trip through the codec, and its edit, (B, 3, h, w).
        guided_radius: radius with which `guide_change` transfers the change instead; 0 for no guidance.
    """
    if guided_radius:
        return (full + guide_change(full, source, edited - source, guided_radius)).clamp(0, 1)
    size = full.shape[-2:]
    change, detail = _resize(edited - source, size), full - _resize(source, size)
    return (full + change + _resize(detail_kept(source, edited) - 1, size) * detail).clamp(0, 1)


def guide_change(full: Tensor, source: Tensor, change: Tensor, radius: int) -> Tensor:
    """Return the change of the image at full size, (B, 3, H, W), as a local affine function of its colours.

    This is the fast guided filter (He & Sun 2015, arXiv 1505.00996): in each window of the small copy, the change is
    fitted to the source's colours. The change then follows the outlines of the image, and a coarse network's blocks
    disappear. New content with new outlines becomes blurred.

    Args:
        full, source: as in `restore_full_size`.
        change: change of the small copy, (B, 3, h, w).
        radius: of the windows, in pixels of the small copy.
    """

    def mean(x: Tensor) -> Tensor:
        return _mean(x, 2 * radius + 1)

    def covariance(x: Tensor, y: Tensor) -> Tensor:
        """Return the covariance of each channel of x with each of y, (B, h, w, C, D)."""
        product = mean(torch.einsum("bchw,bdhw->bcdhw", x, y).flatten(1, 2)).unflatten(1, (x.shape[1], -1))
        return (product - torch.einsum("bchw,bdhw->bcdhw", mean(x), mean(y))).permute(0, 3, 4, 1, 2)

    ridge = EPSILON * torch.eye(3, device=source.device, dtype=source.dtype)
    slopes = torch.linalg.solve(covariance(source, source) + ridge, covariance(source, change)).permute(0, 4, 3, 1, 2)
    offsets = mean(change) - torch.einsum("bdchw,bchw->bdhw", slopes, mean(source))
    size = full.shape[-2:]
    guided = [
        (_resize(mean(slope), size) * full).sum(1) for slope in slopes.unbind(1)
    ]  # one channel at a time, to save memory
    return torch.stack(guided, 1) + _resize(mean(offsets), size)


def detail_kept(source: Tensor, edited: Tensor) -> Tensor:
    """Return the share of the source's detail that the edit keeps at each pixel, (B, 1, h, w): 1 is all, 0 none."""
    covariance = (_mean(source * edited) - _mean(source) * _mean(edited)).mean(1, keepdim=True)
    variance = (_mean(source * source) - _mean(source) ** 2).mean(1, keepdim=True)
    return ((covariance + FLAT_VARIANCE) / (variance + FLAT_VARIANCE)).clamp(0, MAX_AMPLIFICATION)


def _mean(x: Tensor, window: int = WINDOW_SIDE) -> Tensor:
    """Average over the window around each pixel. At the border, only the pixels inside the image count."""
    return functional.avg_pool2d(x, window, stride=1, padding=window // 2, count_include_pad=False)


def _resize(x: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(x, size, mode="bicubic")


def _reflect_indices(size: int, padded: int) -> Tensor:
    """Return indices 0, 1, .. size - 1, size - 1, .. 1, 0, 0, 1, .. for any amount of padding, even at size 1."""
    index = torch.arange(padded) % (2 * size)
    return torch.minimum(index, 2 * size - 1 - index)
