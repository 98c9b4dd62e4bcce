"""Tests that the table of pairs labelled by a person matches the table of photos."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import judged_pairs
from benchmarks.judged_pairs import PAIRS, look_around, read_objects, read_table
from omniedit.pairs import EditPair, write_shard
from omniedit.tasks import Task

PHOTOS = {row["photo"]: row for row in read_table("judged_photos.csv")}
PAIRS_JUDGED = read_table("judged_pairs.csv")


def test_each_split_has_good_and_bad_pairs_of_its_own_photos() -> None:
    assert {row["split"] for row in PHOTOS.values()} == {"tuning", "held out"}
    assert len(PAIRS_JUDGED) >= 60 and len({row["pair"] for row in PAIRS_JUDGED}) == len(PAIRS_JUDGED)
    for half in ("tuning", "held out"):
        labels = [row["label"] for row in PAIRS_JUDGED if PHOTOS[row["pair"].split("/")[1]]["split"] == half]
        assert labels.count("good") >= 20 and labels.count("bad") >= 20
        assert labels.count("good") + labels.count("bad") == len(labels)


def test_label_names_a_task_and_a_bad_pair_has_a_reason() -> None:
    for row in PAIRS_JUDGED:
        assert row["pair"].split("/")[0] in set(PAIRS)
        assert (row["reason"] != "") == (row["label"] == "bad")


def test_boxes_lie_inside_the_photo() -> None:
    for row in PHOTOS.values():
        for named in read_objects(row["objects"]):
            left, top, right, bottom = named.box
            assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1


def test_panorama_view_looks_along_its_yaw() -> None:
    panorama = np.full((64, 128, 3), 0.1, np.float32)
    panorama[:, 30:34] = 1.0
    view = look_around(panorama, yaw=90)
    assert view.shape == (512, 768, 3) and view[256, 384].min() > 200 > view[256, 40].max()


def test_object_names_of_the_source_reach_the_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge trusts names that come with the source, but checks a name invented by a specialist."""
    monkeypatch.setattr(judged_pairs, "PAIRS", {Task.OBJECT_REMOVAL: 1})
    image = np.zeros((16, 16, 3), np.uint8)
    about = {"source_id": "lamps", "attempt": 0, "truth": {"object": "bird"}}
    pair = EditPair("made", Task.OBJECT_REMOVAL, ("Remove the bird.",), image, image, image[..., 0] == 0, about)
    (tmp_path / "pairs").mkdir()
    write_shard(tmp_path / "pairs" / "object_removal.h5", Task.OBJECT_REMOVAL, "made", 0, [pair])
    ((name, read),) = judged_pairs.read_pairs(tmp_path)
    assert name == "object_removal/lamps/0" and read.provenance["named_objects"] == ["bird"]
