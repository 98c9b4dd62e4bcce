"""MagicBrush test (OSU-NLP-Group/MagicBrush, Zhang et al. 2023): 535 sessions with 1,053 turns, edited by people.

The test set is a zip: `images/{id}/{id}-input.png`, `-mask{n}.png` and `-output{n}.png`, `edit_sessions.json` with
{id: [{input, mask, output, instruction}]}, and `local_descriptions.json` with the captions by id and file. The other
splits are Parquet: `img_id`, `turn_index`, `source_img`, `mask_img`, `instruction`, `target_img`. A mask is the source
with a transparent hole.

Outputs of single turns are `{id}/{id}_1` and `{id}/{id}_inde_{n}`, those of chained turns `{id}/{id}_1` and
`{id}/{id}_iter_{n}`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem, BenchSet, ImageFile
from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, Protocol
from omniedit.evaluation.bench.sets.averages import MEAN_OF_ITEMS, average
from omniedit.evaluation.bench.sets.image_tables import find_cell, get_image, read_tables
from omniedit.evaluation.bench.sets.metrics_only import combine_metrics, measure_only
from omniedit.evaluation.bench.sets.rows import find_image, find_text, make_id, make_set, read_json, read_text
from omniedit.exchange.cells import BadRow
from omniedit.imaging.images import decode_cutout, encode_mask, encoded_size, resize
from omniedit.pairs import Captions

SINGLE, MULTI = "single", "multi"
WORDS = {SINGLE: "inde", MULTI: "iter"}
"""Part of the name of an output after the first turn."""
METRICS = ("l1", "l2", "clip_i", "dino", "clip_t")
LAST_TURNS = "mean of last turns"
SESSIONS, CAPTIONS = "edit_sessions.json", ("local_descriptions.json", "global_descriptions.json")


def read(path: Path, part: str) -> BenchSet:
    """Read the turns, each from its own source image (`single`) or chained (`multi`).

    Raises:
        UserError: the path has neither sessions nor Parquet files.
    """
    name = "magicbrush" if part == SINGLE else "magicbrush-multi"
    folders = (path, path / "test") if path.is_dir() else (path.parent,)
    sessions = next((file for folder in folders if (file := folder / SESSIONS).is_file()), None)
    if sessions:
        return make_set(name, _list_turns(sessions), partial(_to_item, part), path, chained=part == MULTI)
    return make_set(name, read_tables(path), partial(_to_row_item, part), path, chained=part == MULTI)


def _list_turns(sessions: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    content = read_json(sessions)
    if not isinstance(content, dict):
        raise UserError(f"{sessions}: is not a JSON object of sessions")
    captions = _read_captions(sessions.parent)
    for key, turns in content.items():
        for turn, row in enumerate(turns if isinstance(turns, list) else [], 1):
            known = captions.get(key)
            extra = {"key": key, "turn": turn, "captions": known if isinstance(known, dict) else {}}
            place = f"{sessions.name}: {key} turn {turn}"
            yield place, {**(row if isinstance(row, dict) else {}), **extra, "root": sessions.parent / "images"}


def _read_captions(folder: Path) -> Mapping[str, Any]:
    file = next((file for name in CAPTIONS if (file := folder / name).is_file()), None)
    content = read_json(file) if file else {}
    return content if isinstance(content, dict) else {}


def _to_item(part: str, row: Mapping[str, Any]) -> BenchItem:
    folder = row["root"] / make_id(row["key"])
    source, target = read_text(row, "input"), read_text(row, "output")
    mask = find_text(row, "mask")
    return BenchItem(
        item_id=_name_output(part, row["key"], row["turn"]),
        task=f"turn {row['turn']}",
        instruction=read_text(row, "instruction"),
        source=find_image(folder, source),
        target=find_image(folder, target),
        mask=_read_cutout(find_image(folder, mask), find_image(folder, source)) if mask else None,
        captions=Captions(find_text(row["captions"], source), find_text(row["captions"], target)),
        session=str(row["key"]),
        turn=row["turn"],
    )


def _to_row_item(part: str, row: Mapping[str, Any]) -> BenchItem:
    """Return the item of a row of the Parquet files, which have no captions."""
    turn = row.get("turn_index")
    if not isinstance(turn, int) or turn < 1:
        raise BadRow(f"turn_index is {turn!a}, not a number from 1")
    key = str(row.get("img_id"))
    return BenchItem(
        item_id=_name_output(part, key, turn),
        task=f"turn {turn}",
        instruction=read_text(row, "instruction"),
        source=get_image(row, "source_img"),
        target=get_image(row, "target_img"),
        mask=_read_cutout(find_cell(row, "mask_img"), get_image(row, "source_img")),
        session=key,
        turn=turn,
    )


def _read_cutout(mask: ImageFile | None, source: ImageFile) -> ImageFile | None:
    """Return the reader of a mask, white inside and of the source's size.

    The data set's masks are images that are transparent inside, some of a different size than the source.
    """

    def read() -> bytes:
        assert mask is not None
        inside = decode_cutout(mask()).astype(np.uint8) * 255
        return encode_mask(resize(inside, *encoded_size(source())) > 127)

    return mask and read


def _name_output(part: str, key: str, turn: int) -> str:
    return make_id(key, f"{key}_1" if turn == 1 else f"{key}_{WORDS[part]}_{turn}")


def get_protocol(part: str) -> Protocol:
    return measure_only(
        METRICS, aggregate_last if part == MULTI else aggregate, "Its script stops at a missing output."
    )


def aggregate(rows: Sequence[ItemRow]) -> list[GroupRow]:
    """Return the mean over all turns, as image_eval.py prints under `all_turn`, and the means by turn."""
    turns = sorted({str(row["task"]) for row in rows})
    by_turn = [_average(turn, [row for row in rows if row["task"] == turn]) for turn in turns]
    return [_average(MEAN_OF_ITEMS, rows), *by_turn]


def aggregate_last(rows: Sequence[ItemRow]) -> list[GroupRow]:
    """Return the mean over the last turns of all sessions, as image_eval.py prints under `final_turn`."""
    last: dict[str, ItemRow] = {}
    for row in rows:
        if row["turn"] >= last.get(row["session"], row)["turn"]:
            last[row["session"]] = row
    return [_average(LAST_TURNS, list(last.values()))]


def _average(name: str, rows: Sequence[ItemRow]) -> GroupRow:
    return average(name, rows, partial(combine_metrics, METRICS), METRICS)
