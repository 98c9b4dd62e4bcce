"""ImgEdit-Bench (PKU-YuanGroup/ImgEdit, Ye et al. 2025): basic, understanding-grounding-editing (UGE) and multi-turn.

Benchmark.tar has `singleturn/singleturn.json` (`basic_edit.json` in the repository), {key: {id, prompt, edit_type}}
with 737 cases of nine types. The images of UGE are in `hard/`; only the repository has `UGE_edit.json`, {key: {id,
prompt}} with 47. `multiturn/{category}/annotation.json` is JSON Lines of {id, turn1, turn2, ...}. `id` is the path of
the image. Outputs are `{key}.png`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, Protocol, show_edit
from omniedit.evaluation.bench.sets.averages import (
    MEAN_OF_GROUPS,
    MEAN_OF_ITEMS,
    average,
    average_groups,
    average_rows,
    group_rows,
    pick,
)
from omniedit.evaluation.bench.sets.rows import (
    find_first_image,
    find_text,
    list_entries,
    make_id,
    make_set,
    read_json,
    read_text,
)
from omniedit.sources.listing import find_files

TYPES = ("add", "adjust", "extract", "replace", "remove", "background", "style", "compose", "action")
"""Edit types in the order of the paper's table."""
NAMES = {"basic": ("basic_edit.json", "singleturn.json"), "uge": ("UGE_edit.json",)}
"""Names of a part's file."""
FOLDERS = {"basic": "singleturn", "uge": "hard"}
"""Folder of a part's images in Benchmark.tar."""
TURNS = "annotation.json"
SCORES = ("score_1", "score_2", "score_3")
"""Scores of the rubric `imgedit`, each from 1 to 5: compliance, and two that the prompt of the type names."""
SCORE = "score"


def read(path: Path, part: str) -> BenchSet:
    """Read a part: `basic`, `uge` or `multiturn`.

    Raises:
        UserError: the folder has no file of the part.
    """
    name = "imgedit" if part == "basic" else f"imgedit-{part}"
    if part == "multiturn":
        return make_set(name, _list_turns(path), lambda row: row["item"](), path, chained=True)
    file = _find_file(path, NAMES[part])
    folder = path if path.is_dir() else path.parent
    roots = (file.parent, folder, folder / FOLDERS[part])
    rows = ((place, {**row, "key": key}) for place, key, row in list_entries(file))
    return make_set(name, rows, partial(_to_item, roots, part), path)


def _find_file(path: Path, names: Iterable[str]) -> Path:
    files = [path] if path.is_file() else find_files(path, "*.json")
    for name in names:
        if match := next((file for file in files if file.name == name), None):
            return match
    raise UserError(f"{path}: has no {' or '.join(names)}; give the folder with this file and the images")


def _to_item(roots: Sequence[Path], part: str, row: Mapping[str, Any]) -> BenchItem:
    return BenchItem(
        item_id=make_id(row["key"]),
        task=read_text(row, "edit_type") if part == "basic" else part,
        instruction=read_text(row, "prompt"),
        source=find_first_image(roots, row.get("id")),
    )


def _list_turns(path: Path) -> Iterator[tuple[str, Mapping[str, Callable[[], BenchItem]]]]:
    """Yield a row for each turn of each file whose entries have `turn1`; its folder or its name is the category."""
    for file in find_files(path, "*.json") if path.is_dir() else [path]:
        category = file.parent.name if file.name == TURNS else file.stem
        for place, key, row in list_entries(file):
            name = Path(str(row.get("id"))).stem if key.isdecimal() and file.name == TURNS else key
            for turn in range(1, _count_turns(row) + 1):
                roots = (file.parent, path if path.is_dir() else path.parent)
                item = partial(_to_turn, roots, category, name, row, turn)
                yield f"{category}/{place} turn {turn}", {"item": item}


def _count_turns(row: Mapping[str, Any]) -> int:
    return next(number for number in range(len(row) + 1) if f"turn{number + 1}" not in row)


def _to_turn(roots: Sequence[Path], category: str, key: str, row: Mapping[str, Any], turn: int) -> BenchItem:
    return BenchItem(
        item_id=make_id(category, key, turn),
        task=category,
        instruction=read_text(row, f"turn{turn}"),
        source=find_first_image(roots, row.get("id")),
        session=f"{category}/{key}",
        turn=turn,
    )


def get_protocol(part: str) -> Protocol:
    if part == "multiturn":
        return _multiturn_protocol()
    return Protocol(
        judge="gpt-4o" if part == "uge" else "gpt-4o, or gpt-4.1 in later papers",
        columns=(SCORE,),
        show=show_edit,
        combine=_combine_uge if part == "uge" else combine,
        aggregate=_aggregate_uge if part == "uge" else aggregate,
        missing=(
            "Its scripts leave out an edit without a score; a reply with fewer scores counts with the scores that it "
            "has."
        ),
        scale="1 to 5",
        rubric=str(Path(__file__).parent / "rubrics/imgedit_uge.yaml") if part == "uge" else None,
        prompts="imgedit" if part == "basic" else None,
        keeps_size=True,
    )


def _multiturn_protocol() -> Protocol:
    """Return our own protocol, because the benchmark lets people judge this part and gives no scale."""
    names = {"SC": "sc_score", "PQ": "pq_score", "O": "o_score"}
    return Protocol(
        judge="people, on an unpublished scale; the columns are VIEScore's",
        columns=tuple(names),
        show=show_edit,
        combine=partial(pick, names=names),
        aggregate=lambda rows: _average_types(rows, partial(pick, names=names), tuple(names), ()),
        missing="The benchmark has no script for this part.",
        scale="0 to 10",
        rubric="viescore_editing",
    )


def combine(row: ItemRow) -> dict[str, float]:
    """Return the mean of the three scores of an edit, as the judge gave them."""
    scores = pick(row, {name: name for name in SCORES})
    return {SCORE: fmean(scores.values())} if len(scores) == len(SCORES) else {}


def _combine_uge(row: ItemRow) -> dict[str, float]:
    return pick(row, {SCORE: SCORES[0]})


def _combine_officially(row: ItemRow) -> dict[str, float]:
    """Return the mean of the scores that an edit has, rounded as step1_get_avgscore.py does."""
    scores = pick(row, {name: name for name in SCORES})
    return {SCORE: round(fmean(scores.values()), 2)} if scores else {}


def aggregate(rows: Sequence[ItemRow]) -> list[GroupRow]:
    """Return the mean of each edit type, the mean of the types, and the mean over all edits.

    `official` has the figures of step1_get_avgscore.py and step2_typescore.py, which round an edit's mean and a type's
    mean to two decimals. They compute no overall score; papers give the mean of the types or that of all edits.
    """
    return _average_types(rows, combine, (SCORE,), TYPES)


def _aggregate_uge(rows: Sequence[ItemRow]) -> list[GroupRow]:
    return [_round_official(average(MEAN_OF_ITEMS, rows, _combine_uge, (SCORE,)), rows)]


def _average_types(
    rows: Sequence[ItemRow],
    combine_row: Callable[[ItemRow], dict[str, float]],
    columns: Sequence[str],
    order: Sequence[str],
) -> list[GroupRow]:
    groups = group_rows(rows, "task", order)
    table = average_groups(groups, combine_row, columns)
    if columns == (SCORE,):
        table = [_round_official(row, groups[row.name]) for row in table]
    return [*table, average_rows(MEAN_OF_GROUPS, table, columns), average(MEAN_OF_ITEMS, rows, combine_row, columns)]


def _round_official(table_row: GroupRow, rows: Sequence[ItemRow]) -> GroupRow:
    scores = [each[SCORE] for each in map(_combine_officially, rows) if each]
    official = {SCORE: round(sum(scores) / len(scores), 2)} if scores else {}
    return replace(table_row, official=official) if official != table_row.values else table_row


def read_recorded(path: Path, part: str) -> list[ItemRow]:
    """Read the replies that the benchmark's scripts wrote to `result.json`, and extract the same scores as the scripts.

    Args:
        path: result.json; the part's own file, with the edit types, is in its folder or below.

    Raises:
        UserError: one of the files is missing or has an unknown format.
    """
    replies = read_json(path)
    if not isinstance(replies, dict):
        raise UserError(f"{path}: not a result.json of basic_bench.py")
    entries = list_entries(_find_file(path.parent, NAMES[part]))
    tasks = {key: find_text(row, "edit_type") or part for _, key, row in entries}
    return [
        {"item_id": key, "task": tasks[key], **_read_reply(reply)} for key, reply in replies.items() if key in tasks
    ]


def _read_reply(reply: object) -> dict[str, float]:
    """Return the scores on the lines `Name: 3` of a reply, as step1_get_avgscore.py finds them."""
    parts = (line.strip().split(": ") for line in reply.splitlines()) if isinstance(reply, str) else ()
    scores = [int(part[1]) for part in parts if len(part) == 2 and part[1].isdigit()]
    return {f"score_{number}": float(score) for number, score in enumerate(scores, 1)}
