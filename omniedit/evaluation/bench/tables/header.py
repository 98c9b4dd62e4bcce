"""Header of a bench's tables: all settings that decide its figures."""

from collections.abc import Iterable, Iterator, Sequence

from omniedit.evaluation.bench.edit_records import EDITED, EditRecord
from omniedit.evaluation.bench.statistics import warn_of_few
from omniedit.evaluation.bench.tables.results import BenchResults, EditorResult
from omniedit.plain_text import markdown_cell, markdown_table


def describe_results(results: BenchResults) -> Iterator[str]:
    """Yield lines of Markdown: the set, the judges with version, prompt and sampling, the editors with their sizes."""
    images = len({row["image_id"] for row in results.items})
    yield f"Set `{results.bench}`, {len(results.items)} items on {images} images, version `{results.version[:16]}`."
    yield ""
    yield from _judge_lines(results)
    head = ("editor", "version", "input size", "output size", "returned to the source's size by", "seed")
    yield from markdown_table(head, map(_editor_cells, results.editors))
    yield ""
    yield (
        "Intervals are 95 % bootstrap intervals over images (over sessions, for edits in several turns). O is the mean "
        "of each item's own O. The best figure of a column is bold and the second underlined; no edit and the "
        "benchmark's own result are not ranked."
    )
    yield ""
    for warning in warn_of_few(images):
        yield warning
        yield ""


def _judge_lines(results: BenchResults) -> Iterator[str]:
    if not results.judges:
        yield "No judge scored these edits; `--judges` adds scores, next to published ones."
        yield ""
        return
    table = []
    for judge in results.judges:
        rows = [row for editor in results.editors for row in editor.scored(judge)]
        cells = [_join(row[name] for row in rows) for name in ("judge_version", "rubric", "prompt_hash", "sampling")]
        table.append([markdown_cell(cell, 1000) for cell in (judge, *cells)])
    yield from markdown_table(("judge", "version", "rubric", "prompt digest", "sampling"), table)
    yield ""


def _editor_cells(editor: EditorResult) -> list[str]:
    edited = [record for record in editor.records.values() if record.status == EDITED]
    cells = [
        editor.label,
        _join(record.editor for record in editor.records.values()),
        editor.sizes,
        _output_sizes(edited),
        _join(record.restore for record in edited),
        _join(str(record.seed) for record in editor.records.values()),
    ]
    return [markdown_cell(cell, 1000) for cell in cells]


def _output_sizes(records: Sequence[EditRecord]) -> str:
    """Return the sizes of outputs: the source's, and the first four others."""
    others = {record.output for record in records if record.output != record.size and record.output}
    is_all_other = bool(others) and all(record.output in others for record in records if record.output)
    names = [] if is_all_other else ["the source's"]
    names += [f"{width} x {height}" for width, height in sorted(others)[:4]]
    return ", ".join(names) + (f" and {len(others) - 4} others" if len(others) > 4 else "")


def _join(values: Iterable[str]) -> str:
    """Join the distinct values to one text, so that a table shows when it mixes several versions."""
    return " and ".join(sorted({str(value) for value in values if value})) or "-"
