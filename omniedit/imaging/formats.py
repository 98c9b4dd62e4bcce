"""Image formats that are read, and descriptions of other files."""

import codecs
import re
from pathlib import Path

from omniedit.storage.atomic import LFS_POINTER, LFS_REMEDY

SUPPORTED = "jpeg png webp tiff"
NO_FILE = "a pipe, socket or device, not a file"
REMEDY = "save it with 8 or 16 bits per channel"
_SUPPORTED = SUPPORTED.replace(" ", ", ")
_MAGIC = {"JPEG": (b"\xff\xd8\xff",), "PNG": (b"\x89PNG\r\n\x1a\n",), "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")}
_FOREIGN = {
    "HEIC": rb"....ftyp(?:hei[cxms]|hev[cx]|mif[12]|msf1)",
    "AVIF": rb"....ftypavi[fs]",
    "a camera's raw format": rb"(?:II\*\0....CR|....ftypcrx |FUJIFILMCCD-RAW|IIRS|IIRO|IIU\0)",
    "a video": rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL \r\n",
    "JPEG 2000": rb"\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM....\0\0\0\0",
    "Photoshop's format": rb"8BPS",
    "PDF": rb"%PDF-",
    "SVG": rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!DOCTYPE svg[^>]*>\s*)?<svg",
    "a zip archive": rb"PK\x03\x04",
    "gzip": rb"\x1f\x8b",
}
"""Format -> first bytes. Such files may have a photo's suffix, because phones and browsers rename without
converting."""
_SUFFIXES = ((b"\x89PNG", ".png"), (b"\xff\xd8", ".jpg"), (b"RIFF", ".webp"), (b"II", ".tif"), (b"MM", ".tif"))


def image_suffix(encoded: bytes) -> str:
    """Return the suffix of an image file's format, by its first bytes."""
    return next(suffix for first, suffix in _SUFFIXES if encoded.startswith(first))


def describe_page(head: bytes) -> str | None:
    """Return the kind of a file by its first bytes if it is text instead of data: HTML, XML or a Git LFS pointer.
    Otherwise return None.
    """
    text = _leading_bytes(head)
    if head.startswith(LFS_POINTER):
        return LFS_REMEDY
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    return "HTML or XML text, such as a server's error" if text.startswith(b"<") else None


def _leading_bytes(head: bytes) -> bytes:
    return head.removeprefix(codecs.BOM_UTF8).lstrip().lower()


def explain_unidentified(source: Path | bytes) -> str:
    """Return why Pillow does not recognise the format of a file, by the file's first bytes."""
    if isinstance(source, bytes):
        head = source[:512]
    else:
        with source.open("rb") as file:
            head = file.read(512)
    if not head:
        return "an empty file"
    if foreign := [kind for kind, begin in _FOREIGN.items() if re.match(begin, head, re.DOTALL)]:
        return f"its content is {foreign[0]}, which is not supported; convert it to {_SUPPORTED}"
    if page := describe_page(head):
        return page if page == LFS_REMEDY else f"{page}, not an image"
    if _leading_bytes(head).startswith((b"{", b"[")):
        return "JSON text, such as a server's error, not an image"
    if kinds := [kind for kind, magic in _MAGIC.items() if head.startswith(magic)]:
        return f"a {kinds[0]} that is broken or unsupported; {REMEDY}"
    return f"not a {_SUPPORTED} image"
