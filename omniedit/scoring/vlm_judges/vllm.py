"""Judges `vlm` and `internvl` on vLLM's offline engine (Kwon et al. 2023), if vLLM is installed.

Folder, prompts and readings are those of transformers, but the engine forms the batches. vLLM prepares images
with the checkpoint's own processor and caches the common beginning of prompts. The later scores of a reply are read by
sending the prompt again with the earlier scores appended, which costs a pass over a few tokens.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import torch
from PIL import Image as PillowImage
from torch import Tensor

from omniedit.config.schema import VlmConfig
from omniedit.errors import UserError
from omniedit.imaging.images import Image, resize_to_fit
from omniedit.models.processors import load_processor
from omniedit.scoring.examples import Example, RubricScores
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Question, Rubric
from omniedit.scoring.vlm_judges.adapter import check_adapter, part_folder
from omniedit.scoring.vlm_judges.chat import ChatJudge
from omniedit.scoring.vlm_judges.images import processor_options
from omniedit.scoring.vlm_judges.readout import READOUTS, ScoreTokens, split_ten, to_scores, to_tokens
from omniedit.scoring.vlm_judges.rubric_judge import ParsedScores, parse_reading
from omniedit.vlm.messages import LENGTH

LOGPROBS = 20
"""Number of likeliest next tokens that the engine returns: vLLM's own limit. All other tokens count as having
probability 0."""


class VllmJudge(ChatJudge):
    """Judge that asks a model on vLLM each question of a rubric about a batch of examples.

    Args:
        vllm: the package.
        engine: a `vllm.LLM`.
        processor: processor of the same folder, as in `omniedit.models.processors`.
        settings: readout, version and name, as in `ChatJudge`.
    """

    def __init__(
        self, vllm: ModuleType, engine: Any, processor: Any, rubric: Rubric, options: VlmConfig, *settings: str
    ) -> None:
        super().__init__(processor, rubric, options, *settings)
        self.vllm, self.engine = vllm, engine
        self._adapter = _adapter_request(options)
        self._spellings = {
            task: [self._spelling(question) for question in self.variant(task).questions]
            for task in ("", *rubric.tasks)
        }
        self._sampling: dict[str, Any] = {"temperature": 0.0}

    def _spelling(self, question: Question) -> ScoreTokens | None:
        return None if self.readout == "reply" else ScoreTokens.of(self.tokenizer, len(question.scores))

    @classmethod
    def load(cls, folder: Path, rubric: Rubric, options: VlmConfig, *settings: str) -> Self:
        """Load a judge from a model's folder.

        Raises:
            UserError: vLLM is not installed, the folder has no tokenizer or image processor, or a head is named.
        """
        if options.head:
            raise UserError("scoring.vlm.head: vLLM's engine has no reward heads; set engine: transformers")
        try:
            import vllm
        except ImportError as error:
            keys = "scoring.vlm.engine, scoring.internvl.engine"
            raise UserError(
                f"{keys}: vllm cannot be imported here ({error}); install it in the environment of the jobs that "
                "score, or set engine: transformers"
            ) from None
        processor = load_processor(folder)
        engine = vllm.LLM(
            model=str(folder),
            load_format="safetensors",
            seed=0,
            enable_prefix_caching=True,
            limit_mm_per_prompt={"image": _most_images(rubric)},
            mm_processor_kwargs=processor_options(processor.image_processor, options),
            **_adapter_options(options),
        )
        return cls(vllm, engine, processor, rubric, options, *settings)

    def mark_task(self, task: str, examples: Sequence[Example], seed: int) -> list[RubricScores | Unscorable]:
        sampled = self.rubric.temperature > 0
        self._sampling = {"temperature": self.rubric.temperature} | ({"seed": seed} if sampled else {})
        answers = [
            self._write_replies(question, examples) if spelling is None else self._read(question, spelling, examples)
            for question, spelling in zip(self.variant(task).questions, self._spellings[task], strict=True)
        ]
        return self.combine_answers(task, answers)

    def _write_replies(self, question: Question, examples: Sequence[Example]) -> list[ParsedScores | Unscorable]:
        prompts = self._prompts(question, examples)
        replies = self._generate(prompts, [[] for _ in prompts], max_tokens=question.max_tokens)
        return [parse_reading(reply.text, question.reply_form, reply.finish_reason == LENGTH) for reply in replies]

    def _read(
        self, question: Question, spelling: ScoreTokens, examples: Sequence[Example]
    ) -> list[ParsedScores | Unscorable]:
        prompts = self._prompts(question, examples)
        written: list[list[int]] = [[] for _ in prompts]
        read: list[Tensor] = []
        for frame in spelling.frame:
            written = [[*tokens, *frame] for tokens in written]
            read.append(self._of_scores(spelling, prompts, written))
            best = read[-1].argmax(-1).tolist()
            written = [[*tokens, *spelling.to_tokens(score)] for tokens, score in zip(written, best, strict=True)]
        return [to_scores(share_KS, READOUTS[self.readout]) for share_KS in torch.stack(read, dim=1)]

    def _of_scores(
        self, spelling: ScoreTokens, prompts: Sequence[dict[str, Any]], written: Sequence[list[int]]
    ) -> Tensor:
        """Return (B, S) probabilities; where 10 is the tokens 1 and 0, another request splits the probability of 1."""
        ten = spelling.ten
        likely = self._next(prompts, written)
        share_BS = torch.tensor([[one.get(token, 0.0) for token in (*spelling.digits, ten[0])] for one in likely])
        if len(ten) == 1:
            return share_BS
        after_one = self._next(prompts, [[*tokens, ten[0]] for tokens in written])
        return split_ten(share_BS, torch.tensor([one.get(ten[1], 0.0) for one in after_one]))

    def _next(self, prompts: Sequence[dict[str, Any]], written: Sequence[list[int]]) -> list[Mapping[int, float]]:
        """Return the probabilities of the likeliest tokens after the prompts and the tokens written so far."""
        replies = self._generate(prompts, written, max_tokens=1, logprobs=LOGPROBS)
        return [{token: math.exp(likely.logprob) for token, likely in reply.logprobs[0].items()} for reply in replies]

    def _generate(self, prompts: Sequence[dict[str, Any]], written: Sequence[list[int]], **options: int) -> list[Any]:
        """Generate greedily after the prompts and the tokens written so far."""
        longer = [
            {**prompt, "prompt_token_ids": [*prompt["prompt_token_ids"], *tokens]}
            for prompt, tokens in zip(prompts, written, strict=True)
        ]
        sampling = self.vllm.SamplingParams(**self._sampling, **options)
        requests = self.engine.generate(longer, sampling, use_tqdm=False, **self._adapter)
        return [request.outputs[0] for request in requests]

    def _prompts(self, question: Question, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Return prompts in the engine's format: tokens, one for each image, and the images."""
        laid_out = [self.parts(question, example) for example in examples]
        return [
            {
                "prompt_token_ids": to_tokens(self.tokenizer, self.turn(parts)),
                "multi_modal_data": {"image": [self._image(part) for part in parts if not isinstance(part, str)]},
            }
            for parts in laid_out
        ]

    def _image(self, image: Image) -> PillowImage.Image:
        max_side = self.options.max_side
        return PillowImage.fromarray(image if max_side is None else resize_to_fit(image, max_side))


def _adapter_options(options: VlmConfig) -> dict[str, Any]:
    """Return the engine's options for an adapter, which vLLM applies during inference without merging it."""
    if options.adapter is None:
        return {}
    return {"enable_lora": True, "max_lora_rank": check_adapter(part_folder(options.adapter))}


def _adapter_request(options: VlmConfig) -> dict[str, Any]:
    """Return the argument of `generate` that names the adapter."""
    if options.adapter is None:
        return {}
    from vllm.lora.request import LoRARequest

    return {"lora_request": LoRARequest("adapter", 1, str(part_folder(options.adapter)))}


def _most_images(rubric: Rubric) -> int:
    """Return the maximum number of images of a question, including those of its shots."""
    questions = [question for variant in rubric.variants for question in variant.questions]
    return max(len(each.images) + sum(len(shot.images) for shot in each.shots) for each in questions)
