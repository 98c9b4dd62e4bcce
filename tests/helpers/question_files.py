"""Tables of questions about images, as `omniedit import llava` writes them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from omniedit.exchange.perception.questions import VQA_SCHEMA
from omniedit.imaging.images import encode_png


def write_questions(folder: Path) -> Path:
    """Write two groups of rows: grey levels 10 and 20 with two turns each, and a rejected one."""
    folder.mkdir()
    rows = [
        {"id": f"row-{level}", "image": encode_png(np.full((6, 8, 3), level, np.uint8))}
        | {"questions": [f"First {level}?", f"Second {level}?"], "answers": [f"one {level}", f"two {level}"]}
        for level in (10, 20)
    ]
    tables = [[rows[0], {"id": "bad", "refused": "it names no image"}], [rows[1]]]
    with pq.ParquetWriter(folder / "00000.parquet", VQA_SCHEMA) as writer:
        for group in tables:
            writer.write_table(pa.Table.from_pylist(group, schema=VQA_SCHEMA))
    return folder
