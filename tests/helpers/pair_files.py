"""Small images and data files of edit pairs for tests."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq

from omniedit.exchange.importing import ImportOptions, import_pairs
from omniedit.pairs import EncodedPair, Rejection, Shard

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def make_image(
    seed: int = 0, width: int = 48, height: int = 32, kind: str = "PNG", mode: str = "RGB", **save: Any
) -> bytes:
    """Return the bytes of a file of random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).convert(mode).save(file, kind, **save)
    return file.getvalue()


def make_mask(width: int = 48, height: int = 32) -> bytes:
    """Return a PNG whose left half is inside."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[:, : width // 2] = 255
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def omniedit_rows(count: int, **changes: Any) -> dict[str, Any]:
    """Return columns in the layout of OmniEdit-Filtered, without images' types."""
    rows = range(count)
    columns = {
        "omni_edit_id": [f"task_obj_{row}" for row in rows],
        "task": ["swap"] * count,
        "src_img": [{"bytes": make_image(row), "path": f"{row}.png"} for row in rows],
        "edited_img": [{"bytes": make_image(row + 1000, kind="JPEG"), "path": None} for row in rows],
        "edited_prompt_list": [[f"Make it {row}.", f"Turn it into {row}."] for row in rows],
        "width": [48] * count,
        "height": [32] * count,
        "sc_score_1": [9] * count,
        "sc_score_2": [8] * count,
        "sc_reasoning": ["The edit is as asked."] * count,
        "pq_score": [7] * count,
        "pq_reasoning": ["No artifacts."] * count,
        "o_score": [7.48] * count,
    }
    return columns | changes


def write_parquet(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    """Write columns as Parquet; those of dicts with bytes become Hugging Face images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: values if not _are_images(values) else pa.array(values, IMAGE) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), path, **options)
    return path


def _are_images(values: Sequence[Any]) -> bool:
    return not isinstance(values, pa.Array) and any(isinstance(value, dict) and "bytes" in value for value in values)


def import_all(
    path: Path | str, run: Path, shards: int = 1, **options: Any
) -> tuple[list[EncodedPair], list[Rejection]]:
    """Import a data set into a run, and return all pairs and rejections."""
    chosen = ImportOptions(**options)
    import_pairs(str(path), chosen, run, shards)
    return read_all(run, chosen.data_set)


def read_all(run: Path, name: str) -> tuple[list[EncodedPair], list[Rejection]]:
    """Return the pairs and rejections of a data set of a run."""
    pairs, rejections = [], []
    for file in sorted((run / "candidates" / name).glob("*.h5")):
        with Shard(file) as shard:
            pairs += [shard.encoded_pair(row) for row in range(len(shard))]
            rejections += shard.rejections
    return pairs, rejections
