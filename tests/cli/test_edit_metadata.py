"""`omniedit edit` keeps the EXIF data of a photo, and reports what it drops."""

from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from PIL.ExifTags import IFD

from helpers.photo_edits import MAKER, NOTES, ORIENTATION, TAKEN, edit
from omniedit.cli.edit_paths import FORMATS
from omniedit.errors import UserError


def test_edit_keeps_exif_data_and_is_upright(photos: Path, editor: Path, tmp_path: Path) -> None:
    edit([photos / "a.jpg"], editor, tmp_path / "out.jpg")
    with PIL.Image.open(tmp_path / "out.jpg") as image:
        assert image.size == (40, 60)
        assert image.getexif()[MAKER] == "Camera" and ORIENTATION not in image.getexif()


def test_dropped_parts_of_the_source_are_reported(
    tmp_path: Path, editor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 4), np.uint8)
    PIL.Image.fromarray(pixels).save(folder / "clear.png")
    cv2.imwrite(str(folder / "deep.png"), pixels[..., :3].astype(np.uint16) * 257)
    frames = [PIL.Image.fromarray(np.roll(pixels[..., :3], shift, 1)) for shift in (0, 9)]
    frames[0].save(folder / "moving.webp", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "plain.jpg")
    frames[0].save(folder / "other.bmp")
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    with pytest.raises(UserError, match="1 of 5 images were not edited"):
        edit([folder], editor)
    printed = capsys.readouterr().out
    for line in (
        "files of other formats are skipped: .bmp",
        "clear.edited.png (without its transparency)",
        "deep.edited.png (without its 16 bits)",
        "moving.edited.webp (without its frames but the first)",
        "plain.edited.jpg\n",
        "gone.jpg: not edited: ",
    ):
        assert line in printed


def with_exif(folder: Path, notes: int = 0) -> Path:
    exif = PIL.Image.Exif()
    exif[MAKER] = "Camera"
    exif.get_ifd(IFD.GPSInfo)[1] = "N"
    exif.get_ifd(IFD.Exif)[TAKEN] = "2020:01:01 00:00:00"
    if notes:
        exif.get_ifd(IFD.Exif)[NOTES] = bytes(notes)
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    path = folder / "exif.png"
    PIL.Image.fromarray(pixels).save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_nested_exif_data_stays_in_every_format(photos: Path, editor: Path, suffix: str) -> None:
    edit([with_exif(photos)], editor, out := photos / f"out{suffix}")
    with PIL.Image.open(out) as image:
        image.load()
        exif = image.getexif()
        assert exif[MAKER] == "Camera" and exif.get_ifd(IFD.GPSInfo) == {1: "N"}
        assert exif.get_ifd(IFD.Exif) == {TAKEN: "2020:01:01 00:00:00"}


def test_exif_data_too_long_for_a_jpeg_loses_only_its_largest_entry(
    photos: Path, editor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit([with_exif(photos, notes=70_000)], editor, out := photos / "out.jpg")
    assert f"{out} (without its EXIF data MakerNote, too large for this format)" in capsys.readouterr().out
    with PIL.Image.open(out) as image:
        assert set(image.getexif().get_ifd(IFD.Exif)) == {TAKEN} and image.getexif()[MAKER] == "Camera"


@pytest.mark.parametrize("mode", ["RGBA", "I;16", "L", "CMYK"])
def test_edit_of_a_tiff_drops_entries_about_the_source_pixels(photos: Path, editor: Path, mode: str) -> None:
    source = photos / "scan.tif"
    exif = PIL.Image.Exif()
    exif[MAKER] = "Scanner"
    PIL.Image.new(mode, (60, 40)).save(source, exif=exif, compression="tiff_lzw")
    for out in (photos / "out.tif", photos / "out.jpg"):
        edit([source], editor, out)
        with PIL.Image.open(out) as image:
            image.load()
            assert (image.mode, image.size, image.getexif()[MAKER]) == ("RGB", (60, 40), "Scanner")
