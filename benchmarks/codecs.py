"""Compare ways to store a pair's two images: size, processor time to write and to read, and the largest error.

    python benchmarks/codecs.py results/mini/buckets

Images are source and edited of up to six pairs of each bucket, on one thread. Times are medians of the rounds, in
which the codecs take turns, per pair of 1024 x 1024. A copy of the pixels is the limit of a reader. The last rows are
codecs that Pillow has and the buckets do not use.
"""

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pil

from omniedit.aspect import RATIOS
from omniedit.buckets.codecs import CODECS
from omniedit.buckets.store import BucketStore
from omniedit.imaging.images import Image, decode_image, encode_png
from omniedit.run.program import run_program

PAIR = 2 * 1024 * 1024
"""Pixels of a pair's two images."""


@dataclass(frozen=True)
class Way:
    """Way to store an image: encode it, and decode the bytes into an array of its shape."""

    encode: Callable[[Image], bytes]
    decode: Callable[[bytes, Image], None]


def pillow(kind: str, **options: object) -> Way:
    def encode(image: Image) -> bytes:
        file = io.BytesIO()
        Pil.fromarray(image).save(file, kind, **options)
        return file.getvalue()

    return Way(encode, copy_decoded)


def copy_decoded(data: bytes, out: Image) -> None:
    out[...] = decode_image(data)


def copy_pixels(data: bytes, out: Image) -> None:
    out[...] = np.frombuffer(data, np.uint8).reshape(out.shape)


WAYS = {
    "copy of the pixels": Way(lambda image: image.tobytes(), copy_pixels),
    **{f"buckets.codec: {name}": Way(codec.encode, codec.decode) for name, codec in CODECS.items()},
    "PNG of the candidates": Way(encode_png, copy_decoded),
    "JPEG q95 4:2:0": pillow("JPEG", quality=95),
    "WebP lossless": pillow("WEBP", lossless=True, method=0, quality=0),
    "WebP q95": pillow("WEBP", quality=95, method=2),
}


def read_images(buckets: Path) -> list[Image]:
    store = BucketStore(buckets)
    batches = [store.read(ratio, range(min(6, len(store.pairs(ratio))))) for ratio in RATIOS]
    return [image.copy() for batch in batches for images in (batch.source, batch.edited) for image in images]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("buckets", type=Path, help="folder of sealed buckets")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    images = read_images(args.buckets)
    outs = [np.empty_like(image) for image in images]
    pairs = sum(image.shape[0] * image.shape[1] for image in images) / PAIR
    encoded, writing = {}, {}
    for name, way in WAYS.items():
        start = time.process_time()
        encoded[name] = [way.encode(image) for image in images]
        writing[name] = (time.process_time() - start) / pairs * 1000
    reading: dict[str, list[float]] = {name: [] for name in WAYS}
    errors = {}
    for _ in range(args.rounds):
        for name, way in WAYS.items():
            start = time.process_time()
            for data, out in zip(encoded[name], outs, strict=True):
                way.decode(data, out)
            reading[name].append((time.process_time() - start) / pairs * 1000)
            errors[name] = max(int(cv2.absdiff(image, out).max()) for image, out in zip(images, outs, strict=True))
    limit = float(np.median(reading["copy of the pixels"]))
    print(f"{len(images)} images\n{'way':24} {'MB':>6} {'write ms':>9} {'read ms':>8} {'x copy':>7} {'error':>6}")
    for name in WAYS:
        megabytes, ms = sum(map(len, encoded[name])) / pairs / 1e6, float(np.median(reading[name]))
        print(f"{name:24} {megabytes:6.2f} {writing[name]:9.1f} {ms:8.1f} {ms / limit:7.1f} {errors[name]:6}")


if __name__ == "__main__":
    run_program(main)
