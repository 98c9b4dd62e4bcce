"""Photo files whose header is read first, and whose pixels are read only on request."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from omniedit.imaging.decode import (
    UnreadableImage,
    exif_orientation,
    has_frames,
    is_sixteen_bit,
    open_image,
    unreadable,
    upright_exif,
    upright_rgb,
)
from omniedit.imaging.images import Image
from omniedit.storage.atomic import is_file

SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff"}


def list_images(folder: Path, pattern: str = "**/*") -> dict[str, list[Path]]:
    """Return the image files of a folder by their relative paths without suffix; none if there is no such folder."""
    images: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(folder.glob(pattern)):
        if file.suffix.lower() in SUFFIXES and is_file(file):
            images[file.relative_to(folder).with_suffix("").as_posix()].append(file)
    return dict(images)


class EncodedPhoto:
    """Photo file that is read up to its header; `decode` reads the pixels.

    Args:
        source: path or bytes of the file.

    Raises:
        UnreadableImage: the file is not an image, is of an unsupported format, or has more than MAX_PIXELS.
    """

    def __init__(self, source: Path | bytes) -> None:
        self._image = open_image(source)
        self._orientation = exif_orientation(self._image)

    def __enter__(self) -> "EncodedPhoto":
        return self

    def __exit__(self, *_: object) -> None:
        self._image.close()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright image."""
        width, height = self._image.size
        return (height, width) if self._orientation >= 5 else (width, height)

    @property
    def upright_exif(self) -> bytes:
        """EXIF data for the upright image; b"" if there is none."""
        return upright_exif(self._image)

    @property
    def left_out(self) -> list[str]:
        """Names of the file's properties that 8-bit RGB of one frame cannot hold."""
        present = {
            "transparency": self._image.has_transparency_data,
            "frames but the first": has_frames(self._image),
            "16 bits": is_sixteen_bit(self._image),
        }
        return [name for name, is_there in present.items() if is_there]

    def decode(self) -> Image:
        """Decode the first frame to (H, W, 3) RGB: upright, sRGB, alpha composited on white.

        Raises:
            UnreadableImage: the data is truncated or broken, or the range of the pixels is unknown.
        """
        try:
            return np.array(upright_rgb(self._image), np.uint8)
        except UnreadableImage:
            raise
        except Exception as error:
            raise unreadable(error, "data") from None
