"""Photos are identified by content; size and time only avoid reading them again."""

import json
import os
import shutil
from pathlib import Path

import pytest

from omniedit.config.schema import SourcesConfig
from omniedit.sources import file_identity
from omniedit.sources.file_identity import Identity, identify, identify_sources, read_content, record_file

PHOTOS = {"a.jpg": b"one", "b/c.png": b"two"}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of photos that a job has read."""
    for name, content in PHOTOS.items():
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(content)
    read(tmp_path / "photos")
    return tmp_path / "photos"


def read(photos: Path) -> str:
    """Read photos as a job does, and return the recorded key."""
    file = record_file(photos.parent / "index.parquet")
    content = read_content({name: photos / name for name in PHOTOS}, {}, file)
    content.write(file)
    return content.key


def now(photos: Path, **unread: str) -> Identity:
    files = {path.relative_to(photos).as_posix(): path for path in photos.rglob("*") if not path.is_dir()}
    return identify(files, unread, record_file(photos.parent / "index.parquet"))


def test_key_planned_for_a_job_is_the_one_it_records(photos: Path) -> None:
    record = record_file(photos.parent / "index.parquet")
    record.unlink()
    planned = now(photos).key
    assert read(photos) == planned == now(photos).key


def test_touched_and_copied_photos_keep_their_key_and_are_read_once(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = now(photos).key
    (photos / "a.jpg").touch()
    shutil.move(shutil.copytree(photos, photos.parent / "copy", copy_function=shutil.copyfile), photos.parent / "moved")
    copied = now(photos.parent / "moved")
    assert now(photos).key == copied.key == key
    now(photos).refresh()
    monkeypatch.setattr(file_identity, "digest_or_reason", lambda path: pytest.fail(f"{path} is read again"))
    assert now(photos).key == key and now(photos).newer is None


@pytest.mark.parametrize("content", [b"six", b"longer"])
def test_changed_content_changes_the_key(content: bytes, photos: Path) -> None:
    before = now(photos).key
    (photos / "a.jpg").write_bytes(content)
    os.utime(photos / "a.jpg", ns=(0, 10**9))
    changed = now(photos).key
    assert changed != before and changed == now(photos).key == read(photos) == now(photos).key


def test_added_removed_or_unreadable_photos_change_the_key(photos: Path) -> None:
    keys = [now(photos).key, now(photos, **{"closed/": "Permission denied"}).key]
    (photos / "d.jpg").touch()
    keys.append(now(photos).key)
    (photos / "d.jpg").rename(photos / "e.jpg")
    keys.append(now(photos).key)
    (photos / "e.jpg").unlink()
    assert now(photos).key == keys[0]
    (photos / "a.jpg").unlink()
    keys.append(now(photos).key)
    (photos / "a.jpg").symlink_to("nowhere")
    keys.append(now(photos).key)
    assert len(set(keys)) == 6


def test_forced_job_keeps_the_key_of_unchanged_content(photos: Path) -> None:
    key = now(photos).key
    os.utime(photos / "a.jpg", ns=(0, 0))
    assert read(photos) == key


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "a"}', '{"key": "a", "files": {"a.jpg": 1}}', "[" * 100_000])
def test_damaged_record_is_ignored(text: str, photos: Path) -> None:
    record = record_file(photos.parent / "index.parquet")
    record.write_text(text)
    assert now(photos).newer is None and len(now(photos).key) == 64


def test_file_names_need_not_be_utf8(photos: Path) -> None:
    (photos / "\udcff.jpg").write_bytes(b"three")
    assert json.dumps(now(photos).key)


def test_each_archive_has_its_own_key_and_urls_are_not_opened(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.tar").write_bytes(b"tar")
    local = SourcesConfig(kind="webdataset", path=f"{tmp_path}/{{0..1}}.tar", shards=2)
    first, second = identify_sources(local, tmp_path)
    assert first.key != second.key and first.file == tmp_path / "sources/index/00000.read.json"
    remote = SourcesConfig(kind="webdataset", path="s3://nowhere/{0..1}.tar", shards=2)
    assert [one.key for one in identify_sources(remote, tmp_path)] == ["s3://nowhere/0.tar", "s3://nowhere/1.tar"]
    assert identify_sources(SourcesConfig(), tmp_path) == []
