"""Tests of reading tars to the end: photos are returned, unusable members are listed with a reason."""

import gzip
import io
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.tars import GOOD, make_tar
from omniedit.errors import UserError
from omniedit.sources import webdataset
from omniedit.sources.archive_items import ArchivedPhoto, SkippedPart
from omniedit.sources.webdataset import MAX_TEXT, tar_photos


def find_photos(content: bytes) -> tuple[dict[str, ArchivedPhoto], dict[str, str]]:
    """Return photos, and reasons of skipped members, by place without the tar's name."""
    entries = list(tar_photos(io.BytesIO(content), "x.tar"))
    photos = {entry.place.removeprefix("x.tar/"): entry for entry in entries if isinstance(entry, ArchivedPhoto)}
    left_out = {entry.place.removeprefix("x.tar/"): entry.reason for entry in entries if isinstance(entry, SkippedPart)}
    assert len(photos) + len(left_out) == len(entries)
    return photos, left_out


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_photos_are_read_with_their_captions() -> None:
    for content in (make_tar(*GOOD), gzip.compress(make_tar(*GOOD)), make_tar(*GOOD[:3]) + make_tar(*GOOD[3:])):
        photos, left_out = find_photos(content)
        assert not left_out
        assert [(place, photo.key, photo.encoded) for place, photo in photos.items()] == [
            ("00/000.jpg", "00/000", b"one"),
            ("01.PNG", "01", b"two"),
            ("02.webp", "02", b"three"),
        ]
        first = photos["00/000.jpg"].caption
        assert (first.caption, first.origin, first.licence, first.author) == (
            "a dog",
            "https://a/b.jpg",
            "CC0",
            "unknown",
        )
        assert photos["01.PNG"].caption.caption == "a cat" and photos["02.webp"].caption.caption == ""


def test_unusable_members_are_listed_and_the_rest_is_read() -> None:
    photos, left_out = find_photos(
        make_tar(
            ("a.json", b"{}"),
            ("b.jpg", b"b"),
            ("b.json", b"{"),
            ("c.jpg", b"c"),
            ("c.json", b"[" * 9000),
            ("d.jpg", b"d"),
            ("d.json", b"[1]"),
            ("d.png", b"again"),
            ("e.jpg", b"e"),
            ("e.json", b'{"caption": "a \\ud83d dog"}'),
            ("f.jpg", b"f"),
            ("f.txt", b" " * (MAX_TEXT + 1)),
            (special("folder", tarfile.DIRTYPE), b""),
            ("._g.jpg", b"of a Mac"),
            (".git/g.jpg", b"hidden"),
            ("h.v2.jpg", b"a dot too many"),
            ("README", b"words"),
        )
    )
    assert {photo.encoded for photo in photos.values()} == {b"b", b"c", b"d", b"e", b"f"}
    assert photos["e.jpg"].caption.caption == "a ? dog"
    assert left_out.pop("b.json").startswith("not JSON (") and left_out.pop("c.json").startswith("not JSON (")
    assert left_out == {
        "a": "no image, only .json",
        "d.json": "not a JSON object",
        "d.png": "a second image of the same key, after .jpg",
        "f.txt": f"{MAX_TEXT + 1} bytes, more than the limit of {MAX_TEXT}",
        "h": "no image, only .v2.jpg",
        "README": "no suffix",
    }


def test_unsafe_members_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(webdataset._LIMITS, "jpg", 10)
    with_nul = tarfile.TarInfo("i.jpg")
    with_nul.pax_headers = {"path": "i\0.jpg"}
    photos, left_out = find_photos(
        make_tar(
            ("/etc/a.jpg", b"a"),
            ("../../b.jpg", b"b"),
            ("c/../../c.jpg", b"c"),
            (special("d.jpg", tarfile.SYMTYPE, "/etc/passwd"), b""),
            (special("e.jpg", tarfile.LNKTYPE, "good.jpg"), b""),
            (special("f.jpg", tarfile.CHRTYPE), b""),
            (special("g.jpg", tarfile.FIFOTYPE), b""),
            ("h\udce4.jpg", b"h"),
            (with_nul, b"i"),
            ("j.jpg", b"x" * 11),
            ("", b"k"),
            ("good.jpg", b"good"),
        )
    )
    assert list(photos) == ["good.jpg"]
    leads_out, link, device = (
        "its name points outside the archive's folder",
        "a link; links are not followed",
        "a device or pipe, not a file",
    )
    assert left_out == {
        "/etc/a.jpg": leads_out,
        "../../b.jpg": leads_out,
        "c/../../c.jpg": leads_out,
        "d.jpg": link,
        "e.jpg": link,
        "f.jpg": device,
        "g.jpg": device,
        "h?.jpg": "its name is not UTF-8",
        "i\0.jpg": "its name contains a NUL",
        "j.jpg": "11 bytes, more than the limit of 10",
        "": "has no name",
    }


THREE = make_tar(*((f"{name}.jpg", name.encode() * 700) for name in "abc"), format=tarfile.USTAR_FORMAT)
"""Tar of three members, each a header and two blocks, and the end mark."""


def test_damaged_header_loses_only_its_member() -> None:
    damaged = bytearray(THREE)
    damaged[1536:1600] = b"?" * 64
    photos, left_out = find_photos(bytes(damaged))
    assert list(photos) == ["a.jpg", "c.jpg"]
    assert left_out == {"x.tar": "3 blocks in place of a header (invalid header); skipped them"}


@pytest.mark.parametrize(("size", "read"), [(-1024, "ac"), (-1, "ac"), (1 << 60, "ac"), (1 << 35, "a")])
def test_member_with_a_wrong_size_is_skipped(size: int, read: str) -> None:
    member = tarfile.TarInfo("b.jpg")
    member.size = size
    lying = THREE[:1536] + member.tobuf(tarfile.GNU_FORMAT) + THREE[2048:]
    photos, left_out = find_photos(lying)
    assert [photo.key for photo in photos.values()] == list(read) and "x.tar" in left_out


def test_oversized_long_name_is_not_read() -> None:
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    photos, left_out = find_photos(THREE[:1536] + member.tobuf(tarfile.GNU_FORMAT) + THREE[1536:])
    assert list(photos) == ["a.jpg", "b.jpg", "c.jpg"]
    assert left_out == {"x.tar": "1 blocks in place of a header (a name of 1099511627776 bytes); skipped them"}


def test_many_chained_headers_do_not_stop_reading() -> None:
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 0
    photos, left_out = find_photos(THREE[:1536] + member.tobuf(tarfile.GNU_FORMAT) * 3000 + THREE[1536:])
    assert "a.jpg" in photos and "c.jpg" in photos and "x.tar" in left_out


def test_truncated_tar_keeps_the_members_already_read() -> None:
    for content, cut in ((THREE, 1536 + 600), (THREE, 1536 + 200), (THREE, 1536)):
        photos, left_out = find_photos(content[:cut])
        assert list(photos) == ["a.jpg"] and left_out, cut
    zipped = gzip.compress(make_tar(*((f"{i}.jpg", bytes(range(256)) * i) for i in range(1, 40))), 0)
    photos, left_out = find_photos(zipped[: len(zipped) // 2])
    assert 5 < len(photos) < 39 and left_out


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"no tar" * 1000, b"\x1f\x8b\x08", gzip.compress(b"no tar" * 1000)],
    ids=["empty", "short", "long", "truncated gzip", "gzip"],
)
def test_invalid_tar_raises_error(content: bytes) -> None:
    with pytest.raises(UserError, match=r"^x\.tar: not a tar \(.*give a tar"):
        find_photos(content)


def test_empty_tar_has_no_photos() -> None:
    assert find_photos(make_tar()) == ({}, {})


@given(
    st.lists(st.tuples(st.integers(0, len(THREE) - 1), st.integers(0, 255)), max_size=20), st.integers(1, len(THREE))
)
def test_arbitrary_bytes_raise_only_user_errors(flips: list[tuple[int, int]], end: int) -> None:
    content = bytearray(make_tar(*GOOD)[: len(THREE)])
    for place, value in flips:
        content[place % len(content)] = value
    with suppress(UserError):
        list(tar_photos(io.BytesIO(bytes(content[:end])), "x.tar"))
