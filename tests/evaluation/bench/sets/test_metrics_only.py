"""Tests of the benchmarks that need metrics alone: MagicBrush, EMU-Edit, AnyEdit-Test, Reason-Edit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.bench_files import encode_image, write_image, write_json, write_parquet
from omniedit.errors import UserError
from omniedit.evaluation.bench.protocol import to_columns
from omniedit.evaluation.bench.sets import anyedit, emu, magicbrush, reason_edit
from omniedit.evaluation.bench.sets.registry import BENCHMARKS
from omniedit.imaging.images import decode_image, decode_mask, encode_cutout


@pytest.fixture
def brush(tmp_path: Path) -> Path:
    names = ("input", "mask1", "output1", "output2", "output3")
    for key in ("30", "139"):
        for number, name in enumerate(names):
            write_image(tmp_path / f"test/images/{key}/{key}-{name}.png", number)
    turns = [
        {"input": "139-input.png", "mask": "139-mask1.png", "output": "139-output1.png", "instruction": "add a cat"},
        {"input": "139-output1.png", "output": "139-output2.png", "instruction": "make it black"},
        {"input": "139-output2.png", "output": "../30/30-output3.png", "instruction": "leave"},
    ]
    sessions = {
        "30": [{**turns[0], "input": "30-input.png", "mask": "30-mask1.png", "output": "30-output1.png"}],
        "139": turns,
    }
    write_json(tmp_path / "test/edit_sessions.json", sessions)
    write_json(
        tmp_path / "test/local_descriptions.json", {"139": {"139-output1.png": "a cat", "139-input.png": "a bed"}}
    )
    return tmp_path


def test_single_turns_edit_the_source_of_their_own_turn(brush: Path) -> None:
    bench = BENCHMARKS["magicbrush"].read(brush)
    assert [item.item_id for item in bench.items] == ["30/30_1", "139/139_1", "139/139_inde_2"]
    second = bench.items[2]
    assert not bench.chained and second.source() == bench.items[1].target() and second.mask is None  # type: ignore[misc]
    assert (bench.items[1].captions.source, bench.items[1].captions.edited) == ("a bed", "a cat")
    assert "leaves the table's folder" in bench.rejected["edit_sessions.json: 139 turn 3"]


def test_chained_turns_have_the_names_of_the_iterative_setting(brush: Path) -> None:
    bench = BENCHMARKS["magicbrush-multi"].read(brush / "test")
    assert bench.chained
    assert [(item.item_id, item.session, item.turn) for item in bench.items[1:]] == [
        ("139/139_1", "139", 1),
        ("139/139_iter_2", "139", 2),
    ]


def test_the_parquet_files_of_another_split_are_read(tmp_path: Path) -> None:
    row = {"img_id": "7", "turn_index": 2, "instruction": "add a dog"}
    row |= {"source_img": encode_image(1), "mask_img": encode_image(2), "target_img": encode_image(3)}
    write_parquet(tmp_path / "dev-00000-of-00001.parquet", [row, {**row, "turn_index": 0}])
    bench = BENCHMARKS["magicbrush"].read(tmp_path)
    assert [item.item_id for item in bench.items] == ["7/7_inde_2"]
    assert "turn_index is 0" in bench.rejected["dev-00000-of-00001.parquet:1"]


def test_masks_are_the_transparent_pixels_at_the_size_of_the_source(tmp_path: Path) -> None:
    source, inside = decode_image(encode_image(1)), np.zeros((24, 32), bool)
    inside[6:12, 8:24] = True
    cutout = encode_cutout(np.zeros((24, 32, 3), np.uint8), inside)
    row = {"img_id": "7", "turn_index": 1, "instruction": "add a dog", "mask_img": cutout}
    write_parquet(tmp_path / "dev.parquet", [{**row, "source_img": encode_image(1), "target_img": encode_image(3)}])
    (item,) = BENCHMARKS["magicbrush"].read(tmp_path).items
    assert item.mask is not None and item.mask() != cutout
    mask = decode_mask(item.mask())
    assert mask.shape == source.shape[:2] and mask.mean() == inside.mean()


def make_turn(session: str, turn: int, l1: float) -> dict[str, Any]:
    scores = {"l1": l1, "l2": l1, "clip_i": 1, "dino": 1, "clip_t": 0.25}
    return {"item_id": f"{session}/{turn}", "task": f"turn {turn}", "session": session, "turn": turn, **scores}


def test_single_turns_are_averaged_over_all_turns_and_chained_ones_over_the_last() -> None:
    rows = [make_turn("a", 2, 0.5), make_turn("a", 1, 0.1), make_turn("b", 1, 0.3)]
    single = {row.name: row for row in magicbrush.aggregate(rows)}
    assert single["mean of items"].values["l1"] == pytest.approx(0.3) and single["turn 1"].values[
        "l1"
    ] == pytest.approx(0.2)
    (last,) = BENCHMARKS["magicbrush-multi"].protocol.aggregate(rows)
    assert last.values["l1"] == pytest.approx(0.4) and last.items == 2


def test_emu_reads_one_split_and_marks_equal_captions(tmp_path: Path) -> None:
    rows = [
        {
            "idx": n,
            "task": "add",
            "split": "test",
            "instruction": "add",
            "input_caption": "a bed",
            "output_caption": text,
            "image": encode_image(n),
        }
        for n, text in enumerate(("a cat", "a bed"))
    ]
    write_parquet(tmp_path / "data/test-00000-of-00001.parquet", rows)
    write_parquet(tmp_path / "data/validation-00000-of-00001.parquet", rows[:1])
    bench = BENCHMARKS["emu-test"].read(tmp_path)
    assert [(item.item_id, item.extra["equal_captions"]) for item in bench.items] == [("0", False), ("1", True)]
    assert len(BENCHMARKS["emu-validation"].read(tmp_path).items) == 1
    scored = [{**to_columns(item), "clip_dir": score} for item, score in zip(bench.items, (0.2, 0.0), strict=True)]
    table = {row.name: row for row in emu.aggregate(scored)}
    assert table["mean of items"].values == {"clip_dir": 0.1} and table[emu.TWO_CAPTIONS].values == {"clip_dir": 0.2}
    assert table["mean of items"].missing == ("0", "1")


def test_anyedit_finds_images_below_its_folder_or_the_types(tmp_path: Path) -> None:
    for name in ("counting/in/1.jpg", "counting/out/1.jpg", "visual_depth/in/2.jpg", "visual_depth/out/2.jpg", "d.png"):
        write_image(tmp_path / name)
    rows = [
        {"edit": "three cats", "image_file": "counting/in/1.jpg", "edited_file": "out/1.jpg", "output": "three cats"},
        {"edit": "x", "image_file": "../1.jpg", "edited_file": "out/1.jpg"},
    ]
    write_json(tmp_path / "counting/edit_result.json", rows)
    visual = {"edit": "follow", "image_file": "in/2.jpg", "edited_file": "out/2.jpg", "visual_input": "d.png"}
    write_json(tmp_path / "visual_depth/edit_result.json", [visual])
    bench = BENCHMARKS["anyedit"].read(tmp_path)
    assert [item.item_id for item in bench.items] == ["counting/1", "visual_depth/2"]
    assert [role for role, _ in bench.items[1].references] == ["visual"]
    assert list(bench.rejected) == ["counting/edit_result.json: 1"]
    assert sum(len(members) for members in anyedit.GROUPS.values()) == 25


def test_anyedit_averages_the_types_of_a_group() -> None:
    rows = [
        {"item_id": str(n), "task": t, "l1": v}
        for n, (t, v) in enumerate([("add", 0.1), ("add", 0.3), ("remove", 0.4), ("movement", 1)])
    ]
    table = {row.name: row.values for row in anyedit.aggregate(rows)}
    assert table["add"]["l1"] == pytest.approx(0.2)
    assert table["mean of local"]["l1"] == pytest.approx(0.3) and table["mean of camera"]["l1"] == 1
    assert "mean of visual" not in table


def test_reason_edit_pairs_images_masks_and_lines_in_their_order(tmp_path: Path) -> None:
    for scene, lines in {
        "1-Left-Right": "Replace it. CLIP: a dog\nno mark\n",
        "6-Reasoning": "Remove it.   CLIP: grass\n",
    }.items():
        for name in ("001.png", "001_mask.jpg", "002.png", "002_mask.jpg"):
            write_image(tmp_path / scene / name, len(name))
        (tmp_path / scene / reason_edit.SCENES[scene]).write_text(lines)
        (tmp_path / "__MACOSX" / scene).mkdir(parents=True)
        for hidden in (tmp_path / "__MACOSX" / scene / "._001.png", tmp_path / scene / "._001.png"):
            hidden.write_bytes(b"\0\5\x16\7")
    bench = BENCHMARKS["reason-edit"].read(tmp_path)
    assert [(item.item_id, item.instruction, item.extra["foreground"]) for item in bench.items] == [
        ("1-Left-Right/001", "Replace it.", "a dog"),
        ("6-Reasoning/001", "Remove it.", "grass"),
    ]
    assert bench.items[0].mask and len(bench.rejected) == 2
    assert "is not 'instruction CLIP: foreground'" in bench.rejected["1-Left-Right/002.png"]
    (tmp_path / "6-Reasoning/Reason_test.txt").unlink()
    with pytest.raises(UserError, match=r"Reason_test.txt: cannot be read"):
        BENCHMARKS["reason-edit"].read(tmp_path)


def test_understanding_is_the_mean_over_items_of_five_scenes() -> None:
    tasks = ("1-Left-Right", "1-Left-Right", "4-Color", "6-Reasoning")
    rows = [{"item_id": str(n), "task": task, "background_psnr": 10.0 * n} for n, task in enumerate(tasks)]
    table = {row.name: row.values for row in reason_edit.aggregate(rows)}
    assert (
        table["mean of understanding"]["background_psnr"] == pytest.approx(10)
        and table["6-Reasoning"]["background_psnr"] == 30
    )
