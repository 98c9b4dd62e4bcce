"""Tests of photo shards: they return the indexed photos, are reproducible, and report damage."""

import tarfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from omniedit.errors import DamagedFile, UserError
from omniedit.sources.listing import list_files
from omniedit.sources.photo import NamedObject
from omniedit.sources.photo_index import IndexRow, PhotoRequirements, index_rows
from omniedit.sources.photo_shard import PhotoShard, PhotoShards, pack

DEMANDS = PhotoRequirements(min_pixels=100, max_pixels=7000, ratio_tolerance=0.15, crop="centre")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    root = tmp_path / "photos"
    root.mkdir()
    for name, (width, height) in {"plain.jpg": (96, 64), "wide.png": (100, 64), "plain.png": (64, 64)}.items():
        PIL.Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8)).save(root / name)
    PIL.Image.fromarray(rng.integers(0, 255, (64, 96, 4), np.uint8), "RGBA").save(root / "alpha.webp", lossless=True)
    line = '{"file": "plain.jpg", "caption": "noise", "objects": [{"name": "dot", "box": [0, 0, 0.5, 0.5]}]}'
    (root / "photos.jsonl").write_text(line)
    return root


def read_rows(root: Path) -> list[IndexRow]:
    return [row for row in index_rows(root, list_files(root), DEMANDS) if row["status"] == "kept"]


def pack_photos(root: Path, path: Path) -> Path:
    names = list(pack(root, read_rows(root), path))
    assert names == sorted(names)
    return path


def test_photos_read_back_upright_cropped_and_described(folder: Path, tmp_path: Path) -> None:
    with PhotoShard(pack_photos(folder, tmp_path / "00000.tar")) as shard:
        assert len(shard) == 4 and len(shard.names) == 4
        photos = {shard.metadata(i)["file"]: shard[i] for i in range(4)}
        assert [photo.source_id for photo in shard] == shard.names
    plain = photos["plain.jpg"]
    assert (plain.image == np.array(PIL.Image.open(folder / "plain.jpg"))).all()
    assert (plain.source_id, plain.caption, plain.ratio) == ("plain", "noise", "3x2")
    assert plain.objects == (NamedObject("dot", (0, 0, 0.5, 0.5)),)
    assert (photos["wide.png"].image == np.array(PIL.Image.open(folder / "wide.png"))[:, 2:98]).all()
    assert photos["alpha.webp"].image.shape == (64, 96, 3)


def test_large_photo_is_downscaled_and_its_boxes_stay_relative(folder: Path, tmp_path: Path) -> None:
    rising = np.linspace(0, 80, 300)[None, :, None] + np.array([9, 99, 119]) + np.zeros((200, 1, 1))
    PIL.Image.fromarray(rising.astype(np.uint8)).save(folder / "plain.jpg", quality=95)
    with PhotoShard(pack_photos(folder, tmp_path / "00000.tar")) as shard:
        photo = shard[shard.names.index("plain")]
    assert photo.image.shape == (68, 102, 3) and 0.95 * 7000 < 68 * 102 <= 7000
    assert np.abs(photo.image.mean((0, 1)) - rising.mean((0, 1))).max() < 4
    assert photo.ratio == "3x2" and photo.objects == (NamedObject("dot", (0, 0, 0.5, 0.5)),)


def test_samples_of_all_tars_have_the_same_suffixes(folder: Path, tmp_path: Path) -> None:
    """Hugging Face `datasets` requires this of WebDataset tars, whatever the format of the photos."""
    with tarfile.open(pack_photos(folder, tmp_path / "00000.tar")) as tar:
        names = tar.getnames()
    assert {name.partition(".")[2] for name in names} == {"json", "png"} and len(names) == 8


def test_same_photos_give_bit_identical_shards(folder: Path, tmp_path: Path) -> None:
    first = pack_photos(folder, tmp_path / "a.tar").read_bytes()
    (folder / "plain.jpg").touch()
    list(pack(folder, read_rows(folder)[::-1], tmp_path / "b.tar"))
    assert (tmp_path / "b.tar").read_bytes() == first


@pytest.mark.parametrize("change", ["gone", "other", "broken"])
def test_photo_changed_since_indexing_raises_error_with_remedy(folder: Path, tmp_path: Path, change: str) -> None:
    rows = read_rows(folder)
    if change == "gone":
        (folder / "plain.jpg").unlink()
    elif change == "other":
        PIL.Image.new("RGB", (96, 64)).save(folder / "plain.jpg")
    else:
        (folder / "plain.jpg").write_bytes(b"no photo")
    with pytest.raises(UserError, match=r"plain\.jpg: .*run snakemake --forcerun index_sources"):
        list(pack(folder, rows, tmp_path / "00000.tar"))


def test_tar_truncated_anywhere_is_reported_as_damaged(folder: Path, tmp_path: Path) -> None:
    whole = pack_photos(folder, tmp_path / "00000.tar").read_bytes()
    cut = tmp_path / "cut.tar"
    for end in range(0, len(whole.rstrip(b"\0")), 509):
        cut.write_bytes(whole[:end])
        with pytest.raises(DamagedFile, match=r"cut\.tar: damaged: "):
            PhotoShard(cut)
    with pytest.raises(UserError, match="no such file"):
        PhotoShard(tmp_path / "absent.tar")


def test_flipped_bit_of_an_image_is_detected(folder: Path, tmp_path: Path) -> None:
    tar = pack_photos(folder, tmp_path / "00000.tar")
    with PhotoShard(tar) as shard:
        offset, size = shard._places[0]
    whole = bytearray(tar.read_bytes())
    whole[offset + size // 2] ^= 1
    tar.write_bytes(whole)
    with PhotoShard(tar) as shard, pytest.raises(DamagedFile, match="does not match its checksum"):
        shard[0]


def test_several_shards_read_as_one(folder: Path, tmp_path: Path) -> None:
    rows = read_rows(folder)
    for number, part in enumerate((rows[:1], rows[1:])):
        list(pack(folder, part, tmp_path / f"{number}.tar"))
    with PhotoShard(tmp_path / "0.tar") as first, PhotoShard(tmp_path / "1.tar") as second:
        both = PhotoShards([first, second])
        assert both.names == [*first.names, *second.names] == [photo.source_id for photo in both]
        assert both[3].source_id == both.metadata(3)["source_id"] == second.names[2]


def test_benchmark_photos_and_their_near_duplicates_are_skipped(folder: Path, tmp_path: Path) -> None:
    tar = pack_photos(folder, tmp_path / "00000.tar")
    with PhotoShard(tar) as shard:
        names = shard.names
        equal = {"sha256": shard[0].sha256, "phash": None}
        almost = f"{int(shard[1].phash, 16) ^ 0b1011:036x}"
        left = PhotoShards([shard], [equal, {"sha256": "another", "phash": almost}])
        assert left.names == names[2:] == [photo.source_id for photo in left]
