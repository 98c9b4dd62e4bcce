"""Shards of photos: tars in the WebDataset layout, with `{source_id}.png` and `{source_id}.json` for each photo.

All samples have the same two suffixes, as Hugging Face `datasets` requires of WebDataset tars.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, BinaryIO

from omniedit.errors import DamagedFile, UserError, missing
from omniedit.imaging.decode import UnreadableImage
from omniedit.imaging.images import Image, encode_png, pixels_sha256, resize_cover
from omniedit.sources.near_duplicates import is_held_out
from omniedit.sources.photo import NamedObject, Photo
from omniedit.sources.photo_file import EncodedPhoto
from omniedit.sources.photo_index import IndexRow, crop

_METADATA = ("source_id", "file", "ratio", "caption", "objects", "licence", "author", "origin", "sha256", "phash")
_END = bytes(1024)


def pack(root: Path, rows: Sequence[IndexRow], tar_path: str | Path) -> Iterator[str]:
    """Yield each source id after writing its photo to the shard's tar. The same photos give the same bytes.

    Raises:
        UserError: a photo is missing, or its pixels differ from the indexed ones.
    """
    with Path(tar_path).open("wb") as file, new_shard(file) as tar:
        for row in sorted(rows, key=lambda row: row["source_id"]):
            add_photo(tar, row, _as_indexed(root / row["file"], row))
            yield row["source_id"]


def new_shard(file: IO[bytes]) -> tarfile.TarFile:
    """Open a tar for `add_photo`. Closing the tar leaves `file` open."""
    return tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT)


def add_photo(tar: tarfile.TarFile, row: IndexRow, image: Image) -> None:
    """Crop a photo, scale it down, and add it to a tar as a lossless PNG with its metadata as JSON.

    Args:
        image: (H, W, 3) RGB, before the crop and scaling.
    """
    box = (row["left"], row["top"], row["right"], row["bottom"])
    encoded = encode_png(resize_cover(crop(image, box), row["packed_width"], row["packed_height"]))
    about = {key: row[key] for key in _METADATA} | {"objects": json.loads(row["objects"])}
    about["packed_sha256"] = hashlib.sha256(encoded).hexdigest()
    _add(tar, f"{row['source_id']}.json", json.dumps(about, sort_keys=True).encode())
    _add(tar, f"{row['source_id']}.png", encoded)


def split(shard: BinaryIO, parts: Sequence[tuple[Collection[str], BinaryIO]]) -> None:
    """Copy the photos of a shard to new shards; each file gets the photos of its source ids."""
    with tarfile.open(fileobj=shard) as whole, ExitStack() as stack:
        tars = [(chosen, stack.enter_context(new_shard(file))) for chosen, file in parts]
        for member in whole:
            for chosen, tar in tars:
                if Path(member.name).stem in chosen:
                    tar.addfile(member, whole.extractfile(member))


def _as_indexed(path: Path, row: IndexRow) -> Image:
    """Decode a photo and check that its pixels match the index."""
    changed = f"{path}: changed since the sources were indexed; run snakemake --forcerun index_sources"
    if not path.exists():
        raise UserError(f"{path}: no such file, although the index of sources lists it; {changed.split('; ')[1]}")
    try:
        with EncodedPhoto(path) as encoded:
            image = encoded.decode()
    except UnreadableImage:
        raise UserError(changed) from None
    if pixels_sha256(image) != row["sha256"]:
        raise UserError(changed)
    return image


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


class PhotoShard:
    """Shard opened for reading: a context manager and a sequence of `Photo`, decoded on access.

    Only metadata is held in memory: `names` are the source ids, `metadata(i)` is the JSON of a photo.

    Raises:
        DamagedFile: the tar is truncated or not a shard of photos, or (on access) an image does not match its checksum.
        UserError: the file is missing or cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            with tarfile.open(path, "r:") as tar:
                members = {member.name: (member.offset_data, member.size) for member in tar}
        except FileNotFoundError:
            raise missing(path) from None
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None
        except tarfile.TarError as error:
            raise DamagedFile(path, f"not a valid tar ({error})") from None
        self._descriptor = os.open(path, os.O_RDONLY)
        # tarfile accepts a tar that is cut off between two members; only the missing end mark reveals it.
        if os.pread(self._descriptor, len(_END), self.path.stat().st_size - len(_END)) != _END:
            self.__exit__()
            raise DamagedFile(path, "truncated tar")
        images = {Path(name).stem: place for name, place in members.items() if not name.endswith(".json")}
        self.names = sorted(images)
        self._places = [images[name] for name in self.names]
        try:
            self._metadata = [json.loads(self._bytes(members[f"{name}.json"])) for name in self.names]
        except (KeyError, ValueError) as error:
            self.__exit__()
            raise DamagedFile(path, f"not a shard of photos: a photo's .json is missing or broken ({error})") from None

    def __enter__(self) -> "PhotoShard":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Photo]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Photo:
        about, content = self._metadata[index], self._bytes(self._places[index])
        if hashlib.sha256(content).hexdigest() != about.get("packed_sha256"):
            raise DamagedFile(self.path, f"{about['source_id']} does not match its checksum")
        try:
            with EncodedPhoto(content) as encoded:
                image = encoded.decode()
        except UnreadableImage as error:
            raise UserError(f"{self.path}: {about['source_id']}: {error}") from None
        return Photo(
            source_id=about["source_id"],
            image=image,
            ratio=about["ratio"],
            caption=about["caption"],
            objects=tuple(NamedObject(o["name"], o["box"] and tuple(o["box"])) for o in about["objects"]),
            licence=about["licence"],
            author=about["author"],
            origin=about["origin"],
            sha256=about["sha256"],
            phash=about.get("phash", ""),
        )

    def metadata(self, index: int) -> dict[str, Any]:
        """Return a photo's metadata without decoding it: source_id, file, ratio, caption, objects, licence, ..."""
        return self._metadata[index]

    def _bytes(self, place: tuple[int, int]) -> bytes:
        offset, size = place
        return os.pread(self._descriptor, size, offset)


class PhotoShards:
    """Several open shards as one sequence.

    Args:
        bench: rows of `sources/bench.parquet`; photos that equal or nearly duplicate one of them are skipped.
    """

    def __init__(self, shards: Sequence[PhotoShard], bench: Sequence[IndexRow] = ()) -> None:
        places = [(shard, index) for shard in shards for index in range(len(shard))]
        self._places = [(shard, index) for shard, index in places if not is_held_out(shard.metadata(index), bench)]
        self.names = [shard.names[index] for shard, index in self._places]

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Photo]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Photo:
        shard, row = self._places[index]
        return shard[row]

    def metadata(self, index: int) -> dict[str, Any]:
        shard, row = self._places[index]
        return shard.metadata(row)
