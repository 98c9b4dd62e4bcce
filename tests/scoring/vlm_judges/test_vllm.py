"""Judge `internvl` on vLLM, which cannot be installed here.

A stand-in takes the arguments of `vllm.LLM` (v0.11 and later), processes them as vLLM's InternVL does, and answers in
its format with transformers.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from scoring.vlm_judges.test_internvl import OPTIONS, QUESTION, SHORT, example
from torch import Tensor

from benchmarks.random_vlms import make_qwen25
from helpers.tiny_internvl import make_internvl, teach
from omniedit.config.schema import InternvlConfig, ScoringConfig, VlmConfig
from omniedit.errors import UserError
from omniedit.scoring import Unscorable, load_judge
from omniedit.scoring.examples import RubricScores
from omniedit.scoring.rubric import format_reply
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.scoring.vlm_judges.images import ImageInputs, join_inputs, placeholders, prepare_image
from omniedit.scoring.vlm_judges.internvl import InternvlJudge
from omniedit.scoring.vlm_judges.vllm import LOGPROBS, VllmJudge


@dataclass
class SamplingParams:
    temperature: float
    max_tokens: int
    logprobs: int | None = None


@dataclass
class Logprob:
    logprob: float


@dataclass
class Completion:
    text: str
    logprobs: list[dict[int, Logprob]] | None
    finish_reason: str = "stop"


@dataclass
class Request:
    outputs: list[Completion]


class LLM:
    """Stand-in engine. `sent` counts prompts; like vLLM, it rejects one whose images do not match its image tokens."""

    def __init__(
        self,
        model: str,
        load_format: str,
        seed: int,
        enable_prefix_caching: bool,
        limit_mm_per_prompt: dict[str, int],
        mm_processor_kwargs: dict[str, Any],
    ) -> None:
        assert load_format == "safetensors" and enable_prefix_caching
        tiles = mm_processor_kwargs["max_patches"]
        assert mm_processor_kwargs["crop_to_patches"] == (tiles > 1)
        self.judge = InternvlJudge.load(Path(model), SHORT, InternvlConfig(max_tiles=tiles))
        self.limit, self.sent = limit_mm_per_prompt["image"], 0

    def generate(self, prompts: list[dict[str, Any]], sampling_params: SamplingParams, use_tqdm: bool) -> list[Request]:
        assert sampling_params.temperature == 0 and not use_tqdm
        self.sent += len(prompts)
        return [Request([self._completion(prompt, sampling_params)]) for prompt in prompts]

    @torch.inference_mode()
    def _completion(self, prompt: dict[str, Any], sampling: SamplingParams) -> Completion:
        tokenizer, images = self.judge.tokenizer, prompt["multi_modal_data"]["image"]
        shown = [prepare_image(self.judge.processor, np.asarray(image), self.judge.options) for image in images]
        ids_1T, count = self._expand(prompt["prompt_token_ids"], shown)
        assert count == len(images) <= self.limit
        written: Any = self.judge.model.generate(
            input_ids=ids_1T,
            attention_mask=torch.ones_like(ids_1T),
            pixel_values=join_inputs([shown])["pixel_values"],
            do_sample=False,
            max_new_tokens=sampling.max_tokens,
            pad_token_id=tokenizer.pad_token_id,
            output_logits=True,
            return_dict_in_generate=True,
        )
        text = tokenizer.decode(written.sequences[0, ids_1T.shape[1] :], skip_special_tokens=True)
        return Completion(
            text, sampling.logprobs and [likeliest(step[0], sampling.logprobs) for step in written.logits]
        )

    def _expand(self, tokens: list[int], shown: list[ImageInputs]) -> tuple[Tensor, int]:
        """Return (1, T) tokens with each image token replaced by an image's tokens, and the number of image tokens."""
        tokenizer, left = self.judge.tokenizer, iter(placeholders(self.judge.processor, shown))
        ids: list[int] = []
        for token in tokens:
            if token == tokenizer.context_image_token_id:
                ids += tokenizer(next(left), add_special_tokens=False)["input_ids"]
            else:
                ids.append(token)
        return torch.tensor([ids]), tokens.count(tokenizer.context_image_token_id)


def likeliest(logits_V: Tensor, count: int) -> dict[int, Logprob]:
    values, tokens = logits_V.float().log_softmax(-1).topk(count)
    return {token: Logprob(value) for token, value in zip(tokens.tolist(), values.tolist(), strict=True)}


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("vllm")
    module.__dict__.update(LLM=LLM, SamplingParams=SamplingParams)
    monkeypatch.setitem(sys.modules, "vllm", module)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a model that distinguishes white from dark."""
    torch.set_num_threads(1)
    judge = InternvlJudge.load(make_internvl(tmp_path_factory.mktemp("random")), SHORT, OPTIONS)
    replies = {True: format_reply((10, 9, 8), "White."), False: format_reply((1, 10, 7), "Dark.")}
    lessons = [(example(good, width), replies[good]) for good in (True, False) for width in (32, 64)]
    teach(judge, lessons, steps=100)
    trained = tmp_path_factory.mktemp("trained")
    for part in (judge.model, judge.tokenizer, judge.processor.image_processor):
        part.save_pretrained(trained)
    return trained


@pytest.mark.parametrize("readout", ["tokens", "reply"])
def test_scores_match_transformers(folder: Path, vllm: None, readout: str) -> None:
    sent = [example(True), example(False, 64), example(True, 33), example(False)]
    by_vllm = VllmJudge.load(folder, SHORT, OPTIONS.to_vlm_config, readout, "v1")
    judges = by_vllm, InternvlJudge.load(folder, SHORT, OPTIONS, readout)
    for one, other in zip(*(judge.mark(sent) for judge in judges), strict=True):
        assert isinstance(one, RubricScores) and isinstance(other, RubricScores)
        assert one.scores == pytest.approx(dict(other.scores), abs=0.01)
        assert one.reasoning == other.reasoning
        assert one.judge_version == "v1" and one.o_score == pytest.approx(other.o_score, abs=0.01)


def test_a_score_costs_one_prompt_or_two_if_ten_has_two_tokens(folder: Path, vllm: None) -> None:
    judge = VllmJudge.load(folder, SHORT, OPTIONS.to_vlm_config)
    judge.mark([example(True), example(False, instruction="Add an <IMG_CONTEXT> sign.")])
    assert judge.engine.sent == 2 * 2 * len(QUESTION.scores)
    assert LOGPROBS <= 20  # vLLM's default limit


def test_a_model_that_writes_no_number_is_unscorable(vllm: None, tmp_path: Path) -> None:
    judge = VllmJudge.load(make_internvl(tmp_path), edit_rubric(), OPTIONS.to_vlm_config)
    assert isinstance(judge.mark([example(True)])[0], Unscorable)


def test_the_config_selects_the_engine(folder: Path, vllm: None) -> None:
    scoring = ScoringConfig(internvl=InternvlConfig(engine="vllm", max_tiles=2))
    judge = load_judge("internvl", folder, scoring)
    assert isinstance(judge, VllmJudge) and judge.prompt_hash == edit_rubric().digest
    assert isinstance(load_judge("internvl", folder), InternvlJudge)


def test_a_missing_vllm_raises_an_error_with_the_remedy(
    folder: Path, tmp_path: Path, vllm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="no tokenizer"):
        VllmJudge.load(tmp_path, SHORT, OPTIONS.to_vlm_config)
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(UserError, match=r"scoring\.internvl\.engine: vllm cannot be imported .* engine: transformers"):
        VllmJudge.load(folder, SHORT, OPTIONS.to_vlm_config)


def test_other_models_and_adapters_are_passed_to_the_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Check a Qwen2.5-VL with an adapter: options of the engine, the request of the adapter, sizes of images."""
    received: dict[str, Any] = {}

    class Recorder:
        def __init__(self, **options: Any) -> None:
            received["options"] = options

        def generate(self, prompts: list[dict[str, Any]], sampling: SamplingParams, **options: Any) -> list[Request]:
            received["prompts"], received["request"] = prompts, options["lora_request"]
            return [Request([Completion(format_reply((9, 8, 7), "Fine."), None)]) for _ in prompts]

    package, lora, request = (ModuleType(name) for name in ("vllm", "vllm.lora", "vllm.lora.request"))
    package.__dict__.update(LLM=Recorder, SamplingParams=SamplingParams)
    request.__dict__.update(LoRARequest=lambda *parts: parts)
    for module in (package, lora, request):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/adapter_config.json").write_text('{"peft_type": "LORA", "r": 64}')
    (tmp_path / "adapter/adapter_model.safetensors").write_bytes(b"")
    options = VlmConfig(engine="vllm", adapter=str(tmp_path / "adapter"), max_side=64, pixels=4096)
    judge = VllmJudge.load(make_qwen25(tmp_path / "model"), SHORT, options, "reply")
    (mark,) = judge.mark([example(True, 128)])
    assert isinstance(mark, RubricScores) and tuple(mark.scores.values()) == (9, 8, 7)
    assert (received["options"]["enable_lora"], received["options"]["max_lora_rank"]) == (True, 64)
    assert received["options"]["mm_processor_kwargs"] == {"size": {"shortest_edge": 4096, "longest_edge": 4096}}
    assert received["request"] == ("adapter", 1, str(tmp_path / "adapter"))
    (prompt,) = received["prompts"]
    assert [image.size for image in prompt["multi_modal_data"]["image"]] == [(64, 16)] * 2
    assert prompt["prompt_token_ids"].count(judge.processor.image_token_id) == 2
