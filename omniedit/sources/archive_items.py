"""Items that archive readers yield, and the opening of an archive as one stream, from a local file or a URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import fsspec

from omniedit.errors import UserError, one_line
from omniedit.imaging.formats import NO_FILE, describe_page
from omniedit.sources.metadata_values import Caption
from omniedit.storage.archives import is_remote
from omniedit.storage.atomic import LFS_POINTER, LFS_REMEDY

MAX_BYTES = 256 << 20
"""Maximum size of an image file that is read, in bytes. No file that `omniedit.sources.photo_file` accepts is
larger."""


@dataclass(frozen=True)
class ArchivedPhoto:
    """Photo in an archive.

    Args:
        place: location for the index, such as '00012.tar/000120345.jpg'.
        key: name in the archive, without a suffix.
        encoded: the bytes of an image file.
    """

    place: str
    key: str
    encoded: bytes
    caption: Caption


class BadFile(UserError):
    """Error for a data file that is damaged or in another format. Other files may be good."""


@dataclass(frozen=True)
class SkippedPart:
    """Part of an archive that cannot be used, with the reason."""

    place: str
    reason: str
    status: Literal["refused", "warned"] = "refused"


@contextmanager
def open_archive(archive: str) -> Iterator[BinaryIO]:
    """Open an archive for reading, from a path or, with fsspec, from a URL.

    Raises:
        UserError: the archive cannot be opened, or a later read fails, so that a failure is not taken for the end. The
            message names the archive and, if the protocol's package is not installed, the package.
    """
    try:
        # `owner` keeps the file system alive, because that of a zip closes its file when it is garbage-collected.
        owner: Any = fsspec.open(archive, "rb") if is_remote(archive) else None
        file: Any = owner.open() if owner else _open_local(archive)
    except ImportError as error:
        raise UserError(f"{archive}: its protocol needs a package that is not installed: {error}") from None
    except Exception as error:  # each protocol raises its own errors
        raise UserError(f"{archive}: {_failure(error)}") from None
    with file:
        yield cast(BinaryIO, _ReportingFile(file, archive))


def _open_local(archive: str) -> BinaryIO:
    path = Path(archive)
    if path.exists() and not path.is_file():
        raise OSError("a folder" if path.is_dir() else NO_FILE)
    file = path.open("rb")
    if file.read(len(LFS_POINTER)) == LFS_POINTER:
        file.close()
        raise OSError(LFS_REMEDY)
    file.seek(0)
    return file


def _failure(error: BaseException) -> str:
    """Return why an archive cannot be opened: the server's answer if there is one.

    fsspec raises FileNotFoundError for every HTTP failure, with the actual error as its cause.
    """
    cause: BaseException | None = error
    while cause is not None:
        status = getattr(cause, "status", None)
        if isinstance(status, int) and status >= 100 and status != HTTPStatus.NOT_FOUND:
            phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
            return f"the server answers {status} {phrase}; {_remedy(status)}"
        if isinstance(cause, ConnectionError | TimeoutError | OSError) and not isinstance(cause, FileNotFoundError):
            return f"cannot be opened: {one_line(cause)}"
        cause = cause.__cause__
    if isinstance(error, FileNotFoundError):
        return "no such archive; correct its address or put the archive there"
    return f"cannot be opened: {one_line(error)}"


def _remedy(status: int) -> str:
    if status in (401, 403, 407):
        return "check the credentials, and whether the address has expired"
    if status in (408, 429) or status >= 500:
        return "run snakemake again later"
    return "correct its address"


class _ReportingFile:
    """File whose failed reads raise a `UserError`, which distinguishes them from damaged data."""

    closed = False

    def __init__(self, file: Any, archive: str) -> None:
        self._file, self._archive, self._has_begun = file, archive, False

    def read(self, size: int = -1) -> bytes:
        try:
            content = self._file.read(size)
        except Exception as error:
            failure = _failure(error).removeprefix("cannot be opened: ")
            raise UserError(f"{self._archive}: reading failed: {failure}; run snakemake again") from None
        if not self._has_begun and (page := describe_page(content[:512])):
            remedy = "" if page == LFS_REMEDY else "; correct its address or its credentials"
            raise UserError(f"{self._archive}: cannot be read: {page}{remedy}")
        self._has_begun = True
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
