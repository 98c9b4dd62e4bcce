"""Tests of the source and target files of `omniedit edit`."""

from pathlib import Path

import pytest

from omniedit.cli.edit_paths import output_paths


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Make a folder with files that are named like images."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.jpg", "deep/b.png", "broken.webp"):
        (folder / name).touch()
    return folder


def test_target_is_next_to_the_source_or_below_the_output_folder(photos: Path, tmp_path: Path) -> None:
    a, b, out = photos / "a.jpg", photos / "deep/b.png", tmp_path / "out"
    assert output_paths([a], None) == {a: photos / "a.edited.jpg"}
    assert output_paths([a], out / "x.PNG") == {a: out / "x.PNG"}
    assert output_paths([a, b], out) == {a: out / "a.jpg", b: out / "b.png"}
    assert output_paths([photos / "deep"], out) == {b: out / "b.png"}
    assert output_paths([a], tmp_path / "newdir/") == {a: tmp_path / "newdir/a.jpg"}


def test_earlier_edits_are_skipped(photos: Path) -> None:
    a, b, broken = photos / "a.jpg", photos / "deep/b.png", photos / "broken.webp"
    for name in ("a.edited.jpg", "out/a.jpg"):
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).touch()
    assert set(output_paths([photos], None)) == {a, b, broken, photos / "out/a.jpg"}
    assert set(output_paths([photos], photos / "out")) == {a, b, broken, photos / "a.edited.jpg"}
    everything = {a, b, broken, photos / "a.edited.jpg", photos / "out/a.jpg"}
    for out in (photos, photos.parent, photos.parent / "elsewhere"):
        assert set(output_paths([photos], out)) == everything
    assert set(output_paths([photos / "a.edited.jpg"], None)) == {photos / "a.edited.jpg"}
