"""The pipeline: any size in, the same size out, the same from its folder, unchanged where the model changes nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from PIL import Image

from omniedit import models
from omniedit.config import TrainConfig
from omniedit.models.base import Base
from omniedit.models.codec import DctCodec
from omniedit.models.pipeline import EditPipeline, pad_to_grid, two_scale_guidance, working_size
from omniedit.models.text import encode_text, load_minilm
from omniedit.training.base import small_sd3

RESOLUTION = 64
TINY = TrainConfig.model_validate({"resolution": RESOLUTION, "base": {"layers": 2, "heads": 2, "head_dim": 16}})


@pytest.fixture(scope="module")
def pipeline() -> EditPipeline:
    text_encoder, tokenizer = load_minilm()
    torch.manual_seed(0)
    transformer = small_sd3(TINY, text_encoder.config.hidden_size)
    base = Base(transformer, DctCodec(), text_encoder, tokenizer, FlowMatchEulerDiscreteScheduler(), "sample")
    made = base.pipeline(models.build("editnet", transformer, "sample"), RESOLUTION)
    made.set_progress_bar_config(disable=True)
    return made


def photo(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width)
    return Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (97, 61), (7, 5), (300, 40), (2000, 1)])
def test_any_size_comes_back_at_its_size(pipeline: EditPipeline, width: int, height: int) -> None:
    edited = pipeline(photo(width, height), "Make it night.", num_inference_steps=2, generator=seeded()).images[0]
    assert edited.size == (width, height)


def test_a_saved_pipeline_edits_the_same(pipeline: EditPipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    loaded = EditPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    edits = [p(photo(90, 60), "Add fog.", 3, generator=seeded(), output_type="np") for p in (pipeline, loaded)]
    assert np.array_equal(edits[0].images[0], edits[1].images[0])
    assert loaded.config["resolution"] == RESOLUTION


def test_several_pictures_are_edited_as_each_alone(pipeline: EditPipeline) -> None:
    pictures, texts = [photo(64, 48), photo(40, 64)], ["Make it night.", "Add fog."]
    together = pipeline(pictures, texts, 2, generator=[seeded(1), seeded(2)], output_type="np").images
    for picture, text, seed, edited in zip(pictures, texts, (1, 2), together, strict=True):
        alone = pipeline(picture, text, 2, generator=seeded(seed), output_type="np").images[0]
        assert np.array_equal(alone, edited)


def test_detail_that_the_codec_cannot_carry_stays(pipeline: EditPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that gives the source back changes no pixel, at any size."""
    monkeypatch.setattr(EditPipeline, "_sample", lambda self, source, *_: source)
    picture = photo(301, 203)
    assert np.array_equal(np.asarray(pipeline(picture, "Keep it.").images[0]), np.asarray(picture))


def test_pictures_of_any_mode_are_edited_upright(pipeline: EditPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EditPipeline, "_sample", lambda self, source, *_: source)
    grey = np.full((40, 60), 0x80FF, np.uint16)
    assert np.asarray(pipeline(Image.fromarray(grey), "Keep it.").images[0]).max() == 0x80
    clear = pipeline(Image.new("RGBA", (60, 40), (0, 0, 0, 0)), "Keep it.").images[0]
    assert np.asarray(clear).min() == 255
    sideways = photo(60, 40)
    sideways.getexif()[0x0112] = 6
    assert pipeline(sideways, "Keep it.").images[0].size == (40, 60)


def test_wrong_arguments_are_named(pipeline: EditPipeline, tmp_path: Path) -> None:
    for wrong, told in (
        ({"image": "photo.jpg"}, r"image: a str, .* PIL\.Image\.open"),
        ({"num_inference_steps": 0}, "num_inference_steps: 0"),
        ({"output_type": "jpeg"}, "output_type: 'jpeg' is none of pil, np, pt"),
        ({"instruction": ["Add fog.", "Make it night."]}, "1 images, 2 instructions"),
    ):
        with pytest.raises(ValueError, match=told):
            pipeline(**({"image": photo(60, 40), "instruction": "Add fog."} | wrong))
    with pytest.raises(FileNotFoundError, match="absent: no such folder"):
        EditPipeline.from_pretrained(tmp_path / "absent")


def test_padding_mirrors_and_keeps_the_picture() -> None:
    images = torch.arange(6.0).reshape(1, 1, 2, 3)
    padded = pad_to_grid(images, 8)
    assert padded.shape == (1, 1, 8, 8)
    assert padded[0, 0, 0].tolist() == [0, 1, 2, 2, 1, 0, 0, 1]
    assert torch.equal(pad_to_grid(padded, 8), padded)


def test_large_pictures_are_scaled_to_the_resolution_and_small_ones_left() -> None:
    assert working_size(1024, 4096, 512, 10**6) == (256, 1024)
    assert working_size(100, 60, 128, 10**6) == (100, 60)
    assert working_size(10, 4096, 512, 1024) == (2, 1024)


def test_guidance_at_scale_one_is_no_guidance_and_at_zero_forgets() -> None:
    full, no_text, neither = torch.randn(3, 1, 16, 2, 2, generator=seeded())
    torch.testing.assert_close(two_scale_guidance(full, no_text, neither, 1.0, 1.0), full)
    torch.testing.assert_close(two_scale_guidance(full, no_text, neither, 0.0, 1.0), no_text)
    torch.testing.assert_close(two_scale_guidance(full, no_text, neither, 0.0, 0.0), neither)
    doubled = two_scale_guidance(full, no_text, neither, 2.0, 1.0)
    torch.testing.assert_close(doubled - no_text, 2 * (full - no_text))


def test_text_embeddings_end_with_the_text_and_do_not_depend_on_its_neighbours() -> None:
    encoder, tokenizer = load_minilm()
    long, short = "Turn the pink brush on the left side of the picture green.", "Add fog."
    embeds, pooled = encode_text(encoder, tokenizer, [long, short])
    assert embeds.shape == (2, 32, 384) and pooled.shape == (2, 384)
    assert embeds[1, 5:].abs().sum() == 0 and embeds[1, :5].abs().sum(dim=-1).min() > 0
    torch.testing.assert_close(pooled.square().mean(-1), torch.ones(2))
    alone, _ = encode_text(encoder, tokenizer, [short])
    torch.testing.assert_close(alone[0], embeds[1], atol=1e-4, rtol=1e-3)
