"""Page of editors side by side for a folder of `omniedit bench`: DIR/{editor}/edits/{item_id}.png, scores by judge."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omniedit.evaluation.bench.edit_records import EDITED
from omniedit.evaluation.bench.item import BenchItem, BenchSet, ImageFile
from omniedit.evaluation.bench.tables.results import EditorResult
from omniedit.imaging.images import decode_image
from omniedit.reporting.side_by_side import ComparedItem, Heading, JudgeScore, Output, Picture, write_folder

PAGE = "side_by_side/index.html"
NOT_EDITED = "the editor has no output for this item"

Row = Mapping[str, Any]


def write_bench_page(folder: Path, bench: BenchSet, editors: Sequence[EditorResult]) -> Path:
    """Write the page next to a bench's edits, which it links, and return its path.

    Raises:
        UserError: an image of the benchmark cannot be read.
    """
    count = f"{len(bench.items):,} items, {len(editors)} editors"
    lead = f"{count}. Scores are from 0 to 10; O is the root of SC times PQ. Set {bench.name}, {bench.version[:16]}."
    labels = {editor.name: editor.label for editor in editors}
    write_folder(
        folder / PAGE, Heading("Editors side by side", bench.name, lead, labels), _items(folder, bench, editors)
    )
    return folder / PAGE


def _items(folder: Path, bench: BenchSet, editors: Sequence[EditorResult]) -> Iterator[ComparedItem]:
    pictures: dict[str, Picture] = {}

    def show(file: ImageFile) -> Picture:  # one `Picture` for an image that several items share
        return pictures.setdefault(hashlib.sha256(file()).hexdigest(), lambda: decode_image(file()))

    scores = {editor.name: _by_item(editor.scores) for editor in editors}
    for item in bench.items:
        outputs = [_output(folder, item, editor, scores[editor.name].get(item.item_id, [])) for editor in editors]
        target = show(item.target) if item.target else None
        yield ComparedItem(item.item_id, item.task, item.instruction, show(item.source), outputs, target)


def _output(folder: Path, item: BenchItem, editor: EditorResult, scores: Sequence[JudgeScore]) -> Output:
    path = folder / editor.name / "edits" / f"{item.item_id}.png"
    record = editor.records.get(item.item_id)
    if record and record.status == EDITED and path.is_file():
        return Output(editor.name, path, scores)
    return Output(editor.name, None, (), (record and record.reason) or NOT_EDITED)


def _by_item(scores: Mapping[str, Sequence[Row]]) -> dict[str, list[JudgeScore]]:
    scores_by_item: dict[str, list[JudgeScore]] = {}
    for judge, rows in scores.items():
        for row in rows:
            o, sc, pq = (row[f"{name}_score"] if row["status"] == "scored" else None for name in ("o", "sc", "pq"))
            scores_by_item.setdefault(row["item_id"], []).append(JudgeScore(judge, o, sc, pq, row["reasoning"] or ""))
    return scores_by_item
