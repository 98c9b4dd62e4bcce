"""Readers of other libraries for benchmarks/loader_speed.py, which starts this file in its own environment.

A line on stdin names a reader; the answer is the processor time of one round over all pairs, in seconds. The folder's
index.json gives the kind and number of records. Pairs come in batches of eight arrays, as a training needs them.
"""

import io
import json
import shutil
import sys
import time
import types
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 8
FIELDS = {"latents": ("pair",), "images": ("source", "edited", "mask")}
Record = dict[str, bytes]
Reader = Callable[[np.ndarray], Iterable[Record]]
"""Function that yields the records of these rows, in any order."""


def read_records(folder: Path, count: int, fields: tuple[str, ...]) -> Iterator[Record]:
    for row in range(count):
        yield {field: (folder / f"{row}.{field}").read_bytes() for field in fields}


def open_webdataset(folder: Path, records: Iterator[Record], fields: tuple[str, ...]) -> Reader:
    import webdataset

    path = str(folder / "pairs.tar")
    with webdataset.TarWriter(path) as writer:
        for row, record in enumerate(records):
            writer.write({"__key__": f"{row:06d}", **{f"{field}.bin": value for field, value in record.items()}})

    def read(rows: np.ndarray) -> Iterator[Record]:
        for sample in webdataset.WebDataset(path, shardshuffle=False, empty_check=False):
            yield {field: sample[f"{field}.bin"] for field in fields}

    return read


def stand_in_for_torchvision() -> None:
    """Let streaming's vision data sets, which are not used here, be imported without torchvision's operators."""
    names = ["torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.transforms.functional"]
    for name in names:
        module: Any = types.ModuleType(name)
        module.VisionDataset, module.to_tensor, module.__path__ = type("VisionDataset", (), {}), None, []
        module.__spec__ = ModuleSpec(name, None, is_package=True)
        sys.modules[name] = module


def open_streaming(folder: Path, records: Iterator[Record], fields: tuple[str, ...]) -> Reader:
    stand_in_for_torchvision()
    from streaming import MDSWriter, StreamingDataset

    with MDSWriter(out=str(folder), columns=dict.fromkeys(fields, "bytes")) as writer:
        for record in records:
            writer.write(record)
    data = StreamingDataset(local=str(folder), batch_size=BATCH)
    return lambda rows: (data[int(row)] for row in rows)


def open_litdata(folder: Path, records: Iterator[Record], fields: tuple[str, ...]) -> Reader:
    from litdata import StreamingDataset
    from litdata.streaming.writer import BinaryWriter

    folder.mkdir(exist_ok=True)
    writer = BinaryWriter(str(folder), chunk_bytes="64MB")
    for row, record in enumerate(records):
        writer[row] = record
    writer.done()
    writer.merge()
    data = StreamingDataset(str(folder))
    return lambda rows: (data[int(row)] for row in rows)


def open_datasets(folder: Path, records: Iterator[Record], fields: tuple[str, ...]) -> Reader:
    import datasets

    datasets.disable_progress_bars()
    features = datasets.Features({field: datasets.Value("large_binary") for field in fields})
    made = datasets.Dataset.from_list(list(records), features=features)
    made.save_to_disk(str(folder))
    data = datasets.load_from_disk(str(folder))
    return lambda rows: (data[int(row)] for row in rows)


PEERS = {
    "webdataset": open_webdataset,
    "streaming": open_streaming,
    "litdata": open_litdata,
    "datasets": open_datasets,
}


def decode(value: bytes, shape: list[int]) -> np.ndarray:
    """Return latents unchanged, or an image from its file's bytes, as each of these libraries does."""
    if shape[0] == 2:
        return np.frombuffer(value, np.uint16).reshape(shape)
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(value)))


def run_round(read: Reader, about: dict[str, Any], rows: np.ndarray) -> float:
    fields = FIELDS[about["kind"]]
    start, waiting = time.process_time(), []
    for record in read(rows):
        waiting.append([decode(record[field], about["shapes"][field]) for field in fields])
        if len(waiting) == BATCH:
            for arrays in zip(*waiting, strict=True):
                np.stack(arrays)
            waiting = []
    return time.process_time() - start


def main() -> None:
    folder = Path(sys.argv[1])
    about = json.loads((folder / "index.json").read_text())
    readers = {}
    for name, open_peer in PEERS.items():
        place = folder / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        fields = FIELDS[about["kind"]]
        try:
            readers[name] = open_peer(place, read_records(folder / "records", about["count"], fields), fields)
        except Exception as error:  # a library that does not run here gets a line in the table
            print(json.dumps({"failed": name, "why": f"{type(error).__name__}: {error}"[:200]}), flush=True)
    print(json.dumps({"readers": list(readers)}), flush=True)
    rng = np.random.default_rng(0)
    for line in sys.stdin:
        seconds = run_round(readers[line.strip()], about, rng.permutation(about["count"]))
        print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
