"""Photos of a tar in the WebDataset layout, as img2dataset writes it: `{key}.jpg`, `{key}.json` and `{key}.txt` next
to each other.

A tar, compressed or not, is read once from beginning to end with one photo in memory. Nothing is extracted: no name in
a tar becomes a name on disk. Damaged, missing or untrusted members are listed, and reading continues with the next one.
"""

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import BinaryIO

from omniedit.plain_text import replace_surrogates
from omniedit.sources.archive_items import MAX_BYTES, ArchivedPhoto, BadFile, SkippedPart
from omniedit.sources.metadata_files import CAPTION_SUFFIXES
from omniedit.sources.metadata_values import Caption, MetadataWarning, decode_text, parse_caption, parse_object
from omniedit.sources.photo_file import SUFFIXES

MAX_TEXT = 1 << 20
"""Largest caption file or extended header that is read, in bytes."""

_CAPTIONS = tuple(suffix[1:] for suffix in CAPTION_SUFFIXES)
_LIMITS = {suffix[1:]: MAX_BYTES for suffix in SUFFIXES} | dict.fromkeys(_CAPTIONS, MAX_TEXT)
"""Extension -> largest size in bytes; members with other extensions are not read."""
_BUFFER = 1 << 20
_MAX_MEMBER_BYTES = 1 << 36
"""Maximum plausible size in a header, in bytes. A larger one is damage, and tarfile would read for days past the end of
the file."""
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def tar_photos(file: BinaryIO, name: str) -> Iterator[ArchivedPhoto | SkippedPart]:
    """Yield the photos of a tar in order; `name` is the tar's name in places.

    A key is a member's path up to the first dot of its file name. Members of one key are adjacent.

    Raises:
        BadFile: the file is not a tar.
    """
    group = _Group(name, "")
    for member in read_members(file, name, _LIMITS.get):
        if isinstance(member, SkippedPart):
            yield member
            continue
        if member.key != group.key:
            yield from group.photo()
            group = _Group(name, member.key)
        yield from group.add(member)
    yield from group.photo()


@dataclass(frozen=True)
class Member:
    """File of a tar, with the part of its path before the first dot of its name as key.

    Args:
        extension: in lower case, without the dot.
        content: None if files with this extension are not read.
    """

    place: str
    key: str
    extension: str
    content: bytes | None


@dataclass
class _Group:
    """Members of one key."""

    archive: str
    key: str
    seen: list[str] = field(default_factory=list)
    image: Member | None = None
    captions: dict[str, Member] = field(default_factory=dict)

    def add(self, member: Member) -> Iterator[SkippedPart]:
        self.seen.append(member.extension)
        if member.content is None:
            return
        if member.extension in _CAPTIONS:
            self.captions.setdefault(member.extension, member)
        elif self.image is None:
            self.image = member
        else:
            yield SkippedPart(member.place, f"a second image of the same key, after .{self.image.extension}")

    def photo(self) -> Iterator[ArchivedPhoto | SkippedPart]:
        """Yield the photo, then warnings about its caption. If there is no photo, report the other members of the
        key.
        """
        if self.image is not None and self.image.content is not None:
            warned: list[MetadataWarning] = []
            yield ArchivedPhoto(self.image.place, self.key, self.image.content, self._caption(warned))
            yield from (SkippedPart(each.place, each.reason, "warned") for each in warned)
        elif self.seen:
            suffixes = ", ".join(f".{extension}" for extension in self.seen if extension)
            yield SkippedPart(f"{self.archive}/{self.key}", f"no image, only {suffixes}" if suffixes else "no suffix")

    def _caption(self, warned: list[MetadataWarning]) -> Caption:
        """Return the metadata of the .json member. If it has no caption, the .txt or .caption member gives one."""
        place, values = f"{self.archive}/{self.key}.json", {}
        if "json" in self.captions:
            values = parse_object(self._text("json", warned), place, warned)
        known = parse_caption(values, place, warned)
        for extension in _CAPTIONS[1:]:
            if not known.caption and extension in self.captions:
                known = replace(known, caption=" ".join(self._text(extension, warned).split()))
        return known

    def _text(self, extension: str, warned: list[MetadataWarning]) -> str:
        member = self.captions[extension]
        return decode_text(member.content or b"", member.place, warned)


def read_members(file: BinaryIO, name: str, limit: Callable[[str], int | None]) -> Iterator[Member | SkippedPart]:
    """Yield the files of a tar in order, or a `SkippedPart` for each one that cannot be read.

    Args:
        name: the tar's name in places.
        limit: largest size in bytes of a file with an extension; None if it is not read.

    Raises:
        BadFile: the file is not a tar.
    """
    with _open_tar(file, name) as tar:
        for header in _headers(tar, name):
            entry = header if isinstance(header, SkippedPart) else _read_member(tar, header, name, limit)
            if entry is not None:
                yield entry


def _read_member(
    tar: tarfile.TarFile, header: tarfile.TarInfo, name: str, limit: Callable[[str], int | None]
) -> Member | SkippedPart | None:
    """Return a file, or a `SkippedPart` if it cannot be read; None for folders and hidden files."""
    path, place = PurePosixPath(header.name), f"{name}/{replace_surrogates(header.name.removeprefix('./'))}"
    if header.isdir() or any(part.startswith(".") and part != ".." for part in path.parts):
        return None
    if reason := untrusted_reason(header):
        return SkippedPart(place, reason)
    stem, _, suffix = path.name.partition(".")
    extension = suffix.lower()
    limit_bytes = limit(extension)
    if limit_bytes is not None and header.size > limit_bytes:
        return SkippedPart(place, f"{header.size} bytes, more than the limit of {limit_bytes}")
    try:
        content = None if limit_bytes is None else _content(tar, header)
    except tarfile.TarError as error:
        return SkippedPart(place, f"truncated or damaged: {error}")
    return Member(place, path.with_name(stem).as_posix(), extension, content)


def untrusted_reason(member: tarfile.TarInfo) -> str | None:
    """Return why a member must not be read, or None."""
    path = PurePosixPath(member.name)
    if not path.name:
        return "has no name"
    if "\0" in member.name:
        return "its name contains a NUL"
    if replace_surrogates(member.name) != member.name:
        return "its name is not UTF-8"
    if path.is_absolute() or ".." in path.parts:
        return "its name points outside the archive's folder"
    if member.issym() or member.islnk():
        return "a link; links are not followed"
    return None if member.isreg() else "a device or pipe, not a file"


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


def _headers(tar: "_Tar", name: str) -> Iterator[tarfile.TarInfo | SkippedPart]:
    """Yield every header, and a `SkippedPart` for damaged blocks or a missing end mark."""
    while True:
        try:
            member = tar.next()
        except tarfile.TarError as error:
            yield SkippedPart(name, f"truncated or damaged: {error}; the rest is lost")
            return
        if tar.damaged:
            yield SkippedPart(name, f"{tar.damaged} blocks in place of a header ({tar.damage}); skipped them")
        if member is None:
            break
        yield member
        tar.members.clear()  # otherwise tarfile keeps every header in memory
        tar.damaged, tar.has_ended = 0, False
    if not tar.has_ended:
        yield SkippedPart(name, "has no end mark: it may be truncated", "warned")


class _Header(tarfile.TarInfo):
    """Header that reports damage to its tar. tarfile would silently take a damaged header for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        header = super().frombuf(buf, encoding, errors)
        if header.type in _HEADERS and header.size > MAX_TEXT:
            raise _invalid(f"a name of {header.size} bytes")
        return header

    @classmethod
    def fromtarfile(cls, tarfile_: "_Tar") -> "_Header":  # type: ignore[override]
        try:
            header = super().fromtarfile(tarfile_)
            if 0 <= header.size <= _MAX_MEMBER_BYTES:
                return header
            tarfile_.offset = tarfile_.fileobj.tell()
            raise _invalid(f"a size of {header.size} bytes")
        except (tarfile.EmptyHeaderError, tarfile.TruncatedHeaderError):  # type: ignore[attr-defined]
            raise
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            tarfile_.has_ended = True
            raise
        except (tarfile.HeaderError, ValueError, LookupError, RecursionError) as error:
            if tarfile_.fileobj.tell() <= tarfile.BLOCKSIZE:
                raise tarfile.ReadError(str(error)) from None
            tarfile_.damaged, tarfile_.damage = tarfile_.damaged + 1, str(error)
            raise _invalid(str(error)) from None


def _invalid(why: str) -> tarfile.HeaderError:
    """Return the error that makes tarfile search for the next header right after this one."""
    return tarfile.InvalidHeaderError(why)  # type: ignore[attr-defined]


class _Tar(tarfile.TarFile):
    tarinfo = _Header
    members: list[tarfile.TarInfo]
    has_ended = False
    """True if the end mark (blocks of zeros) was read last."""
    damaged = 0
    """Number of blocks skipped since the last member."""
    damage = ""


def _open_tar(file: BinaryIO, name: str) -> _Tar:
    try:
        # With ignore_zeros, tarfile continues after damaged headers and reads concatenated tars to the end.
        return _Tar.open(mode="r|*", fileobj=file, bufsize=_BUFFER, ignore_zeros=True)
    except (tarfile.TarError, TypeError) as error:  # TypeError: a truncated gzip header
        raise BadFile(f"{name}: not a tar ({error}); give a tar, or copy the file again") from None
