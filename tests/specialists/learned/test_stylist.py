"""CosXL-Edit's pipeline with random weights, by what holds whatever they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.tiny_sdxl import make_style
from omniedit.errors import UserError
from omniedit.specialists.learned.stylist import Restyling, Stylist


@pytest.fixture(scope="module")
def stylist(tmp_path_factory: pytest.TempPathFactory) -> Stylist:
    return Stylist.load(make_style(tmp_path_factory.mktemp("style") / "cosxl"), steps=2, resolution=64, batch_size=2)


def restyling(height: int, width: int, seed: int) -> Restyling:
    image = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    return Restyling(image, "make it night", seed)


def test_each_photo_keeps_its_size_and_its_seed_decides_whatever_the_batch(stylist: Stylist) -> None:
    wanted = [restyling(48, 64, 1), restyling(150, 100, 2), restyling(48, 64, 3), restyling(48, 64, 4)]
    drawn = stylist.restyle(wanted)
    assert [picture.shape for picture in drawn] == [one.image.shape for one in wanted]
    for one, picture in zip(wanted, drawn, strict=True):
        assert np.abs(picture.astype(int) - stylist.restyle([one])[0].astype(int)).max() <= 1
        assert not np.array_equal(picture, stylist.restyle([replace(one, seed=99)])[0])


def test_photo_and_instruction_both_count(stylist: Stylist) -> None:
    one = restyling(48, 64, 1)
    others = [one, replace(one, instruction="add fog"), replace(one, image=255 - one.image)]
    first, second, third = stylist.restyle(others)
    assert not np.array_equal(first, second) and not np.array_equal(first, third)


def test_latents_are_scaled_as_cosxl_edit_takes_them(stylist: Stylist) -> None:
    assert stylist.pipeline.is_cosxl_edit


def test_a_model_in_one_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "cosxl_edit.safetensors").touch()
    with pytest.raises(UserError, match="a whole model in one file is not read yet"):
        Stylist.load(tmp_path)
