"""Tests of edits at full size: unchanged areas keep all detail, removed objects leave no trace."""

import torch
from torch.nn import functional

from omniedit.models.full_size import detail_kept, pad_to_grid, restore_full_size, working_size


def texture(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def small(full: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(full, 4)


def test_unchanged_edit_returns_the_image_bit_identical() -> None:
    full = texture(1, 3, 96, 128)
    assert torch.equal(restore_full_size(full, small(full), small(full)), full)


def test_guided_transfer_leaves_an_unchanged_image_and_keeps_an_even_change() -> None:
    full = 0.5 * texture(1, 3, 96, 128)
    assert torch.equal(restore_full_size(full, small(full), small(full), guided_radius=4), full)
    brighter = restore_full_size(full, small(full), small(full) + 0.25, guided_radius=4)
    assert (brighter - full - 0.25).abs().max() < 1e-3


def test_guided_transfer_moves_a_coarse_change_to_the_outline_of_the_image() -> None:
    """Check a change whose border is three pixels of the small copy beside the edge between two colours."""
    full = torch.full((1, 3, 256, 256), 0.2)
    full[..., 128:] = 0.6
    source = small(full)
    edited = source.clone()
    edited[:, 0, :, source.shape[-1] // 2 - 3 :] += 0.3
    red = restore_full_size(full, source, edited, guided_radius=8)[:, 0]
    assert red[..., 130:].min() > 0.75 and red[..., 60:126].max() < 0.35
    assert restore_full_size(full, source, edited)[:, 0, :, 126].min() > 0.45


def test_detail_fades_with_the_contrast_of_the_edit() -> None:
    full = texture(1, 3, 96, 128)
    fog = 0.7 + 0.3 * small(full)
    edited = restore_full_size(full, small(full), fog)
    assert 0.25 < edited.std() / full.std() < 0.4
    torch.testing.assert_close(edited.mean(), 0.7 + 0.3 * full.mean(), atol=0.01, rtol=0)


def test_removed_object_leaves_no_outline() -> None:
    """Detail of a removed textured square on grey must not shine through, and the rest must stay unchanged."""
    full = torch.full((1, 3, 160, 160), 0.5)
    full[..., 40:80, 40:80] = texture(1, 3, 40, 40)
    gone = torch.full((1, 3, 40, 40), 0.5)
    edited = restore_full_size(full, small(full), gone)
    assert edited[..., 44:76, 44:76].std() < 0.15 * full[..., 44:76, 44:76].std()
    assert torch.equal(edited[..., 120:, 120:], full[..., 120:, 120:])


def test_detail_is_kept_where_the_source_is_flat() -> None:
    flat = torch.full((1, 3, 20, 20), 0.3)
    torch.testing.assert_close(detail_kept(flat, flat + 0.2), torch.ones(1, 1, 20, 20), atol=0.01, rtol=0)


def test_padding_mirrors_and_preserves_the_image() -> None:
    images = torch.arange(6.0).reshape(1, 1, 2, 3)
    padded = pad_to_grid(images, 8)
    assert padded.shape == (1, 1, 8, 8)
    assert padded[0, 0, 0].tolist() == [0, 1, 2, 2, 1, 0, 0, 1]
    assert torch.equal(pad_to_grid(padded, 8), padded)


def test_large_images_are_scaled_to_the_resolution_and_small_ones_kept() -> None:
    assert working_size(1024, 4096, 512, 10**6) == (256, 1024)
    assert working_size(100, 60, 128, 10**6) == (100, 60)
    assert working_size(10, 4096, 512, 1024) == (2, 1024)
