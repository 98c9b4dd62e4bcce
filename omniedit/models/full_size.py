"""An edit made on a small copy of a picture, brought to the picture itself.

Shapes: B pictures, H W the picture's height and width, h w those of the small copy.
"""

import torch
from torch import Tensor
from torch.nn import functional

WINDOW = 9
"""Pixels on a side of the windows of the small copy in which detail is compared."""
FLAT = 2e-4
"""Variance, of values in [0, 1], below which a window counts as flat: its detail stays."""
STRONGEST = 1.5
"""Detail is amplified by no more, where an edit adds contrast."""


def working_size(height: int, width: int, resolution: int, longest: int) -> tuple[int, int]:
    """Height and width of a picture scaled down to about resolution^2 pixels and sides of at most `longest`.

    A smaller one stays as it is.
    """
    scale = min(1.0, resolution / (height * width) ** 0.5, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def pad_to_grid(images: Tensor, grid: int) -> Tensor:
    """Pictures (B, 3, H, W) continued at the right and bottom by reflection to multiples of `grid`."""
    height, width = images.shape[-2:]
    rows, columns = (_reflect_indices(size, -(-size // grid) * grid) for size in (height, width))
    return images[..., rows, :][..., columns]


def restore_full_size(full: Tensor, source: Tensor, edited: Tensor) -> Tensor:
    """The edit of a small copy at the picture's own size, (B, 3, H, W) in [0, 1].

    What changed is scaled up and added, so a picture that was not changed comes back to the last bit. The detail that
    the small copy lacks goes along as far as the edit kept what is there: by the local regression of the edit on the
    source, as in a guided filter (He et al. 2013, eq. 5). Fog pales it, and of a thing that was removed no outline
    stays.

    Args:
        full: the picture, (B, 3, H, W) in [0, 1].
        source, edited: the small copy as the codec gives it back, and its edit, (B, 3, h, w).
    """
    size = full.shape[-2:]
    change, detail = _resize(edited - source, size), full - _resize(source, size)
    return (full + change + _resize(detail_kept(source, edited) - 1, size) * detail).clamp(0, 1)


def detail_kept(source: Tensor, edited: Tensor) -> Tensor:
    """How much of the source's detail the edit keeps at each place, (B, 1, h, w): 1 is all, 0 none."""
    covariance = (_mean(source * edited) - _mean(source) * _mean(edited)).mean(1, keepdim=True)
    variance = (_mean(source * source) - _mean(source) ** 2).mean(1, keepdim=True)
    return ((covariance + FLAT) / (variance + FLAT)).clamp(0, STRONGEST)


def _mean(x: Tensor) -> Tensor:
    """Over the window around each place; past the rim there is nothing."""
    return functional.avg_pool2d(x, WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False)


def _resize(x: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(x, size, mode="bicubic")


def _reflect_indices(size: int, padded: int) -> Tensor:
    """Indices 0, 1, .. size - 1, size - 1, .. 1, 0, 0, 1, ..: any amount of padding, also for the narrowest picture."""
    place = torch.arange(padded) % (2 * size)
    return torch.minimum(place, 2 * size - 1 - place)
