"""Image files that rows name by path: below a folder or an address, or in tars. Paths that lead outside are errors."""

import base64
import binascii
import re
import sqlite3
import tarfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from omniedit.errors import UserError, one_line
from omniedit.imaging.formats import NO_FILE
from omniedit.redaction import redact
from omniedit.sources.archive_items import MAX_BYTES, open_archive
from omniedit.sources.webdataset import untrusted_reason
from omniedit.storage.archives import is_remote, join_address

_DATA_URL = "data:image/"
_BASE64_STARTS = ("/9j/", "iVBORw0KGgo", "UklGR")
"""First characters of a JPEG, PNG or WebP file in base64."""
_MIN_BASE64 = 256
"""Length from which such a text is an image, because no file name is as long."""
_DRIVE = re.compile(r"[A-Za-z]:")
_TARS = (".tar",)
_PACKED_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_TAR_PART = re.compile(r"(.+\.tar)\.(?:split\.|part[._-]?)?\d+", re.IGNORECASE)
"""Name of a part of a tar, such as x.tar.split.000, with the name of the tar."""


class BadImage(Exception):
    """Error for an image of a row that cannot be read; the message gives the reason."""


class ImageFiles:
    """Reader of the image files of a data set.

    Args:
        root: folder or address of the images, or a tar of them; paths may also begin at the folder of the table.
        is_only: whether only `root` is searched, because the user gave it, and not the table's folder.
        from_parent: whether paths begin at the folder above the table's, as the layout says.

    Tars below the root are searched last. Their members are listed once, in a database on disk.
    """

    def __init__(self, root: str, is_only: bool = False, from_parent: bool = False) -> None:
        self._root, self._is_only, self._from_parent = root, is_only, from_parent
        self._members: _TarMembers | None = None

    def read(self, path: str, folder: str) -> bytes:
        """Return an image file's bytes.

        Args:
            path: as the row names it.
            folder: folder or address of the row's table.

        Raises:
            BadImage: the file does not exist, its path leaves the folder, or it is too large.
        """
        relative = check_path(path)
        spellings = _spellings(relative)
        folders = [folder.rstrip("/").rpartition("/")[0] or "."] if self._from_parent else []
        for root in dict.fromkeys([self._root] if self._is_only else [*folders, folder, self._root]):
            for spelling in spellings:
                if (content := read_below(root, spelling)) is not None:
                    return content
        if self._members is None:
            self._members = _TarMembers(self._root)
        for spelling in spellings:
            if (content := self._members.read(spelling)) is not None:
                return content
        raise BadImage("; ".join([f"{path[:200]!a}: no such file", *self._members.faults[:1]]))

    def close(self) -> None:
        if self._members is not None:
            self._members.close()


def decode_base64(text: str) -> bytes | None:
    """Return the image file that a text is in base64, alone or in a data URL; None if the text is a path.

    Raises:
        BadImage: the text is cut off or has other characters.
    """
    if text.startswith(_DATA_URL):
        text = text.partition(";base64,")[2]
    elif not text.startswith(_BASE64_STARTS) or len(text) < _MIN_BASE64:
        return None
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadImage("an image as text that is not base64") from None


def check_path(path: str) -> str:
    """Return a relative path with single slashes and without '.'; backslashes, as Windows writes them, become slashes.

    Raises:
        BadImage: the path is empty, absolute or an address, or leaves its folder.
    """
    relative = path.strip().replace("\\", "/")
    if not relative or "\0" in relative:
        raise BadImage("an empty path" if not relative else "a path with a NUL")
    if is_remote(relative):
        raise BadImage(f"{redact(relative)[:200]!a} is an address; download the images, and give their paths")
    if relative.startswith("/") or _DRIVE.match(relative):
        raise BadImage(f"{relative[:200]!a} is an absolute path; give one relative to the table's folder")
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadImage(f"{relative[:200]!a} leaves the table's folder")
    return "/".join(parts) or "."


def _spellings(path: str) -> list[str]:
    """Return a path as given and in Unicode's composed and decomposed forms, because macOS decomposes names."""
    return list(dict.fromkeys((path, *(unicodedata.normalize(form, path) for form in ("NFC", "NFD")))))


def read_below(root: str, relative: str) -> bytes | None:
    """Return the bytes of a file below a folder or address, or None if there is none."""
    if is_remote(root):
        return _read_remote(join_address(root, relative))
    file = Path(root) / relative
    try:
        if not file.exists():
            return None
        if not file.resolve().is_relative_to(Path(root).resolve()):
            raise BadImage(f"{relative[:200]!a} is a link to a file outside the folder")
        if not file.is_file():
            raise BadImage(f"{relative[:200]!a}: {'a folder' if file.is_dir() else NO_FILE}")
        _check_size(file.stat().st_size, relative)
        return file.read_bytes()
    except OSError as error:
        raise BadImage(f"{relative[:200]!a}: {error.strerror}") from None
    except RuntimeError:  # a loop of links
        raise BadImage(f"{relative[:200]!a}: is a link to itself") from None


def _read_remote(address: str) -> bytes | None:
    try:
        with open_archive(address) as file:
            content = file.read(MAX_BYTES + 1)
    except UserError:
        return None
    _check_size(len(content), address.rpartition("/")[2])
    return content


def _check_size(size: int, name: str) -> None:
    if size > MAX_BYTES:
        raise BadImage(f"{name[:200]!a}: {size} bytes, more than the limit of {MAX_BYTES}")


class _TarMembers:
    """Members by name of all tars below a folder, or of one tar; if names are equal, the first member counts.

    `faults` are the tars that cannot be read, with the reason.
    """

    def __init__(self, root: str) -> None:
        self._folder = TemporaryDirectory(prefix="omniedit-tars-")
        self._database = sqlite3.connect(Path(self._folder.name) / "members.sqlite")
        self._database.execute("create table member (name text primary key, tar text, offset integer, size integer)")
        tars, self.faults = _find_tars(root)
        for tar in tars:
            try:
                rows = _list_members(tar)
                self._database.executemany("insert or ignore into member values (?, ?, ?, ?)", rows)
            except (tarfile.TarError, OSError) as error:
                self.faults.append(f"{tar.name} is not a readable tar: {one_line(error, 200)}")

    def read(self, name: str) -> bytes | None:
        query = "select tar, offset, size from member where name = ?"
        row = self._database.execute(query, (name,)).fetchone()
        if row is None:
            return None
        tar, offset, size = row
        _check_size(size, name)
        with Path(tar).open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def close(self) -> None:
        self._database.close()
        self._folder.cleanup()


def _find_tars(root: str) -> tuple[list[Path], list[str]]:
    """Return the uncompressed tars of a root, sorted, and remedies for the compressed ones."""
    if is_remote(root):
        return [], []
    path = Path(root)
    files = [path] if path.is_file() else sorted(path.rglob("*.t*")) if path.is_dir() else []
    tars = [file for file in files if file.name.lower().endswith(_TARS)]
    packed = [file.name for file in files if file.name.lower().endswith(_PACKED_TARS)]
    faults = [f"{name} is compressed; unpack it with gunzip, bunzip2 or unxz to read images from it" for name in packed]
    split_tars = dict.fromkeys(match[1] for file in files if (match := _TAR_PART.fullmatch(file.name)))
    joined = {file.name for file in tars}
    faults += [f"{name} is in parts; join them: cat {name}.* > {name}" for name in split_tars if name not in joined]
    return tars, faults


def _list_members(path: Path) -> Iterator[tuple[str, str, int, int]]:
    """Yield name, tar, offset and size of each file in a tar that may be read. Links are not followed."""
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            if untrusted_reason(member) is None:
                yield member.name.removeprefix("./"), str(path), member.offset_data, member.size
            tar.members.clear()  # type: ignore[attr-defined]
