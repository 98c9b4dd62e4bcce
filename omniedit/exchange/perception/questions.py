"""Questions about images (LLaVA's form) as a separate table: `vqa/{name}/{shard}.parquet`.

They have no edited image, so they are not pairs. The table is for the training of a language model that understands
instructions; an editor's training does not read it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from omniedit.errors import UserError
from omniedit.exchange.image_files import BadImage, ImageFiles
from omniedit.exchange.inputs import deal, list_inputs, share_limit
from omniedit.exchange.layout import load_layout
from omniedit.exchange.pair_images import check_image
from omniedit.exchange.readers import read_rows
from omniedit.exchange.rows import Row, reject
from omniedit.imaging.images import pixels_sha256
from omniedit.pairs import Rejection
from omniedit.plain_text import clean
from omniedit.sources.photo_index import make_source_id
from omniedit.storage.parquet import write_tables

FORMAT = "llava"
"""Format of questions and answers, for `omniedit import`."""
VQA_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("source_id", pa.string()),
        ("image", pa.binary()),
        ("source_sha256", pa.string()),
        ("questions", pa.list_(pa.string())),
        ("answers", pa.list_(pa.string())),
        ("family", pa.string()),
        ("dataset", pa.string()),
        ("licence", pa.string()),
        ("refused", pa.string()),
    ]
)
"""Columns of the table. `image` is the file as it came, questions and answers are the turns of a conversation in order,
`family` is 'perception'. In a rejected row, `refused` is the reason, and all other columns except `id` are null."""
_ROWS = 64
_IMAGE_TAG = "<image>"
_ASKS, _ANSWERS = ("human", "user"), ("gpt", "assistant")


@dataclass
class QuestionCounts:
    """Number of conversations, of questions in them, and of rejected rows by reason."""

    conversations: int = 0
    questions: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def describe(self) -> list[str]:
        lines = [f"{self.conversations} conversations with {self.questions} questions"]
        lines += [f"{self.reasons.total()} rejected"] if self.reasons else []
        return lines + [f"  {count} x {reason}" for reason, count in self.reasons.most_common(20)]


def import_questions(
    path: str, name: str, run: str | Path, images: str | None, shards: int, licence: str | None, limit: int | None
) -> QuestionCounts:
    """Write a data set of questions to `{run}/vqa/{name}/{shard}.parquet` and return the counts.

    Args:
        name: of the data set in the run.
        images: folder, address or tar of the images; None for the folder of the rows.
        limit: maximum number of rows to read.

    Raises:
        UserError: the rows cannot be read, none can be used, or the run already has questions of this name.
    """
    folder = Path(run) / "vqa" / name
    if folder.is_dir() and any(folder.glob("*.parquet")):
        raise UserError(f"{folder}: already has questions; give another --name, or delete the folder")
    inputs = list_inputs(path, "json")
    if any(file.container not in ("json", "jsonl") for file in inputs):
        raise UserError(f"{Path(path).name}: no file of conversations in JSON or JSONL")
    files = ImageFiles(images or inputs[0].folder, images is not None)
    counts, ids = QuestionCounts(), set[str]()
    try:
        for shard in range(shards):
            rows = (row for part in deal(inputs, shard, shards) for row in read_rows(part, load_layout("table")))
            results = _make_rows(islice(rows, share_limit(limit, shard, shards)), files, name, licence, ids, counts)
            write_tables(folder / f"{shard:05d}.parquet", _tables(results), VQA_SCHEMA)
    finally:
        files.close()
    if not counts.conversations:
        for file in folder.glob("*.parquet"):
            file.unlink()
        first = next(iter(counts.reasons), "has no rows")
        raise UserError(
            f"{Path(path).name}: none of {counts.reasons.total()} rows can be used; the first problem: {first}"
        )
    return counts


def _tables(rows: Iterator[dict[str, Any]]) -> Iterator[pa.Table]:
    while batch := list(islice(rows, _ROWS)):
        yield pa.Table.from_pylist(batch, schema=VQA_SCHEMA)


def _make_rows(
    rows: Iterator[Row | Rejection],
    files: ImageFiles,
    name: str,
    licence: str | None,
    ids: set[str],
    counts: QuestionCounts,
) -> Iterator[dict[str, Any]]:
    for row in rows:
        if isinstance(row, Rejection):
            counts.reasons[row.reason] += 1
            yield {"id": row.source_id, "refused": row.reason}
            continue
        try:
            result = _make_row(row, files)
        except (BadImage, ValueError) as error:
            refused = reject(row.place, str(error))
            counts.reasons[refused.reason] += 1
            yield {"id": refused.source_id, "refused": refused.reason}
            continue
        own = make_source_id(row.place, str(row.values.get("id") or row.name), ids)
        ids.add(own)
        counts.conversations += 1
        counts.questions += len(result["questions"])
        about = {"id": f"{name}-{own}", "family": "perception", "dataset": FORMAT, "licence": licence or "unknown"}
        yield result | about


def _make_row(row: Row, files: ImageFiles) -> dict[str, Any]:
    """Return the image and the turns of a conversation.

    Raises:
        BadImage: the image is missing or cannot be read.
        ValueError: the turns do not alternate between question and answer.
    """
    questions, answers = _read_turns(row.values.get("conversations"))
    path = row.values.get("image")
    if not isinstance(path, str) or not path:
        raise ValueError("it names no image; a text without an image is not perception data")
    content = files.read(path, row.file.folder)
    _, image = check_image(content, "image", {})
    return {
        "source_id": path,
        "image": content,
        "source_sha256": pixels_sha256(image),
        "questions": questions,
        "answers": answers,
    }


def _read_turns(turns: Any) -> tuple[list[str], list[str]]:
    if not isinstance(turns, list) or not turns or len(turns) % 2:
        raise ValueError("conversations is not a list of questions, each with its answer")
    questions: list[str] = []
    answers: list[str] = []
    for number, turn in enumerate(turns):
        speakers, texts = (_ANSWERS, answers) if number % 2 else (_ASKS, questions)
        if not isinstance(turn, dict) or str(turn.get("from", turn.get("role"))).lower() not in speakers:
            raise ValueError(f"turn {number + 1} is not by {speakers[0]}")
        text = clean(str(turn.get("value", turn.get("content")) or "").replace(_IMAGE_TAG, "")).strip()
        if not text:
            raise ValueError(f"turn {number + 1} is empty")
        texts.append(text)
    return questions, answers
