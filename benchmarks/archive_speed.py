"""Measure how fast archives become shards: photos per second of streaming a tar, and of readers that keep nothing.

    python benchmarks/archive_speed.py --photos 64

The tar holds the shipped sample's photos, about a megapixel each, with a painted corner so that no two are equal. The
peers read each image from the tar and decode it: tarfile with Pillow, the limit for any reader in Python, and the
webdataset library if it is installed. Streaming also crops, computes the digest and writes the shard.
"""

import argparse
import io
import json
import tarfile
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import PIL.Image

from benchmarks.timing import time_in_turns
from omniedit.run.program import run_program
from omniedit.sources.archive_items import open_archive
from omniedit.sources.archive_stream import stream
from omniedit.sources.photo_index import SAMPLE, PhotoRequirements
from omniedit.sources.photo_shard import new_shard
from omniedit.sources.webdataset import tar_photos


def write_archive(path: Path, photos: int) -> None:
    """Write a tar as img2dataset does, with {key}.jpg and {key}.json."""
    files = sorted(SAMPLE.glob("*.jpg"))
    with tarfile.open(path, "w") as tar:
        for number in range(photos):
            image = PIL.Image.open(files[number % len(files)])
            image.paste((number % 256, number // 256, 0), (0, 0, 16, 16))
            encoded = io.BytesIO()
            image.save(encoded, "JPEG", quality=95)
            for suffix, content in ((".jpg", encoded.getvalue()), (".json", json.dumps({"caption": "x"}).encode())):
                member = tarfile.TarInfo(f"{number:09d}{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def read_by_tarfile(path: Path) -> int:
    count = 0
    with tarfile.open(path, "r|", bufsize=1 << 20) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None and member.name.endswith(".jpg"):
                np.asarray(PIL.Image.open(io.BytesIO(file.read())))
                count += 1
    return count


def read_by_webdataset(path: Path) -> int:
    import webdataset

    dataset = webdataset.WebDataset(str(path), shardshuffle=False).decode("rgb8")
    return sum(1 for sample in dataset if sample["jpg"].ndim == 3)


def read_alone(path: Path) -> int:
    """Read the archive with our reader, without decoding."""
    with open_archive(str(path)) as file:
        return sum(1 for _ in tar_photos(file, path.name))


def streamer(demands: PhotoRequirements, out: Path) -> Callable[[Path], int]:
    def to_shard(path: Path) -> int:
        with open_archive(str(path)) as file, out.open("wb") as shard, new_shard(shard) as tar:
            rows = list(stream(tar_photos(file, path.name), "00000", demands, tar))
        return sum(row["status"] == "kept" for row in rows)

    return to_shard


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=63)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    with TemporaryDirectory() as folder:
        archive = Path(folder, "photos.tar")
        write_archive(archive, args.photos)
        print(f"{args.photos} photos, {archive.stat().st_size / args.photos / 2**20:.2f} MiB each")
        whole = PhotoRequirements(10**6, 4 * 10**6, 0.15, "saliency")
        smaller = PhotoRequirements(10**6 // 4, 10**6 // 2, 0.15, "saliency")
        works: dict[str, Callable[[Path], int]] = {
            "tarfile + Pillow, decoded and dropped": read_by_tarfile,
            "tar_photos, not decoded": read_alone,
            "stream, original bytes kept": streamer(whole, Path(folder, "a.tar")),
            "stream, scaled to half a megapixel, PNG": streamer(smaller, Path(folder, "b.tar")),
        }
        if find_spec("webdataset"):
            works["webdataset + Pillow, decoded and dropped"] = read_by_webdataset
        taken, counts = time_in_turns({name: partial(work, archive) for name, work in works.items()}, args.rounds)
    assert set(counts.values()) == {args.photos}, counts
    measured = {name: args.photos / float(np.median(seconds)) for name, seconds in taken.items()}
    limit = measured["tarfile + Pillow, decoded and dropped"]
    print(f"{'':42} {'photos/s':>9} {'of tarfile + Pillow':>20}")
    for name, rate in measured.items():
        print(f"{name:42} {rate:9.1f} {rate / limit:20.2f}")


if __name__ == "__main__":
    run_program(main)
