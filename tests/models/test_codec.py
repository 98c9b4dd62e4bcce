"""The codec: SD3's latent shape, orthonormal, exact on what it can carry."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from omniedit.models.codec import SCALE, DctCodec, dct_basis, decode, encode


def test_latents_have_the_shape_of_sd3s():
    assert encode(DctCodec(), torch.zeros(2, 3, 48, 64)).shape == (2, 16, 6, 8)


def test_the_basis_is_orthonormal():
    basis = dct_basis().flatten(1)
    torch.testing.assert_close(basis @ basis.T, torch.eye(16), atol=1e-5, rtol=0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([SCALE, (1.0,) * 16]))
def test_every_latent_survives_decoding(seed, scale):
    codec, latents = DctCodec(scale=scale), torch.randn(1, 16, 3, 2, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(encode(codec, decode(codec, latents)), latents, atol=1e-4, rtol=1e-4)


def test_a_flat_colour_survives_encoding():
    colour = torch.tensor([0.9, -0.4, 0.1])[None, :, None, None].expand(1, 3, 16, 24)
    torch.testing.assert_close(decode(DctCodec(), encode(DctCodec(), colour)), colour, atol=1e-5, rtol=0)


def test_a_saved_codec_is_the_same(tmp_path):
    DctCodec(scale=tuple(range(1, 17))).save_pretrained(tmp_path)
    images = torch.rand(1, 3, 16, 16)
    loaded = DctCodec.from_pretrained(tmp_path)
    assert torch.equal(encode(loaded, images), encode(DctCodec(scale=tuple(range(1, 17))), images))
