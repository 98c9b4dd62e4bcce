"""Comparison of two edits: both orders, and a winner only if they agree."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlavaForConditionalGeneration

from helpers.tiny_vlm import make_llava
from omniedit.models.folder import load_part, load_processor
from omniedit.scoring.pairwise import (
    Outcome,
    PairwiseAnswer,
    PairwiseItem,
    PairwiseJudge,
    blank_prompt,
    build_prompt,
    decide,
    draw_order,
    read_answer,
    rubric_text,
)
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.winner_parser import Winner
from omniedit.vlm import MissingReply, Prompt, PromptImage, Reply
from omniedit.vlm.cache import Cache
from omniedit.vlm.local import LocalModel


def paint(shade: int) -> np.ndarray:
    return np.full((8, 16, 3), shade, np.uint8)


ITEM = PairwiseItem(paint(0), "Make it night.", paint(10), paint(20))
A, B, TIE, BOTH_BAD = Winner


class Model:
    """Model that answers each prompt by a function of the shades of A and B."""

    def __init__(self, choose: Callable[[int, int], str]) -> None:
        self.choose, self.prompts = choose, list[Prompt]()

    def ask(self, prompts: Sequence[Prompt]) -> list[Reply | MissingReply]:
        self.prompts += prompts
        return [Reply(f'{{"winner": "{self.choose(*shades(prompt)[1:])}"}}', "v1") for prompt in prompts]


def shades(prompt: Prompt) -> list[int]:
    return [int(part.pixels[0, 0, 0]) for part in prompt.parts if isinstance(part, PromptImage)]


def test_both_orders_are_asked_and_letters_are_mapped_to_edits() -> None:
    model = Model(lambda a, b: "A" if a > b else "B")
    (outcome,) = PairwiseJudge(model, 1024).compare([ITEM])
    assert [shades(prompt) for prompt in model.prompts] == [[0, 10, 20], [0, 20, 10]]
    assert outcome == Outcome(B, (PairwiseAnswer(B, False, "", "v1"), PairwiseAnswer(B, True, "", "v1")))
    assert [answer.prefers_first for answer in outcome.answers] == [False, True]


@pytest.mark.parametrize("position", ["A", "B"])
def test_a_judge_that_follows_positions_gives_a_tie(position: str) -> None:
    (outcome,) = PairwiseJudge(Model(lambda *_: position), 1024).compare([ITEM])
    assert isinstance(outcome, Outcome) and outcome.winner == TIE
    assert [answer.prefers_first for answer in outcome.answers] == [position == "A"] * 2


@pytest.mark.parametrize(
    ("winners", "winner"),
    [
        ((A, A), A),
        ((A, B), TIE),
        ((A, TIE), TIE),
        ((BOTH_BAD, BOTH_BAD), BOTH_BAD),
        ((BOTH_BAD, TIE), TIE),
        ((A, BOTH_BAD), TIE),
        ((B,), B),
    ],
)
def test_the_winner_must_win_in_both_orders(winners: tuple[Winner, ...], winner: Winner) -> None:
    answers = [PairwiseAnswer(each, bool(number)) for number, each in enumerate(winners)]
    assert decide(answers) == Outcome(winner, tuple(answers))


def test_one_unreadable_answer_makes_the_comparison_unscorable() -> None:
    assert decide([PairwiseAnswer(A, False), Unscorable("the reply is empty")]) == Unscorable("the reply is empty")


def test_a_single_order_depends_only_on_the_pixels() -> None:
    rng = np.random.default_rng(0)
    items = [PairwiseItem(ITEM.source, "Go.", *rng.integers(0, 255, (2, 4, 4, 3), np.uint8)) for _ in range(64)]
    orders = [draw_order(item) for item in items]
    assert 16 < sum(orders) < 48
    for item, is_swapped in zip(items, orders, strict=True):
        assert draw_order(PairwiseItem(item.source, "Go.", item.b, item.a)) != is_swapped, "the same edit is first"
    model = Model(lambda *_: "A")
    assert len(PairwiseJudge(model, 1024, both_orders=False).compare(items[:5])) == 5 == len(model.prompts)


def test_the_prompt_starts_with_the_fixed_text_and_includes_texts_of_editors_if_any() -> None:
    plain = [part for part in build_prompt(ITEM, False, 1024).parts if isinstance(part, str)]
    assert plain == [rubric_text(), "source:", "edit A:", "edit B:", "instruction: Make it night."]
    item = PairwiseItem(ITEM.source, "Go.", ITEM.a, ITEM.b, ("short", "a longer text"))
    assert build_prompt(item, True, 1024).parts[-2:] == ("text of editor A: a longer text", "text of editor B: short")


def test_images_are_downscaled_and_estimates_need_no_image() -> None:
    images = [part for part in build_prompt(ITEM, False, 8).parts if isinstance(part, PromptImage)]
    assert {image.pixels.shape for image in images} == {(4, 8, 3)}
    assert sum(isinstance(part, PromptImage) for part in blank_prompt("Go.").parts) == 3


def test_local_models_use_the_same_interface(tmp_path: Path) -> None:
    """Its random weights name no winner, but both showings are answered and cached."""
    folder = make_llava(tmp_path / "model")
    network = load_part(folder, (LlavaForConditionalGeneration,), torch.float32)
    model = LocalModel(network, load_processor(folder), "org/model@1", Cache(tmp_path / "cache"))
    (outcome,) = PairwiseJudge(model, 28).compare([ITEM])
    assert isinstance(outcome, Unscorable)
    assert len(list((tmp_path / "cache").rglob("*.json"))) == 2


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (MissingReply("no reply after 2 attempts", rejected=False), "no reply after 2 attempts"),
        (Reply("", "v1", refusal="I can't."), "refuses"),
        (Reply("I'm sorry, but I can't help with that.", "v1"), "the model refuses: \"I'm sorry"),
        (Reply("Edit A, because", "v1", "length"), "cut off at the token limit"),
        (Reply('<think>hm</think>\n{"winner": "A"}\nsaid the sign, but', "v1", "length"), "may be a quotation"),
    ],
)
def test_a_reply_without_a_clear_winner_is_unscorable(reply: Reply | MissingReply, reason: str) -> None:
    answer = read_answer(reply, False)
    assert isinstance(answer, Unscorable) and reason in answer.reason
