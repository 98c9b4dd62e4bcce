"""`omniedit edit`: every picture that can be read is edited, nothing is overwritten unasked, EXIF data is kept."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from models.tiny_editor import make_pipeline
from omniedit.edit_files import Settings, edit_files, targets_of
from omniedit.errors import UserError

MAKER, ORIENTATION = 0x010F, 0x0112
SETTINGS = Settings("Add fog.", negative_prompt="", steps=1, guidance_scale=1, image_guidance_scale=1, seed=0)


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("editor")
    make_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos, one of them lying on its side, and a file that is none."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    exif = PIL.Image.Exif()
    exif[MAKER], exif[ORIENTATION] = "Camera", 6
    PIL.Image.fromarray(pixels).save(folder / "a.jpg", exif=exif)
    PIL.Image.fromarray(pixels).save(folder / "deep/b.png")
    (folder / "broken.webp").write_bytes(b"no picture")
    return folder


def edit(inputs: list[Path], editor: Path, out: Path | None = None, overwrite: bool = False) -> None:
    edit_files(inputs, out, overwrite, editor, "cpu", SETTINGS)


def test_a_folder_is_edited_but_for_what_cannot_be_read(
    photos: Path, editor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="1 of 3 pictures were not edited"):
        edit([photos], editor, tmp_path / "out")
    assert "broken.webp: not edited: not a jpeg, png, webp, tiff picture" in capsys.readouterr().out
    edits = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert edits == {"a.jpg", "deep/b.png"}


def test_exif_data_stays_and_the_picture_is_upright(photos: Path, editor: Path, tmp_path: Path) -> None:
    edit([photos / "a.jpg"], editor, tmp_path / "out.jpg")
    with PIL.Image.open(tmp_path / "out.jpg") as image:
        assert image.size == (40, 60)
        assert image.getexif()[MAKER] == "Camera" and ORIENTATION not in image.getexif()


def test_what_is_there_is_only_replaced_when_asked(photos: Path, editor: Path) -> None:
    edit([photos / "a.jpg"], editor)
    made = photos / "a.edited.jpg"
    first = made.read_bytes()
    with pytest.raises(UserError, match=r"a\.edited\.jpg: exists .* --overwrite"):
        edit([photos / "a.jpg"], editor)
    made.write_bytes(b"old")
    edit([photos / "a.jpg"], editor, overwrite=True)
    assert made.read_bytes() == first


def test_where_edits_go(photos: Path, tmp_path: Path) -> None:
    a, b, out = photos / "a.jpg", photos / "deep/b.png", tmp_path / "out"
    assert targets_of([a], None) == {a: photos / "a.edited.jpg"}
    assert targets_of([a], out / "x.PNG") == {a: out / "x.PNG"}
    assert targets_of([a, b], out) == {a: out / "a.jpg", b: out / "b.png"}
    assert targets_of([photos / "deep"], out) == {b: out / "b.png"}


@pytest.mark.parametrize(
    ("inputs", "out", "told"),
    [
        (["absent.jpg"], None, r"absent\.jpg: no such file or folder"),
        (["a.jpg"], "x.gif", r"x\.gif: no format by that name; there are \.jpg"),
        (["deep", "twin"], "out", r"b\.png: its edit would be a second .*out/b\.png"),
        (["empty"], "out", r"empty: holds no \.jpg"),
    ],
)
def test_what_cannot_be_done_is_told_before_the_model_is_loaded(
    photos: Path, tmp_path: Path, inputs: list[str], out: str | None, told: str
) -> None:
    (photos / "empty").mkdir()
    shutil.copytree(photos / "deep", photos / "twin")
    with pytest.raises(UserError, match=told):
        edit([photos / name for name in inputs], tmp_path / "no model", out and tmp_path / out)


def test_a_folder_without_an_editor_is_named(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no editor to load"):
        edit([photos / "a.jpg"], tmp_path / "empty")


def test_the_command_edits(photos: Path, editor: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    command = [Path(sys.executable).with_name("omniedit"), "edit", photos / "a.jpg", "make it snow", "--model", editor]
    done = subprocess.run([*command, "--steps", "1", "-o", out], capture_output=True, text=True)
    assert done.returncode == 0 and out.is_file() and f"a.jpg -> {out}" in done.stdout, done.stderr
