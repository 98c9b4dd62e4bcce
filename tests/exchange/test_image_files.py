"""Tests of image files named by rows: where they are found, and which paths are rejected."""

import tarfile
from pathlib import Path

import fsspec
import pytest

from helpers.tars import make_tar
from omniedit.exchange.image_files import BadImage, ImageFiles, check_path


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "an empty path"),
        ("a\0b", "a path with a NUL"),
        ("/etc/passwd", "is an absolute path"),
        ("C:\\photos\\a.png", "is an absolute path"),
        ("c:a.png", "is an absolute path"),
        ("\\\\server\\share\\a.png", "is an absolute path"),
        ("../a.png", "leaves the table's folder"),
        ("a/../../b.png", "leaves the table's folder"),
        ("a\\..\\..\\b.png", "leaves the table's folder"),
        ("https://user:secret@host/a.png?token=abc", "is an address"),
        ("file:///etc/passwd", "is an address"),
    ],
)
def test_path_outside_the_folder_is_rejected(path: str, reason: str) -> None:
    with pytest.raises(BadImage, match=reason) as error:
        check_path(path)
    assert "secret" not in str(error.value) and "abc" not in str(error.value)


def test_paths_are_resolved_from_the_table_then_from_the_data_set(tmp_path: Path) -> None:
    (tmp_path / "tables/sub").mkdir(parents=True)
    (tmp_path / "tables/sub/a b.png").write_bytes(b"near")
    (tmp_path / "a.png").write_bytes(b"root")
    files = ImageFiles(str(tmp_path))
    assert files.read("sub\\a b.png", str(tmp_path / "tables")) == b"near"
    for path in ("./a.png", ".//a.png", "././a.png"):
        assert files.read(path, str(tmp_path / "tables")) == b"root"
    only = ImageFiles(str(tmp_path), is_only=True)
    with pytest.raises(BadImage, match=r"'sub/a b\.png': no such file"):
        only.read("sub/a b.png", str(tmp_path / "tables"))


def test_links_out_of_the_folder_folders_and_loops_are_rejected(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to(root / "loop")
    files = ImageFiles(str(root))
    for path, reason in (
        ("out", "a link to a file outside"),
        ("folder", "a folder"),
        ("x" * 300, "File name too long"),
    ):
        with pytest.raises(BadImage, match=reason):
            files.read(path, str(root))
    with pytest.raises(BadImage):
        files.read("loop", str(root))


def test_file_above_the_size_limit_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniedit.exchange.image_files.MAX_BYTES", 10)
    (tmp_path / "a.png").write_bytes(bytes(11))
    with pytest.raises(BadImage, match="11 bytes, more than the limit of 10"):
        ImageFiles(str(tmp_path)).read("a.png", str(tmp_path))


def test_images_below_a_remote_address_are_read() -> None:
    fsspec.filesystem("memory").pipe("/images/a/1.png", b"one")
    files = ImageFiles("memory://images")
    assert files.read("a/1.png", "memory://tables") == b"one"
    with pytest.raises(BadImage, match="no such file"):
        files.read("a/2.png", "memory://tables")


def test_tar_members_are_found_and_links_are_not_followed(tmp_path: Path) -> None:
    link = tarfile.TarInfo("results/link.png")
    link.type, link.linkname = tarfile.LNKTYPE, "results/1.png"
    (tmp_path / "tars").mkdir()
    (tmp_path / "tars/a.tar").write_bytes(make_tar(("./results/1.png", b"one"), (link, b""), ("../2.png", b"two")))
    (tmp_path / "tars/b.tar").write_bytes(make_tar(("results/1.png", b"second"), ("results/3.png", b"three")))
    files = ImageFiles(str(tmp_path))
    assert files.read("results/1.png", str(tmp_path)) == b"one"
    assert files.read("results/3.png", str(tmp_path)) == b"three"
    for path in ("results/link.png", "2.png"):
        with pytest.raises(BadImage, match="no such file"):
            files.read(path, str(tmp_path))
    files.close()


def test_compressed_or_broken_tars_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").touch()
    with pytest.raises(BadImage, match=r"no such file; a\.tar\.gz is compressed; unpack it"):
        ImageFiles(str(tmp_path)).read("x.png", str(tmp_path))
    (tmp_path / "a.tar.gz").unlink()
    (tmp_path / "b.tar").write_bytes(b"no tar" * 999)
    (tmp_path / "c.tar").write_bytes(make_tar(("1.png", b"one")))
    files = ImageFiles(str(tmp_path))
    assert files.read("1.png", str(tmp_path)) == b"one"
    with pytest.raises(BadImage, match=r"no such file; b\.tar is not a readable tar: invalid header"):
        files.read("x.png", str(tmp_path))


def test_names_in_other_unicode_forms_are_found(tmp_path: Path) -> None:
    (tmp_path / "caf\u00e9.png").write_bytes(b"x")
    assert ImageFiles(str(tmp_path)).read("cafe\u0301.png", str(tmp_path)) == b"x"


def test_parts_of_a_tar_are_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "x.tar.split.000").write_bytes(b"x")
    with pytest.raises(BadImage, match=r"no such file; x\.tar is in parts; join them: cat x\.tar\.\* > x\.tar"):
        ImageFiles(str(tmp_path)).read("a.png", str(tmp_path))
