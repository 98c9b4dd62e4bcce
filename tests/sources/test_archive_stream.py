"""Tests of converting an archive to a shard in one pass, with benchmark photos of the first archive held out."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest

from helpers.tars import Entry, make_tar
from omniedit.errors import UserError
from omniedit.sources.archive_stream import stream
from omniedit.sources.listing import list_files
from omniedit.sources.photo_index import INDEX_SCHEMA, IndexRow, PhotoRequirements, index_rows
from omniedit.sources.photo_shard import PhotoShard, new_shard, pack, split
from omniedit.sources.shard_assignment import deal, hold_out
from omniedit.sources.webdataset import tar_photos
from omniedit.storage.parquet import write_rows, write_tables

DEMANDS = PhotoRequirements(min_pixels=100, max_pixels=7000, ratio_tolerance=0.15, crop="saliency")


def encode_photo(size: tuple[int, int], seed: int, suffix: str = "PNG") -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    PIL.Image.fromarray(noise).save(file, suffix)
    return file.getvalue()


PHOTOS: list[Entry] = [
    ("b.png", encode_photo((96, 64), 1)),
    ("a.jpg", encode_photo((100, 64), 2, "JPEG")),
    ("a.txt", b"noise"),
    ("c.png", encode_photo((300, 200), 3)),
    ("d.jpg", b"broken"),
    ("e.png", encode_photo((8, 8), 4)),
    ("f.png", encode_photo((96, 64), 1)),
]


def stream_archive(*entries: Entry, shard: str = "00007") -> tuple[bytes, list[IndexRow]]:
    file = io.BytesIO()
    with new_shard(file) as tar:
        rows = list(stream(tar_photos(io.BytesIO(make_tar(*entries)), "x.tar"), shard, DEMANDS, tar))
    return file.getvalue(), rows


def test_index_has_a_row_for_every_member() -> None:
    rows = {row["file"]: row for row in stream_archive(*PHOTOS)[1]}
    reasons = {file: row["reason"] for file, row in rows.items() if row["status"] == "refused"}
    assert {file for file, row in rows.items() if row["status"] == "kept"} == {
        "x.tar/a.jpg",
        "x.tar/b.png",
        "x.tar/c.png",
    }
    assert reasons.pop("x.tar/d.jpg").startswith("unreadable: ")
    assert reasons == {"x.tar/e.png": "too small: 64 of 100 pixels", "x.tar/f.png": "duplicate of x.tar/b.png"}
    assert rows["x.tar/a.jpg"]["source_id"] == "00007-a" and rows["x.tar/a.jpg"]["caption"] == "noise"


def test_archive_and_folder_of_the_same_photos_give_the_same_shard(tmp_path: Path) -> None:
    for name, content in PHOTOS:
        (tmp_path / str(name)).write_bytes(content)
    rows = [row for row in index_rows(tmp_path, list_files(tmp_path), DEMANDS) if row["status"] == "kept"]
    list(pack(tmp_path, rows, tmp_path / "folder.tar"))
    (tmp_path / "archive.tar").write_bytes(stream_archive(*PHOTOS)[0])
    with PhotoShard(tmp_path / "folder.tar") as folder, PhotoShard(tmp_path / "archive.tar") as archive:
        assert archive.names == [f"00007-{name}" for name in folder.names]
        for ours, theirs in zip(archive, folder, strict=True):
            assert (ours.image == theirs.image).all() and ours.ratio == theirs.ratio and ours.caption == theirs.caption


def test_similar_keys_get_distinct_ids() -> None:
    names = ["a.png", "a-b.png", "a.png", "a/b.png", "ä.png", "ö.png", "x" * 70 + ".png", "x" * 70 + "y.png"]
    _, rows = stream_archive(*((name, encode_photo((96, 64), seed)) for seed, name in enumerate(names)))
    assert {row["status"] for row in rows} == {"kept"}
    ids = [row["source_id"] for row in rows]
    assert len(set(ids)) == 8 and all(id.startswith("00007-") for id in ids)


def read_index(count: int) -> list[IndexRow]:
    return [
        {"source_id": f"p{i}", "status": "kept", "ratio": "1x1", "objects": "[]", "shard": "00000"}
        | {"sha256": hashlib.sha256(str(i).encode()).hexdigest()}
        for i in range(count)
    ]


def test_first_archive_holds_out_the_photos_that_deal_would() -> None:
    rows = read_index(9)
    of_deal = {row["source_id"] for row in deal(rows, 1, 3, seed=5) if row["shard"] == "bench"}
    held = hold_out(rows, 3, seed=5)
    assert {row["source_id"] for row in held if row["shard"] == "bench"} == of_deal and len(of_deal) == 3
    assert [row["source_id"] for row in held] == [row["source_id"] for row in rows]
    refused = {"file": "x.tar/a.jpg", "status": "refused", "reason": "too small"}
    with pytest.raises(
        UserError, match=r"only 1 photo of 2 in the first archive .*bench\.photos 1 .*first: x\.tar/a\.jpg"
    ):
        hold_out([refused, *rows[:1]], 1, seed=5)


def test_split_shards_keep_every_photo(tmp_path: Path) -> None:
    content, _ = stream_archive(*PHOTOS)
    with (tmp_path / "bench.tar").open("wb") as bench, (tmp_path / "rest.tar").open("wb") as rest:
        split(io.BytesIO(content), [({"00007-b"}, bench), ({"00007-a", "00007-c"}, rest)])
    (tmp_path / "whole.tar").write_bytes(content)
    with PhotoShard(tmp_path / "whole.tar") as whole, PhotoShard(tmp_path / "bench.tar") as bench_shard:
        assert bench_shard.names == ["00007-b"]
        assert (bench_shard[0].image == whole[1].image).all()
    with PhotoShard(tmp_path / "rest.tar") as rest_shard:
        assert rest_shard.names == ["00007-a", "00007-c"] and rest_shard.metadata(0)["caption"] == "noise"


def test_index_parts_are_merged_into_larger_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniedit.storage.parquet._GROUP", 4)
    parts = [tmp_path / f"{number}.parquet" for number in range(5)]
    for number, part in enumerate(parts):
        write_rows(part, [{"source_id": f"{number}-{i}"} for i in range(number)], INDEX_SCHEMA)
    write_tables(tmp_path / "index.parquet", (pq.read_table(part) for part in parts), INDEX_SCHEMA)
    with pq.ParquetFile(tmp_path / "index.parquet") as index:
        assert [index.metadata.row_group(i).num_rows for i in range(index.num_row_groups)] == [6, 4]
        ids = index.read(["source_id"])["source_id"].to_pylist()
    assert ids == [f"{number}-{i}" for number in range(5) for i in range(number)]
    write_tables(tmp_path / "none.parquet", [], INDEX_SCHEMA)
    assert pq.read_table(tmp_path / "none.parquet").schema == INDEX_SCHEMA


def test_objects_survive_rereading_a_shard_as_an_archive() -> None:
    about = {"caption": "noise", "objects": [{"name": "dot", "box": [0, 0, 0.5, 0.5]}]}
    content, rows = stream_archive(("a.json", json.dumps(about).encode()), ("a.png", encode_photo((96, 64), 1)))
    assert json.loads(rows[0]["objects"]) == about["objects"]
    (again,) = stream(tar_photos(io.BytesIO(content), "00007.tar"), "00000", DEMANDS, new_shard(io.BytesIO()))
    assert {**again, "file": "", "source_id": "", "shard": ""} == {**rows[0], "file": "", "source_id": "", "shard": ""}
