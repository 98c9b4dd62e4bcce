"""Reader of RefCOCO-style expressions over COCO's instances."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.exchange.inputs import DataFile, deal, list_inputs
from omniedit.exchange.layout import load_layout
from omniedit.exchange.perception.coco import REFERRING, CocoFile, PaintingRow, make_row, read_coco_file
from omniedit.exchange.perception.painting import PaintArea
from omniedit.exchange.perception.regions import decode_region
from omniedit.exchange.readers import read_rows
from omniedit.exchange.rows import Row
from omniedit.pairs import Rejection

INSTANCES = "instances.json"
"""File next to the expressions, with the instances that they refer to."""
_PICKLES = (".p", ".pkl", ".pickle")
Annotations = dict[Any, Mapping[str, Any]]


def list_expression_files(path: str) -> list[DataFile]:
    """Return the files of expressions.

    Raises:
        UserError: there is no such file, or one of them is a pickle or not JSON.
    """
    if path.lower().endswith(_PICKLES):
        convert = "convert it to JSON with json.dump(pickle.load(...)) if you trust it, and give the JSON file"
        raise UserError(f"{Path(path).name}: a pickle can run code, so it is not read; {convert}")
    files = [file for file in list_inputs(path, "json") if Path(file.address).name != INSTANCES]
    if not files or any(file.container not in ("json", "jsonl") for file in files):
        raise UserError(f"{Path(path).name}: no file of expressions in JSON or JSONL")
    return files


def read_refcoco(path: str, shard: int, shards: int) -> Iterator[PaintingRow | Rejection]:
    """Yield a row for each entry of a shard: a region, and the sentences that refer to it.

    A row has `sentences` (texts, or mappings with `sent` or `raw`) and either `ann_id`, an annotation of the file
    `instances.json` next to it, or its own `segmentation`, `file_name`, `height` and `width`.

    Raises:
        UserError: the file cannot be read.
    """
    files = list_expression_files(path)
    known: dict[str, tuple[CocoFile, Annotations]] = {}
    layout = load_layout("table")
    for part in deal(files, shard, shards):
        instances = Path(part.file.folder) / INSTANCES
        if part.file.folder not in known and instances.is_file():
            coco = read_coco_file(str(instances))
            known[part.file.folder] = (
                coco,
                {annotation["id"]: annotation for annotation in coco.annotations if "id" in annotation},
            )
        for item in read_rows(part, layout):
            yield _refer_row(item, known.get(part.file.folder)) if isinstance(item, Row) else item


def _refer_row(row: Row, known: tuple[CocoFile, Annotations] | None) -> PaintingRow | Rejection:
    values = dict(row.values)
    coco = CocoFile(row.file.name, row.file.folder, {}, [], {})
    if values.get("segmentation") is None:
        if known is None:
            return Rejection(row.place, f"it has no segmentation, and no file {INSTANCES} is next to it")
        coco, annotations = known
        own_id = values.get("ann_id")
        annotation = annotations.get(own_id) if isinstance(own_id, int | str) else None
        if annotation is None:
            return Rejection(row.place, f"{INSTANCES} has no annotation {values.get('ann_id')!r:.40}")
        image = coco.images.get(annotation.get("image_id"), {})
        values = {**values, **image, "segmentation": annotation.get("segmentation")}
    sentences = values.get("sentences") or []
    if not isinstance(sentences, list):
        return Rejection(row.place, f"sentences is {sentences!r:.40}, not a list of texts")
    phrases = tuple(dict.fromkeys(filter(None, map(_read_phrase, sentences))))
    if not phrases:
        return Rejection(row.place, "it has no sentence")
    if not values.get("file_name"):
        return Rejection(row.place, "it names no image file")

    def read_regions(height: int, width: int) -> list[PaintArea]:
        return [PaintArea(phrases, decode_region(values["segmentation"], height, width))]

    own = values.get("ref_id", values.get("ann_id", row.number))
    return make_row(REFERRING, coco, values, str(own), row.place, read_regions)


def _read_phrase(sentence: Any) -> str:
    """Return an expression with its article: 'the man in red' for 'man in red.'."""
    text = sentence.get("sent") or sentence.get("raw") if isinstance(sentence, dict) else sentence
    words = " ".join(str(text or "").split()).strip(" .,!?")
    if not any(character.isalpha() for character in words):
        return ""
    first = words.split()[0].lower()
    return words if first in ("the", "a", "an", "every", "all", "both") else f"the {words}"
