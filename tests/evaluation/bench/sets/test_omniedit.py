"""Tests of OmniEdit-Bench: the set that ships, frozen folders that were changed, the table."""

from collections import Counter
from pathlib import Path

import pytest

from helpers.bench_files import encode_image, write_csv, write_image, write_parquet
from omniedit.errors import UserError
from omniedit.evaluation.bench.sets import omniedit
from omniedit.evaluation.bench.sets.freeze import freeze, read_draft
from omniedit.evaluation.bench.sets.registry import BENCHMARKS
from omniedit.imaging.images import decode_image
from omniedit.tasks import OMNIEDIT_TASKS


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    rows = []
    for number in (1, 2):
        write_image(tmp_path / f"photos/{number}.png", number)
        rows.append({"photo": f"{number}.png", "task": "object_swap", "instruction": "Swap it."})
    freeze(
        read_draft(write_csv(tmp_path / "t.csv", rows), tmp_path / "photos"),
        tmp_path / "photos",
        tmp_path / "set",
        "mine",
        "1",
    )
    return tmp_path / "set"


def test_the_set_that_ships_has_an_instruction_for_each_photo_and_task() -> None:
    bench = BENCHMARKS["omniedit"].read(None)
    assert bench.name == "omniedit-sample" and not bench.rejected
    pairs = Counter((item.extra["photo"], item.task) for item in bench.items)
    photos = {photo for photo, _ in pairs}
    assert len(photos) == 9 and set(pairs) == {(photo, str(task)) for photo in photos for task in OMNIEDIT_TASKS}
    assert len({item.extra["ratio"] for item in bench.items}) == 7
    assert len({item.instruction for item in bench.items}) == 63
    for item in bench.items:
        assert item.instruction[0].isupper() and item.instruction.endswith(".")
        assert item.captions.source and item.captions.edited and item.captions.source != item.captions.edited
    assert decode_image(bench.items[0].source()).shape == (1600, 900, 3)


def test_a_frozen_set_reads_back_unchanged(frozen: Path) -> None:
    bench = BENCHMARKS["omniedit"].read(frozen)
    assert [item.item_id for item in bench.items] == ["object_swap/1", "object_swap/2"]
    assert bench.items[0].source() == (frozen / "images/1.png").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: write_image(folder / "images/1.png", 9), "images/1.png has changed"),
        (lambda folder: (folder / "images/2.png").unlink(), "images/2.png is missing"),
        (lambda folder: write_image(folder / "images/3.png"), "images/3.png is not in checksums.sha256"),
        (lambda folder: (folder / "bench.jsonl").write_text("{}\n"), "bench.jsonl has changed"),
        (lambda folder: (folder / "checksums.sha256").unlink(), "has no checksums.sha256"),
        (lambda folder: (folder / "checksums.sha256").write_text("x"), "line 1: "),
        (lambda folder: (folder / "checksums.sha256").write_text(f"{'0' * 64}  ../../etc/passwd\n"), "leaves the"),
    ],
)
def test_a_changed_set_is_not_read(frozen: Path, change: object, message: str) -> None:
    change(frozen)  # type: ignore[operator]
    with pytest.raises(UserError, match=message):
        BENCHMARKS["omniedit"].read(frozen)


def test_version_is_a_digest_of_all_files(frozen: Path, tmp_path: Path) -> None:
    first = BENCHMARKS["omniedit"].read(frozen).version
    draft = read_draft(tmp_path / "t.csv", tmp_path / "photos")
    for name, version in (("again", "1"), ("next", "2")):
        freeze(draft, tmp_path / "photos", tmp_path / name, "mine", version)
    assert BENCHMARKS["omniedit"].read(tmp_path / "again").version == first
    assert BENCHMARKS["omniedit"].read(tmp_path / "next").version != first


def test_o_is_averaged_over_items_and_acc_is_the_share_of_the_best_sc() -> None:
    rows = [
        {"item_id": "a", "task": "object_swap", "ratio": "1x1", "sc_score": 10, "pq_score": 10, "o_score": 10},
        {"item_id": "b", "task": "style_transfer", "ratio": "2x3", "sc_score": 0, "pq_score": 10, "o_score": 0},
        {"item_id": "c", "task": "style_transfer", "ratio": "2x3", "sc_score": None},
    ]
    table = omniedit.aggregate(rows)
    assert [row.name for row in table] == ["mean of items", "object_swap", "style_transfer", "1x1", "2x3"]
    assert table[0].values == {"PQ": 10, "SC": 5, "O": 5, "Acc": 0.5} and table[0].missing == ("c",)


def test_the_dev_split_has_the_tasks_of_omniedit(tmp_path: Path) -> None:
    row = {"omni_edit_id": "task_obj_swap_1", "task": "swap", "edited_prompt_list": ["Swap it.", "Longer."]}
    row |= {"src_img": encode_image(1), "edited_img": encode_image(2), "width": 1600, "height": 900}
    write_parquet(tmp_path / "data/dev-00000-of-00001.parquet", [row, {**row, "edited_prompt_list": []}])
    write_parquet(tmp_path / "data/train-00000-of-00001.parquet", [row])
    bench = BENCHMARKS["omniedit-dev"].read(tmp_path)
    (item,) = bench.items
    assert (item.item_id, item.task, item.instruction) == ("object_swap/task_obj_swap_1", "object_swap", "Swap it.")
    assert item.extra == {"ratio": "16x9"} and item.target and item.target() == row["edited_img"]
    assert bench.rejected == {"dev-00000-of-00001.parquet:1": "edited_prompt_list has no instruction"}
    (tmp_path / "data/dev-00000-of-00001.parquet").unlink()
    with pytest.raises(UserError, match="no Parquet or Arrow file with 'dev-' in its name"):
        BENCHMARKS["omniedit-dev"].read(tmp_path)
