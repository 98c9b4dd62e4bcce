"""Tests of the experiment on instructions that need the image: rows mean one object, and it runs at toy size."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.smartedit import align, language_model, make_inputs, packing, reason_edit, report, train
from benchmarks.smartedit.image_words import EMPTY, patch_words
from benchmarks.smartedit.questions import make_questions
from benchmarks.smartedit.settings import EXPLICIT, SETTINGS, START, UNITS
from benchmarks.smartedit.testing import Items, changes, measures
from benchmarks.smartedit.world import COLUMN_NAMES, CUES, HELD_OUT_TOOLS, is_held_out, make_row
from omniedit.evaluation.bench.sets.registry import BENCHMARKS
from omniedit.exchange.perception.regions import decode_region
from omniedit.imaging.images import decode_image
from omniedit.models.codec import LappedCodec
from omniedit.models.encoders.chat import answer_loss, ask_with_answers

KINDS = ("simple", "complex", "segmentation", "question")


@pytest.fixture(scope="module")
def items() -> Items:
    return Items.make(SETTINGS["test"], LappedCodec())


def phrase(text: str) -> str:
    return text.split(" the ", 1)[1].rstrip(".?").removesuffix(" white").removesuffix(" black").removesuffix(" away")


def test_expressions_of_the_test_are_not_in_training(items: Items) -> None:
    rows = [make_row(kind, 0, index) for kind in ("complex", "segmentation") for index in range(60)]
    assert {row.cue for row in rows} == {*CUES}
    for row in rows:
        assert row.cue == "clue" or not is_held_out(phrase(row.text).removesuffix(" in pink"))
        assert row.cue != "clue" or not any(noun in row.answer for noun in HELD_OUT_TOOLS)
    for row in items.rows:
        assert (
            any(noun in row.answer for noun in HELD_OUT_TOOLS) if row.cue == "clue" else is_held_out(phrase(row.text))
        )


def test_only_the_edit_of_the_intended_object_is_a_success(items: Items) -> None:
    right = measures(items, [row.target for row in items.rows])
    assert all(row["chosen"] == row["success"] == [1, 1] for row in right)
    other = measures(items, [row.answers[(row.meant + 1) % len(row.answers)] for row in items.rows])
    assert all(row["chosen"] == row["success"] == [0, 0] for row in other)
    assert all(row["success"] == [0, 0] for row in measures(items, [row.source for row in items.rows]))
    assert not changes(items.rows[0], items.rows[0].source).any()


def test_an_edit_changes_only_the_intended_object() -> None:
    for index in range(10):
        row = make_row("complex", 1, index, held_out=True)
        changed = (row.source != row.target).any(-1)
        place = np.argwhere(row.masks[row.meant])
        (top, left), (bottom, right) = place.min(0) - 1, place.max(0) + 1
        changed[max(0, top) : bottom + 1, max(0, left) : right + 1] = False
        assert not changed.any()


def test_the_tokenizer_knows_every_word_of_every_row() -> None:
    tokenizer = language_model.build_tokenizer(language_model.words())
    texts = [f"{row.text} {row.answer}" for kind in KINDS for row in (make_row(kind, 2, i) for i in range(50))]
    texts += [make_row("complex", 2, i, True).text for i in range(50)]
    texts += [f"{text} {answer}" for index in range(20) for text, answer in make_questions(index, 9).asked]
    assert not [text for text in texts if tokenizer.unk_token_id in tokenizer(text)["input_ids"]]


def test_questions_hold_no_expression_of_the_test_and_instructions_no_clue_of_a_held_out_tool() -> None:
    asked = [pair for index in range(100) for pair in make_questions(index, 9).asked]
    lists = [(text, answer) for text, answer in asked if text.startswith("Where are the ")]
    for text, answer in lists:
        (name,) = text.removeprefix("Where are the ").removesuffix("?").removesuffix(" objects").split()
        singular = name.removesuffix("es") if name == "boxes" else name.removesuffix("s")
        assert all(singular in part for part in answer.split(", "))
    for text, answer in {pair for pair in asked if "What" not in pair[0]} - {*lists}:
        is_clue, noun = "object that" in text, answer.split()[-1]
        assert is_clue or not is_held_out(phrase(text).removesuffix(" in pink")) or phrase(text) == noun
        assert not is_clue or text.startswith("Where is ") or noun not in HELD_OUT_TOOLS


def test_the_words_of_a_patch_describe_its_object() -> None:
    for index in range(10):
        row = make_questions(index, 1)
        words = patch_words(row.scene)
        assert sum(EMPTY in known for known in words) == 16 - len(row.scene)
        for thing in row.scene:
            (top, left), side = thing.corner, language_model.PATCH
            assert words[top // side * 4 + left // side] == [
                COLUMN_NAMES[thing.column],
                thing.size,
                thing.paint,
                thing.noun,
            ]


def test_questions_that_share_an_image_have_the_loss_that_each_has_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    model, processor = language_model.build_llava(SETTINGS["test"], language_model.words())
    monkeypatch.setattr(packing, "COLUMN_WEIGHT", 1.0)
    row = next(row for row in (make_questions(index, 3) for index in range(9)) if len(row.asked) == 3)
    texts, answers = zip(*row.asked, strict=True)
    inputs = ask_with_answers(processor, [Image.fromarray(row.source)] * 3, texts, answers)
    with torch.no_grad():
        alone, tokens = answer_loss(model, **inputs), inputs["answer_mask"].sum(1)
        together = packing.question_loss(model, processor, [row])
    assert together.item() == pytest.approx(((alone * tokens).sum() / tokens.sum()).item(), rel=1e-4)


def test_an_object_lies_in_one_patch_of_the_column_that_the_answer_begins_with() -> None:
    for index in range(20):
        row = make_row("complex", 3, index, held_out=True)
        rows, columns = np.nonzero(row.masks[row.meant])
        patches = {*zip(rows // language_model.PATCH, columns // language_model.PATCH, strict=True)}
        ((_, column),) = patches
        assert row.answer.split()[language_model.COLUMN_PLACE] == f"{COLUMN_NAMES[column]}:"


def test_an_explicit_instruction_has_place_kind_and_edit_of_the_row() -> None:
    known = align.explicit_instructions()
    for index in range(20):
        row = make_row("complex", 4, index, held_out=True)
        _, column, _, noun = row.answer.split()
        edit = next((edit for edit in ("white", "black") if edit in row.text), "away")
        assert known[row.explicit] == {"place": column.rstrip(":"), "kind": noun, "edit": edit}


def test_the_position_embeddings_of_columns_differ() -> None:
    editor = train.build_editor(SETTINGS["test"])
    columns = editor.base.pos_embed.cropped_pos_embed(*train.LATENT)[0].unflatten(0, (4, 4))[0]
    similarity = torch.nn.functional.cosine_similarity(columns[:-1], columns[1:], dim=-1)
    assert similarity.max() < 0.99


def test_regions_survive_a_round_trip_through_run_lengths() -> None:
    mask = np.zeros((5, 7), np.uint8)
    mask[0, 0] = mask[2:4, 3:6] = mask[4, 6] = 1
    region = {"counts": make_inputs.run_lengths(mask), "size": [5, 7]}
    assert np.array_equal(decode_region(region, 5, 7), mask > 0)


def test_a_rendered_set_reads_as_reason_edit_and_correct_edits_stay_inside_the_mask(tmp_path: Path) -> None:
    for scene in reason_edit.CUES:
        reason_edit.write_scene(tmp_path, scene, reason_edit.make_items(scene, 2))
    items = BENCHMARKS["reason-edit"].read(tmp_path / "set").items
    assert len(items) == 10 and {item.task for item in items} == {*reason_edit.CUES}
    for item in items:
        source, outside = decode_image(item.source()), decode_image(item.mask())[..., 0] < 128
        right, wrong = (
            decode_image((tmp_path / name / f"{item.item_id}.png").read_bytes()) for name in ("right", "wrong")
        )
        assert np.array_equal(right[outside], source[outside]) and not np.array_equal(right, source)
        assert not np.array_equal(wrong[outside], source[outside])
        assert item.extra["foreground"].startswith(("a white ", "a black ", "background"))


def test_all_trainings_and_the_report_run_at_toy_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def call(main, *words: object) -> None:
        monkeypatch.setattr(sys, "argv", ["program", "--setting", "test", *map(str, words)])
        main()

    llava, encoder, units = tmp_path / "llava", tmp_path / "encoder", tmp_path / "units"
    units.mkdir()
    call(language_model.main, "--out", llava)
    call(align.main, "--llava", llava, "--out", encoder)
    start = units / START
    call(train.main, "--reads", EXPLICIT, "--mix", "editing", "--seed", 0, "--out", start)
    some = [unit for unit in UNITS if unit in (("minilm", "all"), ("one_way", "all"), ("both", "all"))]
    for reads, mix in some:
        words = ("--reads", reads, "--mix", mix, "--seed", 0)
        call(train.main, "--encoder", encoder, "--start", start, *words, "--out", units / f"{reads}-{mix}-0")
    rows = [json.loads(line) for line in (units / "both-all-0/measures.jsonl").open()]
    assert [row["cue"] for row in rows] == [*CUES] and not list(units.glob("*.checkpoint.pt"))
    call(report.main, "--units", *sorted(units.iterdir()), "--out", tmp_path / "report")
    table = (tmp_path / "report/table.md").read_text()
    assert "| MiniLM | all | 1 |" in table and "less language model, one-way, all | 1 |" in table
    assert (tmp_path / "report/samples.png").stat().st_size
