"""Tests that compiled denoisers give the same images as uncompiled ones."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from torch import nn

from helpers import tiny_folders, tiny_inpaint
from omniedit.specialists.learned import paired_sampling
from omniedit.specialists.learned.compilation import compile_between_attentions, compile_blocks, get_denoiser
from omniedit.specialists.learned.inpainter import Hole, Inpainter
from omniedit.specialists.learned.paired_sampling import PairSamplingOptions, PromptPair, generate_pairs

TOLERANCE = 1e-4
"""Largest difference of values in [0, 1]."""


@pytest.fixture(autouse=True)
def without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Capture graphs but run them uncompiled, because kernel compilation is torch's own concern."""
    monkeypatch.setattr("torch.compile", partial(torch.compile, backend="aot_eager"))


def compile_part(network: nn.Module) -> set[str]:
    return {type(part).__name__ for part in network.modules() if part._compiled_call_impl is not None}


def test_compiled_inpainter_paints_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_inpaint.make_folder(tmp_path / "own")
    inpainter = Inpainter.load(folder, "InpaintPipeline", steps=2, resolution=64)
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    holes = [Hole(image, np.ones((32, 32), bool), "the dog", seed) for seed in (1, 2)]
    plain = inpainter.fill(holes)
    network = get_denoiser(inpainter.pipeline)
    compile_blocks(network)
    assert compile_part(network) == {"JointTransformerBlock"}
    for one, other in zip(plain, inpainter.fill(holes), strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


def test_compiled_denoiser_generates_the_same_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired_sampling, "levels", np.asarray)
    pipeline = DiffusionPipeline.from_pretrained(tiny_folders.make_sdxl(tmp_path / "sdxl"))
    pipeline.set_progress_bar_config(disable=True)
    pair = PromptPair("add the dog", "add the fog", seed=1)
    (plain,) = generate_pairs(pipeline, [pair], (32, 32), PairSamplingOptions(steps=2))
    network = get_denoiser(pipeline)
    compile_between_attentions(network)
    assert compile_part(network) == {"FeedForward", "ResnetBlock2D"}
    (again,) = generate_pairs(pipeline, [pair], (32, 32), PairSamplingOptions(steps=2))
    for one, other in zip(plain, again, strict=True):
        np.testing.assert_allclose(one, other, atol=TOLERANCE)
    assert not np.array_equal(*again)
