"""Tests of a local model with random weights: its replies do not depend on the rest of the batch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from helpers.tiny_vlm import make_llava, make_qwen
from omniedit.errors import UserError
from omniedit.models.folder import load_part
from omniedit.models.processors import load_processor
from omniedit.vlm import Prompt, PromptImage, Reply
from omniedit.vlm.cache import Cache
from omniedit.vlm.local import LocalModel

CLASSES: dict[str, Callable[[Path], Path]] = {
    "LlavaForConditionalGeneration": make_llava,
    "Qwen2_5_VLForConditionalGeneration": make_qwen,
}


def image(number: int, height: int = 40, width: int = 60) -> PromptImage:
    return PromptImage(np.random.default_rng(number).integers(0, 255, (height, width, 3), np.uint8))


PROMPTS = [
    Prompt(("What is in it?", image(0), "things: none"), max_tokens=12),
    Prompt(
        ("What is in it?", image(1, 80, 50), "things: a cup; a much longer list of things than before"), max_tokens=12
    ),
    Prompt(("Say it otherwise.",), max_tokens=5),
]


@pytest.fixture(
    scope="module",
    params=CLASSES,
)
def llava(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, object]:
    folder = CLASSES[request.param](tmp_path_factory.mktemp("vlm") / "model")
    return load_part(folder, (getattr(transformers, request.param),), torch.float32), load_processor(folder)


def local(llava: tuple[object, object], cache: Path, **options: int) -> LocalModel:
    return LocalModel(*llava, "org/model@1", Cache(cache), **options)


def replies(model: LocalModel, prompts: list[Prompt]) -> list[Reply]:
    return [answer for answer in model.ask(prompts) if isinstance(answer, Reply)]


def test_reply_is_the_same_alone_and_in_a_batch(llava: tuple[object, object], tmp_path: Path) -> None:
    together = replies(local(llava, tmp_path / "together"), PROMPTS)
    alone = [replies(local(llava, tmp_path / "alone", batch_size=1), [prompt])[0] for prompt in PROMPTS]
    assert [reply.text for reply in together] == [reply.text for reply in alone]
    assert [reply.usage for reply in together] == [reply.usage for reply in alone]
    assert len({reply.text for reply in together}) == len(PROMPTS) and {reply.model for reply in together} == {
        "org/model@1"
    }


def test_out_of_memory_halves_the_batch_of_prompts(
    llava: tuple[object, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = replies(local(llava, tmp_path / "whole"), PROMPTS)
    model = local(llava, tmp_path / "short")
    ask = model._replies

    def ask_limited(prompts: list[Prompt]) -> list[Reply]:
        if len(prompts) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return ask(prompts)

    monkeypatch.setattr(model, "_replies", ask_limited)
    assert [reply.text for reply in replies(model, PROMPTS)] == [reply.text for reply in whole]
    assert "out of memory on a batch of 3 prompts; continuing with 1" in capsys.readouterr().out


def test_reply_stops_at_its_length_limit_or_end_token(llava: tuple[object, object], tmp_path: Path) -> None:
    first = replies(local(llava, tmp_path), PROMPTS)
    assert [reply.usage.completion_tokens for reply in first if reply.usage] == [12, 12, 5]
    assert {reply.finish_reason for reply in first} == {"length"}
    model = local(llava, tmp_path / "other")
    written = model.processor.tokenizer(first[2].text)["input_ids"]
    ends, model.model.generation_config.eos_token_id = model.model.generation_config.eos_token_id, written[-1]
    (cut,) = replies(model, PROMPTS[2:])
    model.model.generation_config.eos_token_id = ends
    assert cut.finish_reason == "stop" and first[2].text.startswith(cut.text) and cut.text != first[2].text


def test_cached_replies_are_not_generated_again(
    llava: tuple[object, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = replies(local(llava, tmp_path), PROMPTS)
    model = local(llava, tmp_path)
    monkeypatch.setattr(model, "_replies", lambda prompts: pytest.fail(f"{len(prompts)} prompts generated"))
    assert replies(model, PROMPTS[::-1]) == first[::-1]


def test_digest_depends_on_every_part_of_the_prompt_and_the_model(llava: tuple[object, object], tmp_path: Path) -> None:
    model = local(llava, tmp_path)
    other = Prompt((*PROMPTS[0].parts[:1], image(2), *PROMPTS[0].parts[2:]), 12)
    longer = Prompt(PROMPTS[0].parts, 13)
    digests = {model.digest(prompt) for prompt in (*PROMPTS, other, longer)}
    model.version = "org/model@2"
    assert len(digests | {model.digest(PROMPTS[0])}) == 6


def test_missing_processor_or_tokenizer_is_named(tmp_path: Path) -> None:
    make_llava(tmp_path / "model")
    for pattern, problem in (("*processor*", "no image processor"), ("token*", "no tokenizer")):
        for file in (tmp_path / "model").glob(pattern):
            file.unlink()
        with pytest.raises(UserError, match=problem):
            load_processor(tmp_path / "model")
