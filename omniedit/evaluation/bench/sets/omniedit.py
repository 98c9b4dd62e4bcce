"""OmniEdit-Bench (Wei et al. 2024, section 5.1): photos of all ratios with an instruction for each of seven tasks.

The authors' 62 photos with 434 instructions are not published (TIGER-AI-Lab/OmniEdit, issue 4), so a set is a folder
that `omniedit bench-set build` freezes (`frozen`). The set that ships has the nine photos of the sample, 63 items.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from omniedit.aspect import RATIOS
from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, Protocol, show_edit
from omniedit.evaluation.bench.sets.averages import MEAN_OF_ITEMS, average, average_groups, group_rows, pick
from omniedit.evaluation.bench.sets.frozen_format import CHECKSUMS, IMAGES, ITEMS_FILE, SET_JSON, Locate, verify
from omniedit.evaluation.bench.sets.rows import find_text, make_id, make_set, read_json, read_text
from omniedit.exchange.cells import BadRow
from omniedit.pairs import Captions
from omniedit.plain_text import split_lines
from omniedit.sources.photo_index import SAMPLE
from omniedit.tasks import OMNIEDIT_TASKS

SHIPPED = Path(__file__).parent / "shipped"
"""Frozen set that ships. Its images are the sample photos, which it refers to by checksum."""
COLUMNS = {"PQ": "pq_score", "SC": "sc_score", "O": "o_score", "Acc": "sc_score"}
BEST_SC = 10.0


def read(path: Path | None, _: str) -> BenchSet:
    """Read a frozen set and verify its checksums.

    Args:
        path: its folder; None for the set that ships.

    Raises:
        UserError: a file is missing or has changed, or no line can be read as an item.
    """
    folder = SHIPPED if path is None else path
    locate = _locate_shipped if path is None else folder.joinpath
    if not (folder / CHECKSUMS).is_file():
        raise UserError(f"{folder}: has no {CHECKSUMS}; freeze a set with omniedit bench-set build")
    checksums = verify(folder, locate)
    about = read_json(folder / SET_JSON)
    name = str(about.get("name", "omniedit")) if isinstance(about, dict) else "omniedit"
    bench = make_set(name, _list_rows(folder / ITEMS_FILE), partial(_to_item, locate, checksums), folder)
    version = hashlib.sha256(json.dumps(sorted(checksums.items())).encode()).hexdigest()
    return BenchSet(bench.name, version, bench.items, bench.rejected)


def _locate_shipped(path: str) -> Path:
    return SAMPLE / path.removeprefix(f"{IMAGES}/") if path.startswith(f"{IMAGES}/") else SHIPPED / path


def _list_rows(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(split_lines(file.read_text(encoding="utf-8")), 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield f"{file.name}:{number}", row if isinstance(row, dict) else {}


def _to_item(locate: Locate, checksums: Mapping[str, str], row: Mapping[str, Any]) -> BenchItem:
    image = read_text(row, "image")
    if image not in checksums:
        raise BadRow(f"the image {image[:100]!a} is not in {CHECKSUMS}")
    extra = {name: row[name] for name in ("ratio", "objects") if row.get(name) is not None}
    return BenchItem(
        item_id=make_id(read_text(row, "id")),
        task=read_text(row, "task"),
        instruction=read_text(row, "instruction"),
        source=locate(image).read_bytes,
        captions=Captions(find_text(row, "source_caption"), find_text(row, "target_caption")),
        extra={**extra, "photo": image},
    )


def get_protocol(_: str) -> Protocol:
    return Protocol(
        judge="GPT-4o and Gemini with VIEScore, and four people who rate PQ and SC as 0, 0.5 or 1",
        columns=tuple(COLUMNS),
        show=show_edit,
        combine=combine,
        aggregate=aggregate,
        missing="The paper does not say what it does with an edit without a score.",
        scale="PQ, SC and O: 0 to 10; Acc: share of SC = 10",
        rubric="viescore_editing",
        prompts="viescore_editing",
    )


def combine(row: ItemRow) -> dict[str, float]:
    """Return PQ, SC and O, and whether SC has its maximum, which corresponds to people's Acc."""
    scores = pick(row, COLUMNS)
    return scores | ({"Acc": float(scores["SC"] == BEST_SC)} if "SC" in scores else {})


def aggregate(rows: Sequence[ItemRow]) -> list[GroupRow]:
    """Return the means over all items, then those of each task and of each ratio.

    O is the mean of the items' O, not the O of the means.
    """
    columns = tuple(COLUMNS)
    tasks = group_rows(rows, "task", OMNIEDIT_TASKS)
    ratios = group_rows([row for row in rows if row.get("ratio")], "ratio", tuple(RATIOS))
    groups = {**tasks, **ratios}
    return [average(MEAN_OF_ITEMS, rows, combine, columns), *average_groups(groups, combine, columns)]
