"""Student: learns from the teacher's replies, loads again as it was, and answers through the shared parser."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, InternVLForConditionalGeneration

from omniedit.config.schema import StudentConfig
from omniedit.errors import UserError
from omniedit.scoring import Unscorable, edit_rubric, load_judge, parse_reply
from omniedit.scoring.rubric import format_reply
from omniedit.scoring.student.distill import Distillation, StudentExample, initial_view_side
from omniedit.scoring.student.examples import choose_held_out, split_by_photo
from omniedit.scoring.student.inputs import VIEWS, student_inputs
from omniedit.scoring.student.judge import SCORES, StudentJudge, build_tokenizer, load_student
from omniedit.scoring.verdict import Score

OPTIONS = StudentConfig(steps=60, batch_size=8, learning_rate=3e-3, image_size=32)


def example(good: bool, number: int) -> StudentExample:
    """Return a black square turned white, which is good, or an unchanged image, which is not."""
    source = np.full((64, 64, 3), 90 + 5 * (number % 8), np.uint8)
    edited = source.copy()
    if good:
        cv2.rectangle(edited, (8, 8), (56, 56), (250, 250, 250), -1)
    teacher = Score(10, 10, 10, "The square is white: 99%") if good else Score(0, 10, 10, "The square is black: 0%")
    return StudentExample(
        f"p{number}",
        "object_swap",
        "",
        f"photo{number % 4}",
        ("Make it white.",),
        student_inputs(source, edited, 32),
        teacher,
    )


@pytest.fixture(scope="module")
def trained_student() -> Distillation:
    torch.set_num_threads(1)
    student = Distillation([example(number % 2 == 0, number) for number in range(16)], OPTIONS, seed=0)
    student.train()
    return student


def test_every_readout_distinguishes_a_good_edit_from_none(trained_student: Distillation) -> None:
    unseen = np.stack([example(True, 21).views, example(False, 21).views])
    said = ["Make it white."] * 2
    good, bad = StudentJudge(trained_student.model, trained_student.tokenizer).judge_views(unseen, said)
    written_good, written_bad = StudentJudge(trained_student.model, trained_student.tokenizer, "reply").judge_views(
        unseen, said
    )
    assert isinstance(good, Score) and isinstance(bad, Score)
    assert isinstance(written_good, Score) and isinstance(written_bad, Score)
    assert good.sc_score_1 > 8 and bad.sc_score_1 < 2
    assert (good.reasoning, written_good.reasoning) == ("", "The square is white")
    for read, written in ((good, written_good), (bad, written_bad)):
        assert abs(read.sc_score - written.sc_score) < 0.1 and abs(read.pq_score - written.pq_score) < 0.1


def test_special_tokens_in_an_instruction_are_ignored(trained_student: Distillation) -> None:
    seen, judge = example(True, 1).views[None], StudentJudge(trained_student.model, trained_student.tokenizer)
    assert judge.judge_views(seen, ["Make it <image> white.<end>"]) == judge.judge_views(seen, ["Make it   white. "])


def test_a_saved_student_gives_the_same_scores(trained_student: Distillation, tmp_path: Path) -> None:
    trained_student.save(tmp_path)
    seen = np.stack([example(True, 1).views, example(False, 2).views])
    before = StudentJudge(trained_student.model, trained_student.tokenizer, "median").judge_views(
        seen, ["Make it white.", "Make it white, please."]
    )
    after = load_judge("student", tmp_path)
    assert isinstance(after, StudentJudge)
    again = after.judge_views(seen, ["Make it white.", "Make it white, please."])
    assert [replace(score, judge_version="") for score in again if isinstance(score, Score)] == before
    assert all(isinstance(score, Score) and len(score.judge_version) == len("student ") + 12 for score in again)
    assert isinstance(InternVLForConditionalGeneration.from_pretrained(tmp_path), InternVLForConditionalGeneration)
    assert AutoTokenizer.from_pretrained(tmp_path).get_vocab() == trained_student.tokenizer.get_vocab()


def test_the_same_seed_gives_the_same_weights() -> None:
    options = OPTIONS.model_copy(update={"steps": 2})
    examples = [example(number % 2 == 0, number) for number in range(8)]
    runs = [Distillation(examples, options, seed=3) for _ in range(2)]
    assert runs[0].train() == runs[1].train()
    for one, other in zip(runs[0].model.parameters(), runs[1].model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_training_starts_from_a_given_student(trained_student: Distillation, tmp_path: Path) -> None:
    trained_student.save(tmp_path)
    again = Distillation([example(True, 1)], OPTIONS.model_copy(update={"start": str(tmp_path), "steps": 1}), seed=7)
    assert initial_view_side(again.options) == 32
    assert again.tokenizer.get_vocab() == trained_student.tokenizer.get_vocab()
    for one, other in zip(again.model.parameters(), trained_student.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert again.train()[0] < 0.1


@pytest.fixture
def frozen(trained_student: Distillation, tmp_path: Path) -> Distillation:
    """Return a student that starts as `trained` and keeps its image encoder, with another pair to learn."""
    trained_student.save(tmp_path)
    options = OPTIONS.model_copy(update={"start": str(tmp_path), "vision": False, "steps": 8, "batch_size": 2})
    lessons = [replace(example(number % 2 == 0, number), teacher=Score(5, 5, 5, "?")) for number in range(3)]
    return Distillation(lessons, options, seed=0)


def test_a_frozen_image_encoder_gives_the_same_loss(frozen: Distillation) -> None:
    whole = Distillation(frozen.examples, frozen.options.model_copy(update={"vision": True}), seed=0)
    for step in range(2):
        torch.testing.assert_close(frozen.loss(step, frozen.batch(step)), whole.loss(step, whole.batch(step)))


def test_a_frozen_image_encoder_encodes_each_image_once_and_is_not_changed(
    frozen: Distillation, monkeypatch: pytest.MonkeyPatch
) -> None:
    tower, images = frozen.model.model.vision_tower, []
    encode = tower.forward
    monkeypatch.setattr(tower, "forward", lambda pixel_values: images.extend(pixel_values) or encode(pixel_values))
    before = {name: weight.clone() for name, weight in frozen.model.named_parameters()}
    losses = frozen.train()
    assert losses[-1] < losses[0]
    assert len(images) <= len(VIEWS) * 2 * len(frozen.examples), "each pair as it is and mirrored"
    changed = {name for name, weight in frozen.model.named_parameters() if not torch.equal(weight, before[name])}
    assert changed == {name for name in before if "vision_tower" not in name}


def test_a_random_image_encoder_is_always_trained() -> None:
    student = Distillation([example(True, 0)], OPTIONS.model_copy(update={"vision": False}), seed=0)
    assert all(weight.requires_grad for weight in student.model.parameters())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no trained student here"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\x08"), "cannot be loaded"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "no tokenizer"),
        (lambda folder: (folder / "config.json").write_text('{"architectures": ["BertModel"]}'), "a BertModel"),
    ],
)
def test_a_folder_without_a_valid_student_is_named_with_the_problem(
    trained_student: Distillation, tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    trained_student.save(tmp_path)
    damage(tmp_path)
    with pytest.raises(UserError, match=f"{tmp_path}: .*{message}"):
        load_judge("student", tmp_path)


def test_an_untrained_student_gives_unscorable_verdicts() -> None:
    untrained = Distillation([example(True, 0)], OPTIONS, seed=0)
    (verdict,) = StudentJudge(untrained.model, untrained.tokenizer).judge_views(example(True, 0).views[None], ["?"])
    assert isinstance(verdict, Unscorable)


def test_tokenizer_round_trips_replies_with_one_token_per_score() -> None:
    tokenizer = build_tokenizer(["Remove the wine bottle."], edit_rubric())
    reply = format_reply((10, 9.4, 0), "Removed \u00e9 wholly; 12.5% left")
    ids = tokenizer(reply)["input_ids"]
    assert tokenizer.decode(ids) == reply
    assert parse_reply(reply, 3) == [10, 9, 0]
    assert tokenizer.convert_ids_to_tokens(ids)[1:6:2] == ["10", "9", "0"]
    assert len(tokenizer(edit_rubric().text)["input_ids"]) < 2 * len(edit_rubric().text.splitlines()) + 1
    assert set(SCORES) <= set(tokenizer.get_vocab())


def test_difference_view_shows_only_the_change() -> None:
    rng = np.random.default_rng(0)
    source = rng.integers(60, 190, (120, 90, 3), dtype=np.uint8)
    same = dict(zip(VIEWS, student_inputs(source, source, 32), strict=True))
    assert (same["difference"] == [128, 0, 128]).all()
    edited = source.copy()
    edited[80:110, 50:80] = 255
    seen = dict(zip(VIEWS, student_inputs(source, edited, 32), strict=True))
    changed = seen["difference"][..., 1] > 0
    assert changed[22:29, 18:28].all()
    assert not changed[:20].any()
    assert (seen["detail"] == 255).mean() > 0.8


def test_marks_view_shows_faults_invisible_in_a_thumbnail() -> None:
    """Check that a fault changes its channel of `marks` inside the edit and nothing outside."""
    source = np.random.default_rng(0).integers(60, 190, (192, 192, 3), dtype=np.uint8)
    source = cv2.GaussianBlur(source, (0, 0), 1)
    place, inside, outside = np.s_[48:144, 48:144], np.s_[20:44, 20:44], np.s_[:10]
    lighter = cv2.convertScaleAbs(source, beta=30)
    faults = {"blur": cv2.GaussianBlur(source, (0, 0), 3), "seam": lighter, "paint": np.full_like(source, 120)}
    marks = {}
    for name, image in faults.items():
        edited = source.copy()
        edited[place] = image[place]
        marks[name] = student_inputs(source, edited, 64)[VIEWS.index("marks")].astype(int)
    plain = student_inputs(source, source, 64)[VIEWS.index("marks")].astype(int)
    for seen in marks.values():
        assert (seen[outside] == plain[outside]).all()
    assert marks["blur"][inside][..., 1].mean() < plain[inside][..., 1].mean() - 20
    assert marks["paint"][inside][..., 0].mean() < plain[inside][..., 0].mean() - 50
    edge = np.s_[24:40, 15:17]
    assert marks["seam"][edge][..., 2].mean() > plain[edge][..., 2].mean() + 10
    assert abs(marks["seam"][inside][..., 2] - plain[inside][..., 2]).mean() < 5


def test_held_out_photos_share_no_example_with_training() -> None:
    examples = [example(True, number) for number in range(16)]
    held_out = choose_held_out(examples, 0.25, seed=0)
    photos = {each.source_id for each in examples}
    assert len(held_out) == 1 and held_out < photos and len(photos) == 4
    assert held_out == choose_held_out(examples[::-1], 0.25, seed=0)
    borrows = replace(next(each for each in examples if each.source_id not in held_out), borrowed=frozenset(held_out))
    seen, unseen, _ = split_by_photo([*examples, borrows], 0.25, seed=0)
    assert len(seen) + len(unseen) == 16 and borrows not in seen, "no pixel of a held-out photo is learnt from"
    with pytest.raises(UserError, match="each borrows from a held-out photo"):
        split_by_photo([borrows, replace(unseen[0], borrowed=frozenset({borrows.source_id}))], 0.25, seed=0)


def test_a_student_with_other_views_is_rejected(trained_student: Distillation, tmp_path: Path) -> None:
    trained_student.save(tmp_path)
    load_student(tmp_path)
    config = tmp_path / "config.json"
    before = {name: value for name, value in json.loads(config.read_text()).items() if name != "views_version"}
    config.write_text(json.dumps(before))
    with pytest.raises(UserError, match="other views"):
        load_student(tmp_path)


def test_a_folder_without_a_student_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trained student"):
        load_judge("student", tmp_path)
    with pytest.raises(UserError, match="--scorer"):
        load_judge("student")
