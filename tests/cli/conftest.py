"""Fixtures of the tests of commands that edit photos or score a table of images."""

import csv
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from helpers.photo_edits import MAKER, ORIENTATION


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from helpers.tiny_editor import make_pipeline

    folder = tmp_path_factory.mktemp("editor")
    make_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Write two photos, one of them stored sideways, and a file that is not an image."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    exif = PIL.Image.Exif()
    exif[MAKER], exif[ORIENTATION] = "Camera", 6
    PIL.Image.fromarray(pixels).save(folder / "a.jpg", exif=exif)
    PIL.Image.fromarray(pixels).save(folder / "deep/b.png")
    (folder / "broken.webp").write_bytes(b"no picture")
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write a table of five rows, two of them valid."""
    images = tmp_path / "pictures"
    images.mkdir()
    for name in ("a", "b"):
        pixels = np.random.default_rng(ord(name)).integers(0, 255, (20, 30, 3), np.uint8)
        PIL.Image.fromarray(pixels).save(images / f"{name}.png")
    (images / "broken.png").write_bytes(b"no picture")
    rows = [
        ["my_id", "source", "edited", "instruction"],
        ["1", "pictures/a.png", "pictures/b.png", "Make it night, please."],
        ["2", "pictures/a.png", "pictures/lost.png", "Add fog."],
        ["3", "pictures/a.png", "pictures/broken.png", "Add fog."],
        ["4", "pictures/b.png", "pictures/a.png", " "],
        ["5", "pictures/b.png", "pictures/a.png", "Remove the dog."],
    ]
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path / "table.csv"
