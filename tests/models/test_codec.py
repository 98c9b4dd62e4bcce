"""Tests of the codec: latents of SD3's shape, an orthonormal basis, and exact round trips of latents."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from omniedit.models.codec import SCALE, LappedCodec, decode, encode, lapped_basis, lapped_matrix


def test_latents_have_the_shape_of_sd3_latents():
    assert encode(LappedCodec(), torch.zeros(2, 3, 48, 64)).shape == (2, 16, 6, 8)


def test_basis_is_orthonormal():
    basis = lapped_basis().flatten(1)
    torch.testing.assert_close(basis @ basis.T, torch.eye(16), atol=1e-5, rtol=0)


def test_overlapping_blocks_are_orthogonal():
    rows = lapped_matrix()
    torch.testing.assert_close(rows[:, 8:] @ rows[:, :8].T, torch.zeros(8, 8), atol=1e-6, rtol=0)
    torch.testing.assert_close(rows[0::2], rows[0::2].flip(1))
    torch.testing.assert_close(rows[1::2], -rows[1::2].flip(1))


def test_error_in_one_block_fades_into_its_neighbours():
    latents = torch.zeros(1, 16, 3, 3)
    latents[0, 0, 1, 1] = 1
    row = decode(LappedCodec(), latents)[0, 0, 12]
    steps = (row[1:] - row[:-1]).abs().max() / row.abs().max()
    assert row[:4].abs().max() == 0 and steps < 0.26


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([SCALE, (1.0,) * 16]))
def test_latents_survive_decoding_and_encoding(seed, scale):
    codec, latents = LappedCodec(scale=scale), torch.randn(1, 16, 3, 2, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(encode(codec, decode(codec, latents)), latents, atol=1e-4, rtol=1e-4)


def test_flat_colour_survives_encoding_and_decoding():
    colour = torch.tensor([0.9, -0.4, 0.1])[None, :, None, None].expand(1, 3, 16, 24)
    torch.testing.assert_close(decode(LappedCodec(), encode(LappedCodec(), colour)), colour, atol=1e-5, rtol=0)


def test_saved_codec_reloads_unchanged(tmp_path):
    LappedCodec(scale=tuple(range(1, 17))).save_pretrained(tmp_path)
    images = torch.rand(1, 3, 16, 16)
    loaded = LappedCodec.from_pretrained(tmp_path)
    assert torch.equal(encode(loaded, images), encode(LappedCodec(scale=tuple(range(1, 17))), images))
