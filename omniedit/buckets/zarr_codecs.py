"""Codecs of `omniedit.buckets.codecs` for zarr-python, which finds them by the entry points in pyproject.toml."""

from typing import Any, Self

import numpy as np
from zarr.abc.codec import ArrayArrayCodec, ArrayBytesCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer
from zarr.registry import register_codec

from omniedit.buckets.codecs import FILTER_NAME, JPEG_NAME, decode_jpeg, encode_jpeg, filter_rows, undo_filter


class UpFilter(ArrayArrayCodec):
    """Filter of rows and colours before zstd; the filtered chunk keeps the image's shape."""

    is_fixed_size = True

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        return cls()

    def to_dict(self) -> dict[str, Any]:
        return {"name": FILTER_NAME}

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        return input_byte_length

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> NDBuffer:
        planes = filter_rows(chunk_array.as_numpy_array()[0])
        return chunk_spec.prototype.nd_buffer.from_numpy_array(planes.reshape(chunk_spec.shape))

    async def _decode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> NDBuffer:
        _, height, width, channels = chunk_spec.shape
        image = np.empty((height, width, channels), np.uint8)
        undo_filter(chunk_array.as_numpy_array().reshape(channels, height, width).copy(), image)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(image[None])


class Jpeg(ArrayBytesCodec):
    """One JPEG file per image."""

    is_fixed_size = False

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        return cls()

    def to_dict(self) -> dict[str, Any]:
        return {"name": JPEG_NAME}

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        raise NotImplementedError

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        return chunk_spec.prototype.buffer.from_bytes(encode_jpeg(chunk_array.as_numpy_array()[0]))

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        image = np.empty(chunk_spec.shape[1:], np.uint8)
        decode_jpeg(chunk_bytes.to_bytes(), image)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(image[None])


register_codec(FILTER_NAME, UpFilter)
register_codec(JPEG_NAME, Jpeg)
