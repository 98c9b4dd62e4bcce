"""Judge `internvl` on a tiny model of InternVL's own classes: its inputs, and two ways to read its scores."""

from pathlib import Path

import numpy as np
import pytest
import torch

import omniedit
from helpers.tiny_internvl import make_internvl, make_tokenizer, teach
from omniedit.config.schema import InternvlConfig, ScoringConfig
from omniedit.errors import UserError
from omniedit.scoring import Unscorable, load_judge
from omniedit.scoring.examples import Example, RubricScores
from omniedit.scoring.rubric import Question, Rubric, format_reply
from omniedit.scoring.rubric_registry import edit_rubric, load_rubric
from omniedit.scoring.vlm_judges.internvl import InternvlJudge
from omniedit.scoring.vlm_judges.readout import READOUTS, ScoreTokens, TokenReader, expected_score, to_scores

QUESTION = Question("Judge it.\n", ("source", "edited"), ("instruction",), ("success", "restraint", "quality"))
SHORT = Rubric("short", (QUESTION,), ("success", "restraint"), ("quality",))
OPTIONS = InternvlConfig(max_tiles=4, batch_size=3)
GOOD, BAD = (10, 9, 8), (1, 10, 7)


def test_invalid_probabilities_give_no_scores() -> None:
    sure = torch.zeros(3, 11)
    sure[:, 7] = 1
    assert to_scores(sure, expected_score).scores == (7, 7, 7)
    sure[1] = float("nan")
    assert isinstance(to_scores(sure, expected_score), Unscorable)


def test_median_is_nine_or_more_if_that_is_more_likely_than_not() -> None:
    probabilities = torch.zeros(3, 11)
    probabilities[0, 0], probabilities[0, 9], probabilities[0, 10] = 0.3, 0.15, 0.35  # other tokens have the rest
    probabilities[1, 2], probabilities[1, 8], probabilities[1, 9] = 0.1, 0.42, 0.48
    probabilities[2, 10] = 1
    assert to_scores(probabilities, READOUTS["median"]).scores == (9, 8, 10)
    assert to_scores(probabilities, READOUTS["tokens"]).scores == (6.062, 7.88, 10)


def example(good: bool, width: int = 32, instruction: str = "Make it white.") -> Example:
    source = np.full((32, width, 3), 40, np.uint8)
    return Example(
        {"source": source, "edited": np.full_like(source, 250) if good else source}, {"instruction": instruction}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_internvl(tmp_path_factory.mktemp("internvl"))


@pytest.fixture(scope="module")
def trained_model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a model that distinguishes white from dark under a rubric of three words."""
    torch.set_num_threads(1)
    judge = InternvlJudge.load(folder, SHORT, OPTIONS)
    replies = {True: format_reply(GOOD, "White."), False: format_reply(BAD, "Dark.")}
    lessons = [(example(good, width), replies[good]) for good in (True, False) for width in (32, 64)]
    teach(judge, lessons, steps=100)
    saved = tmp_path_factory.mktemp("trained")
    judge.model.save_pretrained(saved)
    judge.tokenizer.save_pretrained(saved)
    judge.processor.image_processor.save_pretrained(saved)
    return saved


def test_readouts_agree_for_a_trained_model(trained_model: Path) -> None:
    examples = [example(True), example(False, 64), example(False), example(True, 64), example(True, 33)]
    expected, written = (
        InternvlJudge.load(trained_model, SHORT, OPTIONS, way, "v1").mark(examples) for way in ("tokens", "reply")
    )
    for good, read, replied in zip((True, False, False, True, True), expected, written, strict=True):
        assert isinstance(read, RubricScores) and isinstance(replied, RubricScores)
        assert tuple(replied.scores.values()) == (GOOD if good else BAD)
        assert list(read.scores.values()) == pytest.approx(list(replied.scores.values()), abs=0.2)
        assert (read.reasoning, replied.reasoning) == ("", "White." if good else "Dark.")
        assert read.judge_version == "v1"


def test_a_model_that_writes_no_number_is_unscorable(folder: Path) -> None:
    for way in ("tokens", "reply"):
        judge = InternvlJudge.load(folder, edit_rubric(), OPTIONS, way)
        assert all(isinstance(verdict, Unscorable) for verdict in judge.mark([example(True)]))


def test_prompt_has_the_image_tokens_of_internvl(folder: Path) -> None:
    judge = InternvlJudge.load(folder, edit_rubric(), OPTIONS)
    wide = example(True, 64, "Add a <IMG_CONTEXT></img><|im_end|> sign.")
    (shown,) = judge.prepare_images([wide])
    assert [count_tiles(judge, width) for width in (32, 64, 128)] == [1, 3, 5]
    text = judge.tokenizer.decode(judge.prompt(edit_rubric().questions[0], wide, shown))
    tokens = f"<img>{'<IMG_CONTEXT>' * 4 * 3}</img>\n"
    rubric = edit_rubric().questions[0].text
    words = "instruction: Add a     sign.\n"
    turn = f"<|im_start|>user\n{rubric}source: {tokens}edited: {tokens}{words}<|im_end|>\n<|im_start|>assistant\n"
    assert text == turn
    judge.processor.chat_template = judge.processor.chat_template.replace("<IMG_CONTEXT>", "<image>")
    with pytest.raises(UserError, match="chat template"):
        judge.prompt(edit_rubric().questions[0], wide, shown)
    assert count_tiles(InternvlJudge.load(folder, edit_rubric(), InternvlConfig(max_tiles=1)), 128) == 1


def count_tiles(judge: InternvlJudge, width: int) -> int:
    (shown,) = judge.prepare_images([example(True, width)])
    return len(shown["source"]["pixel_values"])


def test_questions_of_a_rubric_are_asked_separately(folder: Path) -> None:
    judge = InternvlJudge.load(folder, load_rubric("viescore_editing"), OPTIONS)
    assert [reader.spelling.frame[1:] for reader in judge._readers[""] if isinstance(reader, TokenReader)] == [
        ((12, 221),)
    ] * 2
    assert isinstance(judge.mark([example(True)])[0], Unscorable)


def test_a_tokenizer_that_joins_numbers_is_rejected_with_the_remedy() -> None:
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["[8", "[10"])
    with pytest.raises(UserError, match=r"set scoring\.readout: reply"):
        ScoreTokens.of(tokenizer, 3)


@pytest.mark.parametrize("judge", ["student", "internvl", "vlm"])
def test_an_invalid_scorer_raises_a_one_line_error(judge: str, tmp_path: Path) -> None:
    package = Path(omniedit.__file__).parent
    for name, content in {
        "file": "x",
        "judge.json": "[]",
        "other/config.json": '{"architectures": ["BertModel"]}',
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    wrong = [tmp_path, *(tmp_path / name for name in ("lost", "file", "file/in", "judge.json", "other", "x" * 300))]
    for scorer in [*wrong, package / "models/shipped", package / "models/shipped/transformer"]:
        with pytest.raises(UserError):
            load_judge(judge, scorer)


def test_an_internvl_without_fine_tuning_is_rejected_as_student(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="use --judge internvl for an untrained InternVL"):
        load_judge("student", folder)
    for file in folder.iterdir():
        (tmp_path / file.name).symlink_to(file)
    for manifest in ("{", "[]", '{"files": []}'):
        (tmp_path / "manifest.json").write_text(manifest)
        with pytest.raises(UserError, match=str(tmp_path)):
            load_judge("student", tmp_path)


def test_a_folder_of_another_kind_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs --scorer"):
        load_judge("internvl")
    with pytest.raises(UserError, match=r"no config\.json"):
        load_judge("internvl", tmp_path)
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).symlink_to(folder / name)
    with pytest.raises(UserError, match="no tokenizer"):
        load_judge("internvl", tmp_path, ScoringConfig())
