"""Photos of a tar in WebDataset's layout, as img2dataset writes it: `{key}.jpg`, `{key}.json` and `{key}.txt` together.

A tar is read once, from its beginning to its end, compressed or not, with one photo in memory. Nothing is extracted: no
name in a tar becomes a name on disk. What is damaged, missing or not to be trusted is listed, and the next member read.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO

from omniedit.errors import UserError
from omniedit.sources.archived import MAX_BYTES, ArchivedPhoto, LeftOut
from omniedit.sources.captions import Caption, Warned, caption_of, parse_json
from omniedit.sources.decode import SUFFIXES

MAX_TEXT = 1 << 20
"""A caption file that is larger, or a header that is, is not read."""

_LIMITS = {suffix[1:]: MAX_BYTES for suffix in SUFFIXES} | {"json": MAX_TEXT, "txt": MAX_TEXT}
"""Extension -> most bytes; members with another extension are passed over."""
_BUFFER = 1 << 20
_LONGEST = 1 << 36
"""A header that claims more bytes than this is damaged: tarfile would read for days behind the end of the file."""
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def tar_photos(file: BinaryIO, name: str) -> Iterator[ArchivedPhoto | LeftOut]:
    """The photos of a tar in order; `name` is what it is called in places.

    A key is a member's name up to the first dot behind its folders; members of one key stand next to each other.

    Raises:
        UserError: it is no tar.
    """
    group = _Group(name, "")
    for member in _members(file, name):
        if isinstance(member, LeftOut):
            yield member
            continue
        if member.key != group.key:
            yield from group.photo()
            group = _Group(name, member.key)
        yield from group.add(member)
    yield from group.photo()


@dataclass(frozen=True)
class _Member:
    """A file of a tar; `content` is None where its extension is none that is read."""

    key: str
    extension: str
    content: bytes | None


@dataclass
class _Group:
    """The members of one key."""

    archive: str
    key: str
    seen: list[str] = field(default_factory=list)
    picture: tuple[str, bytes] | None = None
    captions: dict[str, bytes] = field(default_factory=dict)

    def add(self, member: _Member) -> Iterator[LeftOut]:
        self.seen.append(member.extension)
        if member.content is None:
            return
        if member.extension in ("json", "txt"):
            self.captions.setdefault(member.extension, member.content)
        elif self.picture is None:
            self.picture = member.extension, member.content
        else:
            yield LeftOut(self._place(member.extension), f"a second picture of its key, after .{self.picture[0]}")

    def photo(self) -> Iterator[ArchivedPhoto | LeftOut]:
        """The photo, then what is wrong with its caption; that there is none, where there are other members."""
        if self.picture is None:
            suffixes = ", ".join(f".{extension}" for extension in self.seen if extension)
            if self.seen:
                reason = f"no picture, only {suffixes}" if suffixes else "no suffix"
                yield LeftOut(f"{self.archive}/{self.key}", reason)
            return
        warned: list[Warned] = []
        extension, encoded = self.picture
        yield ArchivedPhoto(self._place(extension), self.key, encoded, self._caption(warned))
        yield from (LeftOut(each.place, each.reason, "warned") for each in warned)

    def _caption(self, warned: list[Warned]) -> Caption:
        """What its .json says, with the text of its .txt where that holds no caption."""
        text = self.captions.get("txt", b"").decode(errors="replace")
        place = self._place("json")
        try:
            values = parse_json(self.captions.get("json", b"{}"))
        except ValueError as error:
            values = {}
            warned.append(Warned(place, f"not JSON ({error})"))
        if not isinstance(values, dict):
            values = {}
            warned.append(Warned(place, "no JSON object"))
        said = caption_of(values, place, warned)
        return said if said.caption else caption_of({**values, "caption": text}, place, [])

    def _place(self, extension: str) -> str:
        return f"{self.archive}/{self.key}.{extension}"


def _members(file: BinaryIO, name: str) -> Iterator[_Member | LeftOut]:
    """The files of a tar that can be read, and why others cannot."""
    with _opened(file, name) as tar:
        for member in _headers(tar, name):
            if isinstance(member, LeftOut):
                yield member
                continue
            path = PurePosixPath(member.name)
            place = f"{name}/{_shown(member.name)}"
            if member.isdir() or any(part.startswith(".") and part != ".." for part in path.parts):
                continue
            if reason := _untrusted(member, path):
                yield LeftOut(place, reason)
                continue
            stem, _, extension = path.name.partition(".")
            limit = _LIMITS.get(extension.lower())
            if limit is not None and member.size > limit:
                yield LeftOut(place, f"{member.size} bytes, more than the {limit} that are read")
                continue
            try:
                content = None if limit is None else _content(tar, member)
            except tarfile.TarError as error:
                yield LeftOut(place, f"cut off or damaged: {error}")
                continue
            yield _Member(path.with_name(stem).as_posix(), extension.lower(), content)


def _untrusted(member: tarfile.TarInfo, path: PurePosixPath) -> str | None:
    """Why a member is not even looked at."""
    if "\0" in member.name:
        return "its name holds a NUL"
    if _shown(member.name) != member.name:
        return "its name is not UTF-8"
    if path.is_absolute() or ".." in path.parts:
        return "its name leads out of the archive's folder"
    if member.issym() or member.islnk():
        return "a link; links are not followed"
    return None if member.isreg() else "a device or pipe, no file"


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


def _shown(name: str) -> str:
    return name.encode(errors="replace").decode()


def _headers(tar: "_Tar", name: str) -> Iterator[tarfile.TarInfo | LeftOut]:
    """Every header, and where there should be one and is none."""
    while True:
        try:
            member = tar.next()
        except tarfile.TarError as error:
            yield LeftOut(name, f"cut off or damaged: {error}; what follows is lost")
            return
        if tar.damaged:
            yield LeftOut(name, f"{tar.damaged} blocks where a header should be ({tar.damage}); went on behind them")
        if member is None:
            break
        yield member
        tar.members.clear()  # or each header read stays in memory
        tar.damaged, tar.has_ended = 0, False
    if not tar.has_ended:
        yield LeftOut(name, "has no end mark: it may be cut off", "warned")


class _Header(tarfile.TarInfo):
    """A header that tells its tar when it is damaged; tarfile would take a damaged one for the end, in silence."""

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
            if 0 <= header.size <= _LONGEST:
                return header
            tarfile_.offset = tarfile_.fileobj.tell()
            raise _invalid(f"a size of {header.size} bytes")
        except (tarfile.EmptyHeaderError, tarfile.TruncatedHeaderError):  # type: ignore[attr-defined]
            raise
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            tarfile_.has_ended = True
            raise
        except (tarfile.HeaderError, ValueError, LookupError) as error:
            if tarfile_.fileobj.tell() <= tarfile.BLOCKSIZE:
                raise tarfile.ReadError(str(error)) from None
            tarfile_.damaged, tarfile_.damage = tarfile_.damaged + 1, str(error)
            raise _invalid(str(error)) from None


def _invalid(why: str) -> tarfile.HeaderError:
    """What makes tarfile look for the next header right behind this one."""
    return tarfile.InvalidHeaderError(why)  # type: ignore[attr-defined]


class _Tar(tarfile.TarFile):
    tarinfo = _Header
    members: list[tarfile.TarInfo]
    has_ended = False
    """Whether blocks of zeros, the end mark, were the last thing read."""
    damaged = 0
    """Blocks passed over since the last member."""
    damage = ""


def _opened(file: BinaryIO, name: str) -> _Tar:
    try:
        # With ignore_zeros tarfile goes on behind damaged headers too; and tars that were joined are read to the end.
        return _Tar.open(mode="r|*", fileobj=file, bufsize=_BUFFER, ignore_zeros=True)
    except (tarfile.TarError, TypeError) as error:  # TypeError: a gzip header that is cut off
        raise UserError(f"{name}: not a tar ({error}); correct sources.path or bring the archive anew") from None
