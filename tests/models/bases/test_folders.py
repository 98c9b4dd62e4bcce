"""Tests of bases from folders of FLUX.1, Qwen-Image and Z-Image: loading, text, latents, and editors over them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from helpers.tiny_base_pipelines import MAKERS, save
from omniedit import models
from omniedit.models.base import Base
from omniedit.models.codec import decode, encode
from omniedit.models.pipeline import EditPipeline

TEXTS = ["add fog", "make it night at the path"]


@pytest.fixture(scope="module", params=MAKERS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(request.param, tmp_path_factory.mktemp("base") / request.param)


@pytest.fixture(scope="module")
def load_base(folder: Path) -> Base:
    return Base.load(folder)


def photo(width: int = 96, height: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8))


def quiet(pipeline: EditPipeline) -> EditPipeline:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@torch.no_grad()
def test_embeddings_of_instructions_match_the_diffusers_pipeline(folder: Path, load_base: Base) -> None:
    prompt, pooled = load_base.text.encode(TEXTS)
    pipeline = DiffusionPipeline.from_pretrained(folder)
    for row, text in enumerate(TEXTS):
        if folder.name == "flux":
            expected, expected_pooled, _ = pipeline.encode_prompt(text, None)
            torch.testing.assert_close(pooled[row], expected_pooled[0])
            torch.testing.assert_close(prompt[row], expected[0])
            continue
        expected = pipeline.encode_prompt(text)[0][0]
        torch.testing.assert_close(prompt[row, : len(expected)], expected)
        assert pooled[row].sum() == len(expected) and not prompt[row, len(expected) :].any()


@torch.no_grad()
def test_latents_have_sixteen_channels_and_decode_to_the_size_of_the_image(load_base: Base) -> None:
    images = torch.rand(2, 3, 32, 48) * 2 - 1
    latents = encode(load_base.vae, images)
    assert latents.shape == (2, 16, 4, 6)
    assert decode(load_base.vae, latents).shape == images.shape


@torch.no_grad()
def test_samples_of_an_untrained_editor_match_the_diffusers_pipeline(folder: Path, load_base: Base) -> None:
    """Packed latents, shift by resolution, guidance embedding and text must all be as in diffusers' pipeline."""
    editor = quiet(load_base.pipeline(models.build("editnet", load_base.transformer), resolution=96))
    made = editor(
        photo(), TEXTS[0], 3, 1.0, 1.0, generator=torch.Generator().manual_seed(0), output_type="latent"
    ).images[0]
    noise = torch.randn(1, 16, 8, 12, generator=torch.Generator().manual_seed(0))
    pipeline = DiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    packed = noise if folder.name == "z_image" else pipeline._pack_latents(noise, 1, 16, 8, 12)
    options = {"flux": {"guidance_scale": 3.5}, "qwen_image": {"true_cfg_scale": 1.0}, "z_image": {"guidance_scale": 0}}
    expected = pipeline(
        TEXTS[0], height=64, width=96, num_inference_steps=3, latents=packed, output_type="latent",
        **options[folder.name],
    ).images  # fmt: skip
    if folder.name != "z_image":
        expected = pipeline._unpack_latents(expected, 64, 96, 8).reshape(1, 16, 8, 12)
    torch.testing.assert_close(made, expected[0], rtol=1e-4, atol=1e-4)


def test_saved_editor_edits_the_same_and_keeps_the_size_of_the_image(load_base: Base, tmp_path: Path) -> None:
    made = load_base.pipeline(models.build("sequence_concat", load_base.transformer), resolution=64)
    made.save_pretrained(tmp_path)
    edits = [
        quiet(pipeline)(photo(90, 60), TEXTS[0], 2, 2.0, generator=torch.Generator().manual_seed(0)).images[0]
        for pipeline in (made, EditPipeline.from_pretrained(tmp_path))
    ]
    assert edits[0].size == (90, 60) and np.array_equal(*map(np.asarray, edits))
