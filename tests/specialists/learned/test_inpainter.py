"""Tests of inpainting by the real pipelines, by properties that hold for any weights."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import tiny_folders, tiny_inpaint
from omniedit.aspect import RATIOS, bucket_size
from omniedit.errors import UserError
from omniedit.models.adaptive_batches import OomAdaptiveBatcher
from omniedit.specialists.learned.canvas import Canvas, composite, soft_inside
from omniedit.specialists.learned.inpainter import Hole, Inpainter

FOLDERS: dict[str, Callable[[Path], Path]] = {
    "InpaintPipeline": tiny_inpaint.make_folder,
    "FluxFillPipeline": tiny_folders.make_flux_fill,
    "StableDiffusionXLInpaintPipeline": tiny_folders.make_sdxl_inpainting,
    "StableDiffusion3InpaintPipeline": tiny_folders.make_sd3,
}


@pytest.fixture(scope="module", params=FOLDERS)
def inpainter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Inpainter:
    folder = FOLDERS[request.param](tmp_path_factory.mktemp("inpainting") / request.param)
    return Inpainter.load(folder, request.param, steps=2, resolution=64)


def hole(height: int, width: int, seed: int = 1) -> Hole:
    image = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    mask = np.zeros((height, width), bool)
    mask[height // 4 : height // 2, width // 4 : width // 2] = True
    return Hole(image, mask, "the dog", seed)


def test_pixels_outside_the_mask_stay_unchanged(inpainter: Inpainter) -> None:
    holes = [hole(66, 90), hole(50, 50)]
    for given, filled in zip(holes, inpainter.fill(holes), strict=True):
        assert filled.shape == given.image.shape and filled.dtype == np.uint8
        assert np.array_equal(filled[~given.mask], given.image[~given.mask])
        assert (filled[given.mask] != given.image[given.mask]).mean() > 0.5


def test_empty_mask_returns_the_photo(inpainter: Inpainter) -> None:
    given = hole(66, 90)
    (filled,) = inpainter.fill([replace(given, mask=np.zeros_like(given.mask))])
    assert np.array_equal(filled, given.image)


def test_seed_determines_the_fill_in_any_batch(inpainter: Inpainter) -> None:
    holes = [hole(64, 48, seed) for seed in (1, 2, 3)]
    together = inpainter.fill(holes)
    for given, filled in zip(holes, together, strict=True):
        (alone,) = inpainter.fill([given])
        assert np.abs(filled.astype(int) - alone.astype(int)).max() <= 1
    again = inpainter.fill([replace(holes[0], seed=7), holes[0]])
    assert np.array_equal(again[1], inpainter.fill([holes[0], holes[1]])[0])
    assert not np.array_equal(again[0], again[1])


def test_photos_painted_at_the_same_size_share_a_batch(inpainter: Inpainter, monkeypatch: pytest.MonkeyPatch) -> None:
    holes = [hole(*size, seed) for seed, size in enumerate(((96, 144), (100, 150), (90, 66), (108, 162)))]
    alone = [inpainter.fill([each])[0] for each in holes]
    sizes, painted = [], inpainter._paint_all
    monkeypatch.setattr(inpainter, "_paint_all", lambda batch: sizes.append(len(batch)) or painted(batch))
    for given, filled, by_itself in zip(holes, inpainter.fill(holes), alone, strict=True):
        assert filled.shape == given.image.shape
        assert np.abs(filled.astype(int) - by_itself.astype(int)).max() <= 1
    assert sizes == [3, 1]


def test_unsupported_pipelines_and_broken_folders_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="StableDiffusionPipeline is not supported for inpainting; use one of InpaintPipeline, FluxFill"
    ):
        Inpainter.load(tmp_path, "StableDiffusionPipeline")
    folder = tiny_folders.make_sdxl(tmp_path / "sdxl")
    with pytest.raises(UserError, match="\\(StableDiffusionXLPipeline\\) cannot be loaded as FluxFillPipeline"):
        Inpainter.load(folder, "FluxFillPipeline")
    for path in (folder / "unet").glob("*.safetensors"):
        path.rename(path.with_suffix(".bin"))
    with pytest.raises(UserError, match="which could run code when it is read"):
        Inpainter.load(folder, "StableDiffusionXLInpaintPipeline")


@pytest.mark.parametrize("ratio", RATIOS)
def test_photos_of_each_ratio_are_painted_at_their_own_size(ratio: str) -> None:
    width, height = bucket_size(ratio, 1024)
    canvas = Canvas.of(np.zeros((height, width, 3), np.uint8), 1100, grid=16)
    assert canvas.padded == canvas.size == (height, width) and height * width >= 2**20


def test_canvas_keeps_the_ratio_of_large_and_the_size_of_small_photos() -> None:
    large = Canvas.of(np.zeros((1500, 2250, 3), np.uint8), 1024, grid=16)
    assert large.size == (836, 1254) and large.padded == (848, 1264)
    small = np.random.default_rng(0).integers(0, 255, (30, 45, 3), np.uint8)
    canvas = Canvas.of(small, 1024, grid=16)
    laid_out = canvas.to_model(small)
    assert laid_out.shape == (32, 48, 3) and np.array_equal(laid_out[30, :45], small[29])
    assert np.array_equal(canvas.from_model(laid_out), small)


def test_resized_mask_keeps_thin_parts_and_stays_inside_the_photo() -> None:
    mask = np.zeros((1500, 2250), bool)
    mask[:, 700] = mask[-1] = True
    canvas = Canvas.of(np.zeros((1500, 2250, 3), np.uint8), 512, grid=16)
    laid_out = canvas.to_model_mask(mask)
    assert laid_out[: canvas.size[0]].any(axis=1).all() and not laid_out[canvas.size[0] :].any()


def test_opacity_ramps_up_from_the_hole_rim_except_at_the_border() -> None:
    mask = np.zeros((200, 200), bool)
    mask[:, 50:] = True
    opacity = soft_inside(mask)
    assert (opacity[:, :50] == 0).all() and (opacity[:, 60:] == 1).all()
    assert 0 < opacity[0, 50] < opacity[0, 53] < 1
    filled = composite(np.zeros((200, 200, 3), np.uint8), np.full((200, 200, 3), 200, np.uint8), mask)
    assert filled[:, :50].max() == 0 and filled[100, 51, 0] < 100 and (filled[:, 60:] == 200).all()


def test_batch_that_runs_out_of_memory_is_halved_with_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = []

    def run(batch: Sequence[int]) -> list[int]:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [10 * item for item in batch]

    batches = OomAdaptiveBatcher(8)
    assert batches.map(run, range(7)) == [0, 10, 20, 30, 40, 50, 60]
    assert sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert "out of memory on a batch of 7 images; continuing with 3" in capsys.readouterr().out
    assert batches.map(run, range(2)) == [0, 10] and sizes[-2:] == [1, 1]


def test_out_of_memory_on_a_single_image_raises_error() -> None:
    def run(batch: Sequence[int]) -> list[int]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UserError, match="out of memory on one image"):
        OomAdaptiveBatcher(2).map(run, range(2))


def test_pipeline_that_runs_out_of_memory_continues_with_smaller_batches(
    inpainter: Inpainter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    holes = [hole(32, 32, seed) for seed in range(5)]
    whole = [inpainter.fill([each])[0] for each in holes]
    call = type(inpainter.pipeline).__call__

    def call_limited(pipeline: object, prompt: list[str], **options: object) -> object:
        if len(prompt) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return call(pipeline, prompt, **options)

    monkeypatch.setattr(type(inpainter.pipeline), "__call__", call_limited)
    monkeypatch.setattr(inpainter, "batches", OomAdaptiveBatcher(4))
    for filled, alone in zip(inpainter.fill(holes), whole, strict=True):
        assert np.abs(filled.astype(int) - alone.astype(int)).max() <= 1
    assert "continuing with 2" in capsys.readouterr().out
