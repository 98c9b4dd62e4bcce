"""Folders like those of fetched pretrained models, with tiny random weights."""

from functools import partial
from pathlib import Path

from diffusers import StableDiffusionXLInstructPix2PixPipeline

from benchmarks.random_model_sizes import TINY
from benchmarks.random_models import Maker
from helpers.single_file import save_single_file
from omniedit.specialists.learned.stylist import SINGLE_FILE

MAKER = Maker(TINY, "cpu")
make_sd3 = partial(MAKER.save, "StableDiffusion3Pipeline")
make_sdxl = partial(MAKER.save, "StableDiffusionXLPipeline")
make_sdxl_inpainting = partial(MAKER.save, "StableDiffusionXLInpaintPipeline")
make_flux_fill = partial(MAKER.save, "FluxFillPipeline")
make_detector = partial(MAKER.save, "GroundingDinoForObjectDetection")
make_segmenter = partial(MAKER.save, "SamModel")


def make_style_configs(folder: Path) -> Path:
    """Save the configs of an SDXL without weights, as fetched for CosXL's single file."""
    for path in make_sdxl(folder).rglob("*.safetensors"):
        path.unlink()
    return folder


def make_single_style(folder: Path) -> Path:
    """Save a CosXL-Edit as published, with its weights in one file, and the same in diffusers' layout in whole/."""
    whole = MAKER.save("StableDiffusionXLInstructPix2PixPipeline", folder / "whole")
    save_single_file(StableDiffusionXLInstructPix2PixPipeline.from_pretrained(whole), folder / SINGLE_FILE)
    return folder
