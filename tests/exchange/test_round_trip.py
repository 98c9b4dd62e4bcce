"""Import -> export -> import keeps every field that a format has, for all formats; `datasets` opens each export."""

import hashlib
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from helpers.pair_files import import_all, make_image, make_mask, omniedit_rows, write_parquet
from omniedit.exchange.exporting import ExportOptions, export_run
from omniedit.exchange.formats import FORMATS
from omniedit.exchange.layout import FALLBACK, load_layout
from omniedit.imaging.images import decode_mask
from omniedit.pairs import Captions, EncodedPair, Reference, write_shard
from omniedit.plain_text import clean
from omniedit.sources.metadata_values import to_text
from omniedit.tasks import TASKS, Task

SOURCES = [make_image(0), make_image(1, kind="JPEG"), make_image(2, kind="WEBP"), make_image(3, mode="L")]
EDITS = [make_image(seed, kind=kind) for seed, kind in ((4, "PNG"), (5, "JPEG"), (6, "WEBP"), (7, "TIFF"))]


def is_plain(text: str) -> bool:
    """Return whether an import keeps a text unchanged: clean, stripped, and no word for a missing value."""
    return bool(text) and to_text(text) == text == clean(text).strip()


texts = st.text(max_size=40).map(clean).map(str.strip).filter(is_plain)
words = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,19}", fullmatch=True).filter(is_plain)
scores = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False, width=32))


@st.composite
def pairs(draw: st.DrawFn, layout_name: str, number: int) -> EncodedPair:
    """Draw a pair with all fields that a layout may have."""
    layout = load_layout(layout_name)
    named = {column.name or name: column.type for name, column in layout.find("score")} or {
        "clip": "",
        "note": "string",
    }
    values = {name: texts if kind == "string" else scores for name, kind in named.items()}
    session = draw(st.none() | words)
    captions = Captions(draw(st.none() | texts), draw(st.none() | texts))
    roles = st.sampled_from(["subject", "depth"])
    references = draw(st.lists(st.builds(Reference, roles, st.sampled_from(SOURCES), st.none() | texts), max_size=2))
    provenance: dict[str, Any] = {"source_id": draw(words), "licence": draw(st.sampled_from(["CC0", "CC BY 4.0"]))}
    return EncodedPair(
        pair_id=f"{draw(words)}-{number}",
        task=draw(st.sampled_from(TASKS) | words.filter(lambda name: name != "all").map(Task)),
        instructions=tuple(draw(st.lists(texts, min_size=1, max_size=3, unique=True))),
        source=draw(st.sampled_from(SOURCES)),
        edited=draw(st.sampled_from(EDITS)),
        mask=draw(st.sampled_from([None, make_mask()])),
        provenance=provenance,
        references=tuple(references),
        captions=captions,
        session=session,
        turn=draw(st.integers(1, 9)) if session else None,
        imported_scores=draw(st.fixed_dictionaries({}, optional=values)),
    )


def put(run: Path, *candidates: EncodedPair) -> None:
    """Write candidates as a shard of a run."""
    write_shard(run / "candidates/made/00000.h5", Task("made"), "test", 0, candidates)


def export_and_import(run: Path, name: str, folder: Path) -> list[EncodedPair]:
    export_run(run, ExportOptions(format=name, rows_per_file=2), folder / "out")
    found, rejections = import_all(folder / "out", folder / "run", format=name, name="back")
    assert rejections == []
    return sorted(found, key=lambda pair: pair.pair_id)


def without_places(pair: EncodedPair) -> EncodedPair:
    """Return a pair without the places of its row and images in their files."""
    imported = {name: value for name, value in pair.provenance["imported"].items() if name not in ("place", "files")}
    return replace(pair, provenance={**pair.provenance, "imported": imported})


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(data=st.data())
def test_every_field_of_a_format_survives_a_round_trip(name: str, data: st.DataObject) -> None:
    layout_name = FORMATS[name].layout
    made = [data.draw(pairs(layout_name, number)) for number in range(data.draw(st.integers(1, 4)))]
    assume(len({pair.pair_id for pair in made}) == len(made))
    folder = Path(tempfile.mkdtemp())
    try:
        put(folder / "run", *made)
        first = export_and_import(folder / "run", name, folder / "first")
        shutil.rmtree(folder / "first/out")
        second = export_and_import(folder / "first/run", name, folder / "second")
        for before, after in zip(first, second, strict=True):
            assert without_places(after) == without_places(before)
        check_fields(layout_name, made, first)
    finally:
        shutil.rmtree(folder)


def check_fields(layout_name: str, made: list[EncodedPair], found: list[EncodedPair]) -> None:
    """Check that the fields of a layout are those of the pairs that were exported."""
    fields = {column.field for column in load_layout(layout_name).columns.values()}
    expected = sorted((field_values(pair, fields, layout_name) for pair in made), key=repr)
    assert sorted((field_values(pair, fields, layout_name) for pair in found), key=repr) == expected


def digest(encoded: bytes) -> str:
    return hashlib.sha256(encoded).hexdigest()[:8]


def field_values(pair: EncodedPair, fields: set[str], layout_name: str) -> list[Any]:
    """Return the values of a pair that a format with these fields holds."""
    layout = load_layout(layout_name)
    several = any(column.type == "list" for _, column in layout.find("instruction")) or "paraphrases" in fields
    several = several and layout_name != "pico-banana"
    most = None if several else sum(column.name != FALLBACK for _, column in layout.find("instruction"))
    values: list[Any] = [
        digest(pair.source),
        digest(pair.edited),
        pair.instructions[:most] if most else pair.instructions,
    ]
    values += [pair.mask and digest(decode_mask(pair.mask).tobytes())] if "mask" in fields else []
    values += [pair.captions.source] if "source_caption" in fields else []
    values += [pair.captions.edited] if "edited_caption" in fields else []
    values += [str(pair.task)] if "task" in fields and not layout.task_names else []
    values += [pair.imported_scores] if fields & {"score", "scores"} and layout_name != "scaleedit" else []
    if "references" in fields:
        has_captions = layout_name != "folders"
        values += [[(digest(each.image), has_captions and each.caption) for each in pair.references]]
    if "session" in fields and layout_name != "magicbrush":
        values += [(pair.session or "").removeprefix("back-"), pair.turn]
    return values


@pytest.mark.parametrize("name", ["omniedit", "parquet", "table", "webdataset", "imagefolder"])
def test_extra_columns_survive_a_round_trip(name: str, tmp_path: Path) -> None:
    extra = {
        "number": [1, 2, None],
        "share": [0.5, None, 1.5],
        "is_good": [True, False, None],
        "note": ["a", None, "b"],
        "boxes": [[[1, 2], [3]], [], None],
        "about": [{"a": 1, "b": "x"}, {"a": 2, "b": None}, None],
    }
    write_parquet(tmp_path / "in/x.parquet", omniedit_rows(3, **extra))
    first, _ = import_all(tmp_path / "in", tmp_path / "run", format="omniedit", name="back")
    expected = [{key: values[row] for key, values in extra.items() if values[row] is not None} for row in range(3)]
    assert [pair.provenance["imported"]["columns"] for pair in first] == expected
    second = export_and_import(tmp_path / "run", name, tmp_path / "second")
    assert [pair.provenance["imported"]["columns"] for pair in second] == expected


def test_extra_columns_of_mixed_types_become_json(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(make_image())
    rows = [{"source": "a.png", "edited": "a.png", "instruction": "Go.", "odd": value} for value in (1, "one", [1])]
    (tmp_path / "x.json").write_text(json.dumps(rows))
    import_all(tmp_path / "x.json", tmp_path / "run", format="table")
    found = export_and_import(tmp_path / "run", "parquet", tmp_path / "second")
    assert [pair.provenance["imported"]["columns"]["odd"] for pair in found] == ["1", '"one"', "[1]"]
