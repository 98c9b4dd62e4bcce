"""Scores of an editor's outputs by one judge: `scores/{judge}.parquet`, with all settings that decide them.

A journal of verdicts, `scores/{judge}.jsonl`, lets an interrupted run resume. Every item has a row; without an edit,
its status is failure or refusal and its scores are null.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from omniedit.aspect import closest_ratio
from omniedit.errors import UserError
from omniedit.evaluation.bench.edit_records import EDITED, EditFolder
from omniedit.evaluation.bench.editors.editor import EditFailure
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.evaluation.bench.run import find_source
from omniedit.imaging.images import Image, decode_image, encoded_size
from omniedit.scoring.examples import Example, Marker, RubricScores
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Rubric
from omniedit.storage.json_lines import append_json, read_json_lines
from omniedit.storage.parquet import write_rows
from omniedit.storage.progress import Progress

SCORED, UNSCORABLE = "scored", "unscorable"
_TEXTS = ("item_id", "task", "image_id", "ratio", "session", "editor", "status", "reasoning")
_SCORES = ("sc_score", "pq_score", "o_score", "o_spread", "disagreement")
_JUDGE = ("scores", "texts", "judge", "judge_version", "rubric", "prompt_hash", "sampling", "verdict")
SCHEMA = pa.schema(
    [(name, pa.string()) for name in _TEXTS]
    + [("turn", pa.int32())]
    + [(name, pa.float64()) for name in _SCORES]
    + [(name, pa.string()) for name in _JUDGE]
)
"""Columns of a judge's scores. `image_id` is the same for all edits of one image, `scores` and `texts` are the rubric's
own as JSON, `verdict` is the digest of all inputs that decide the scores. `disagreement` is that of an ensemble's
judges, and null for a single judge."""

Show = Callable[[BenchItem, Image], Example]
"""Function that returns the images and texts of an edit that a judge sees."""


@dataclass(frozen=True)
class JudgeSetup:
    """Judge of a bench, ready to score edits.

    Args:
        name: name in tables and files.
        sampling: all settings besides model and rubric that decide the scores.
        mark: function that scores examples by the rubric.
        batch_size: number of examples to mark together.
    """

    name: str
    sampling: str
    rubric: Rubric
    mark: Marker
    batch_size: int


def score_edits(
    bench: BenchSet, editor: str, edits: EditFolder, judge: JudgeSetup, show: Show, items: Sequence[BenchItem]
) -> Path:
    """Judge the edits of an editor that have no scores yet, write the table, and return its path.

    Args:
        items: items of `bench` to judge.

    Raises:
        UserError: an image cannot be read, or the judge fails.
    """
    folder = edits.folder / "scores"
    journal = VerdictJournal(folder / f"{judge.name}.jsonl")
    todo = [work for work in _find_work(bench, editor, edits, judge, items) if not journal.has(work[1])]
    with Progress("scores", total=len(todo)) as progress:
        for first in range(0, len(todo), judge.batch_size):
            batch = todo[first : first + judge.batch_size]
            examples = [show(item, edits.read(item.item_id)) for item, _ in batch]
            for (_, digest), verdict in zip(batch, judge.mark(examples), strict=True):
                journal.add(digest, to_columns(verdict))
            progress.advance(len(batch))
    out = folder / f"{judge.name}.parquet"
    write_rows(out, list(_rows(bench, editor, edits, judge, journal)), SCHEMA)
    return out


class VerdictJournal:
    """Verdicts by digest. The next run judges unscored edits again, because the cause may have been temporary."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.verdicts = {str(line.get("verdict")): line for line in read_json_lines(path)}

    def has(self, digest: str) -> bool:
        return self.verdicts.get(digest, {}).get("status") == SCORED

    def add(self, digest: str, columns: dict[str, Any]) -> None:
        line = columns | {"verdict": digest}
        append_json(self.path, line)
        self.verdicts[digest] = line


def plain_example(item: BenchItem, edited: Image) -> Example:
    """Return the example of most rubrics: source, edited image, the benchmark's own result, references, and the item's
    texts, by their names.
    """
    images = {"source": item.source} | ({"target": item.target} if item.target else {}) | dict(item.references)
    decoded = {name: decode_image(read(), f"{item.item_id}: {name}") for name, read in images.items()}
    captions = {"source_caption": item.captions.source, "target_caption": item.captions.edited}
    texts = {name: value for name, value in (captions | dict(item.extra)).items() if isinstance(value, str)}
    return Example(decoded | {"edited": edited}, texts | {"instruction": item.instruction}, item.task)


def _find_work(
    bench: BenchSet, editor: str, edits: EditFolder, judge: JudgeSetup, items: Sequence[BenchItem]
) -> Iterator[tuple[BenchItem, str]]:
    """Yield each edited item, with the image that the editor got as its source, and the digest of its verdict."""
    for item in items:
        record = edits.records.get(item.item_id)
        if record is None or record.status != EDITED:
            continue
        edited_from = find_source(bench, item, edits)
        if isinstance(edited_from, EditFailure):
            raise UserError(f"editor {editor}: {item.item_id}: {edited_from.reason}; run the bench again")
        started = replace(item, source=partial(bytes, edited_from))
        yield started, digest_verdict(started, record.sha256, judge)


def digest_verdict(item: BenchItem, edit_sha256: str, judge: JudgeSetup) -> str:
    """Return the digest, 16 hex digits, of all inputs that decide the scores of an edit."""
    files = [item.source, *([item.target] if item.target else []), *(read for _, read in item.references)]
    inputs = {
        "images": [edit_sha256, *(hashlib.sha256(read()).hexdigest() for read in files)],
        "texts": [item.task, item.instruction, asdict(item.captions), dict(item.extra)],
        "judge": [judge.name, judge.sampling, judge.rubric.digest],
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _rows(
    bench: BenchSet, editor: str, edits: EditFolder, judge: JudgeSetup, journal: VerdictJournal
) -> Iterator[dict[str, Any]]:
    """Yield a row for each item of the set."""
    judge_columns = {"judge": judge.name, "rubric": judge.rubric.name, "prompt_hash": judge.rubric.digest}
    digests = {item.item_id: digest for item, digest in _find_work(bench, editor, edits, judge, bench.items)}
    for item in bench.items:
        row = item_columns(item) | judge_columns | {"editor": editor, "sampling": judge.sampling}
        record = edits.records.get(item.item_id)
        if item.item_id in digests:
            missing = {"status": "missing", "reasoning": "not judged yet"}
            yield row | journal.verdicts.get(digests[item.item_id], missing)
        elif record is None:
            yield row | {"status": "missing", "reasoning": "not edited yet"}
        else:
            yield row | {"status": record.status, "reasoning": record.reason}


def item_columns(item: BenchItem) -> dict[str, Any]:
    """Return the columns that describe an item; `image_id` is the digest of the set's own source."""
    source = item.source()
    width, height = encoded_size(source, f"{item.item_id}: source")
    return {
        "item_id": item.item_id,
        "task": item.task,
        "image_id": hashlib.sha256(source).hexdigest()[:16],
        "ratio": closest_ratio(width, height),
        "session": item.session,
        "turn": item.turn,
    }


def to_columns(verdict: RubricScores | Unscorable) -> dict[str, Any]:
    if isinstance(verdict, Unscorable):
        return {"status": UNSCORABLE, "reasoning": verdict.reason}
    return {
        "status": SCORED,
        "sc_score": verdict.sc_score,
        "pq_score": verdict.pq_score,
        "o_score": verdict.o_score,
        "o_spread": verdict.o_spread,
        "reasoning": verdict.reasoning,
        "scores": json.dumps(dict(verdict.scores)),
        "texts": json.dumps(dict(verdict.texts)),
        "judge_version": verdict.judge_version,
    }
