"""Image formats that are read, and the description of a directory entry that is not a file."""

SUPPORTED = "jpeg png webp tiff"
NO_FILE = "a pipe, socket or device, not a file"
_SUFFIXES = ((b"\x89PNG", ".png"), (b"\xff\xd8", ".jpg"), (b"RIFF", ".webp"), (b"II", ".tif"), (b"MM", ".tif"))


def image_suffix(encoded: bytes) -> str:
    """Return the suffix of an image file's format, by its first bytes."""
    return next(suffix for first, suffix in _SUFFIXES if encoded.startswith(first))
