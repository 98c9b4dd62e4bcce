"""Record of one pair: complete, readable as text, and with its images as they are stored."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from helpers.small_run import HOSTILE, encode, make_run
from omniedit.browsing.pair_record import read_record, save_images
from omniedit.browsing.record_text import format_record
from omniedit.browsing.run_files import ShardFiles
from omniedit.errors import UserError
from omniedit.pairs import Shard, write_shard


def record(run: Path, folder: str, pair_id: str) -> dict:
    found = read_record(ShardFiles(run, folder, "00000"), pair_id)
    json.dumps(found, allow_nan=False)
    return found


def test_a_record_contains_all_facts_about_its_pair(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    found = record(run, "object_swap", "swap-1")
    assert found["instructions"] == ["Edit 1 of swap.", "Another text."]
    assert (found["row"], found["size"], found["file"]) == (1, (60, 40), str(run / "candidates/object_swap/00000.h5"))
    assert found["mask_share"] == 150 / 2400 and found["provenance"]["author"] == HOSTILE
    assert found["scores"]["o_score"] == 4.0 and found["scores"]["reasoning"] == f"Because of 1. {HOSTILE}"
    assert found["decision"]["reason"] == "below threshold" and found["teacher_scores"] is None
    assert found["problems"] == [] and found["command"] is None
    imported = record(run, "my_set", "import/2")
    assert imported["references"] == [{"role": "depth", "size": (64, 48)}, {"role": "../subject", "size": (64, 48)}]
    assert (imported["session"], imported["turn"], imported["task"]) == ("chat 1", 3, "visual_depth")
    assert imported["imported_scores"] == {"clip": 0.25, "note": HOSTILE}
    assert imported["captions"] == {"source": "A red wall", "edited": HOSTILE}


def test_scores_of_the_teacher_on_defects_are_not_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    table = pq.read_table(run / "scores/object_swap/00000.parquet")
    rows = [{**row, "defect": defect} for row in table.to_pylist() for defect in ("blur", "")]
    for row in rows:
        row["o_score"] = math.nan if row["defect"] else 3.0
    (run / "teacher/object_swap").mkdir(parents=True)
    pq.write_table(table.from_pylist(rows), run / "teacher/object_swap/00000.parquet")
    assert record(run, "object_swap", "swap-0")["teacher_scores"]["o_score"] == 3.0


def test_the_record_of_a_vanished_file_shows_its_scores_and_the_reason(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    (run / "candidates/object_swap/00000.h5").unlink()
    found = record(run, "object_swap", "swap-0")
    assert "row" not in found and found["scores"]["o_score"] == 9.5 and "no such file" in found["problems"][0]
    text = "\n".join(format_record(found))
    assert "no such file" in text and "accepted" in text


def test_the_text_has_every_fact_on_one_line(tmp_path: Path) -> None:
    lines = format_record(record(make_run(tmp_path), "my_set", "import/1"))
    assert lines[0] == "import/1"
    facts = {line.strip().split("  ")[0]: line.strip().split("  ")[-1].strip() for line in lines if line[:2] == "  "}
    assert facts["instruction"] == HOSTILE and facts["edited caption"] == HOSTILE and facts["session"] == "chat 1"
    assert facts["reference 2"] == "../subject, 64 x 48 pixels" and facts["mask"] == "none" and facts["clip"] == "0.25"
    assert facts["decision"] == "none yet" and lines[-1] == "  no rule of the workflow makes this file"


def test_stored_image_files_are_saved_unchanged(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    saved = save_images(ShardFiles(run, "my_set", "00000"), "import/1", tmp_path / "out/deep")
    names = ["source.tif", "edited.tif", "reference-1.jpg", "reference-2.webp"]
    assert saved == [tmp_path / "out/deep" / name for name in names]
    assert saved[0].read_bytes() == encode("TIFF", 200) and saved[2].read_bytes() == encode("JPEG", 200)
    swap = save_images(ShardFiles(run, "object_swap", "00000"), "swap-0", tmp_path / "swap")
    assert [path.name for path in swap] == ["source.png", "edited.png", "mask.png"]


def test_unwritable_images_raise_a_one_line_error(tmp_path: Path) -> None:
    files = ShardFiles(make_run(tmp_path), "my_set", "00000")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/source\.jpg: cannot be written: .*; give another folder"):
        save_images(files, "import/0", tmp_path / "file")
    with pytest.raises(UserError, match="has no pair nope; the file was replaced"):
        save_images(files, "nope", tmp_path / "out")


def test_a_reference_is_shown_with_role_size_and_caption(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    path = run / "candidates/my_set/00000.h5"
    with Shard(path) as shard:
        (pair, *_) = map(shard.encoded_pair, range(len(shard)))
        references = tuple(replace(each, caption="a mug\non a table") for each in pair.references[:1])
        task, seed = shard.task, shard.seed
    write_shard(path, task, "import", seed, [replace(pair, references=references)])
    found = record(run, "my_set", pair.pair_id)
    assert found["references"][0]["caption"] == "a mug\non a table"
    role = references[0].role
    assert any(f"{role}, 64 x 48 pixels: a mug on a table" in line for line in format_record(found))
