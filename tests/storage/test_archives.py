"""Tests of the archives that `sources.path` names, and of the messages if it names none."""

from pathlib import Path

import pytest

from omniedit.errors import UserError
from omniedit.storage.archives import archive_name, list_archives


@pytest.mark.parametrize(
    ("path", "shards", "archives"),
    [
        ("s3://a/b.tar", 1, ["s3://a/b.tar"]),
        ("s3://a/{008..011}.tar", 4, ["s3://a/008.tar", "s3://a/009.tar", "s3://a/010.tar", "s3://a/011.tar"]),
        ("here/{8..11}.tar", 3, ["here/8.tar", "here/9.tar", "here/10.tar"]),
        ("https://a/{0..999999999999}/x.tar", 1, ["https://a/0/x.tar"]),
    ],
)
def test_path_expands_to_one_archive_or_a_range(path: str, shards: int, archives: list[str]) -> None:
    assert list_archives(path, "webdataset", shards) == archives


def test_folder_expands_to_its_archives_in_order(tmp_path: Path) -> None:
    for name in ("b.tar", "a.tar.gz", "c.parquet", ".d.tar", "words.txt"):
        (tmp_path / name).touch()
    assert list_archives(str(tmp_path), "webdataset", 2) == [str(tmp_path / name) for name in ("a.tar.gz", "b.tar")]
    assert list_archives(str(tmp_path), "parquet", 1) == [str(tmp_path / "c.parquet")]
    (tmp_path / "{odd}.tar").touch()
    assert list_archives(str(tmp_path / "{odd}.tar"), "webdataset", 1) == [str(tmp_path / "{odd}.tar")]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "is empty; give an archive"),
        ("nowhere.tar", "'nowhere.tar' is not a file or folder"),
        ("a/{0..1.tar", "needs one range of whole numbers in braces"),
        ("a/{0..1}/{0..1}.tar", "needs one range"),
        ("https://a/x.tar?sig={0..1}", "has its range inside a secret"),
        ("a/{x,y}.tar", "needs one range"),
        ("s3://a/{5..4}.tar", "counts down"),
        ("s3://a/{0..1}.tar", "names 2 archives, fewer than sources.shards 3"),
        ("s3://a/b.tar", "names 1 archive, fewer than sources.shards 3"),
        (".", "'.' has no archive whose name ends in .tar or .tar.gz or .tgz"),
    ],
)
def test_path_with_no_or_too_few_archives_raises_error(
    path: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        list_archives(path, "webdataset", 3)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("archive", "name"),
    [
        ("photos/a?b.tar", "a?b.tar"),
        ("s3://key:secret@bucket/a/00.tar", "00.tar"),
        ("https://a/00.tar.gz?X-Amz-Date=2026&X-Amz-Credential=b/c&X-Amz-Signature=d", "00.tar.gz"),
        ("https://a/get?token=secret&name=00.tar", "get?token=***&name=00.tar"),
        ("https://a/get?token=secret&path=/b/00.tar", "00.tar"),
        ("https://a/b/?id=00", "b?id=00"),
    ],
)
def test_archive_name_hides_secrets(archive: str, name: str) -> None:
    assert archive_name(archive) == name
