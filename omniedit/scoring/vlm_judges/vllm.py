"""Judge `internvl` on vLLM's offline engine (Kwon et al. 2023), if vLLM is installed.

Folder, prompts and readings are those of transformers, but the engine forms the batches. vLLM cuts images into tiles
with the checkpoint's own processor and caches the common beginning of prompts. The later scores of a reply are read by
sending the prompt again with the earlier scores appended, which costs a pass over a few tokens.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from PIL import Image as PillowImage
from torch import Tensor

from omniedit.config.schema import InternvlConfig
from omniedit.errors import UserError
from omniedit.pairs import EditPair
from omniedit.scoring.examples import Example, RubricScores, to_example, to_score
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Question, Rubric
from omniedit.scoring.verdict import Score
from omniedit.scoring.vlm_judges.chat import ChatPromptBuilder, load_tokenizer
from omniedit.scoring.vlm_judges.readout import MAX_REPLY_TOKENS, READ, Reading, Spelling, parse_reading, reading

LOGPROBS = 20
"""Number of likeliest next tokens that the engine returns, vLLM's own limit; all others count as probability 0."""


class VllmJudge:
    """Judge that asks an InternVL on vLLM each question of a rubric about a batch of examples.

    Args:
        vllm: the package.
        engine: a `vllm.LLM`.
        tokenizer: transformers tokenizer of the same folder.
        readout, version, name: as in `InternvlJudge`.
    """

    def __init__(
        self,
        vllm: ModuleType,
        engine: Any,
        tokenizer: Any,
        rubric: Rubric,
        options: InternvlConfig,
        readout: str = "tokens",
        version: str = "",
        name: str = "internvl",
    ) -> None:
        self.name, self.rubric, self.version = name, rubric, version
        self.prompt_hash, self.batch_size = rubric.digest, options.batch_size
        self.vllm, self.engine, self.tokenizer = vllm, engine, tokenizer
        self._turns = ChatPromptBuilder(tokenizer, rubric, version)
        self._readout = readout
        self._spellings = [
            None if readout == "reply" else Spelling.of(tokenizer, len(question.scores))
            for question in rubric.questions
        ]

    @classmethod
    def load(
        cls,
        folder: Path,
        rubric: Rubric,
        options: InternvlConfig,
        readout: str = "tokens",
        version: str = "",
        name: str = "internvl",
    ) -> "VllmJudge":
        """Load a judge from a model's folder.

        Raises:
            UserError: vLLM is not installed, or the folder has no tokenizer of an InternVL.
        """
        try:
            import vllm
        except ImportError as error:
            raise UserError(
                f"scoring.internvl.engine: vllm cannot be imported here ({error}); install it in the environment of "
                "the jobs that score, or set engine: transformers"
            ) from None
        tokenizer = load_tokenizer(folder)
        engine = vllm.LLM(
            model=str(folder),
            load_format="safetensors",
            seed=0,
            enable_prefix_caching=True,
            limit_mm_per_prompt={"image": max(len(question.images) for question in rubric.questions)},
            mm_processor_kwargs={"crop_to_patches": options.max_tiles > 1, "max_patches": options.max_tiles},
        )
        return cls(vllm, engine, tokenizer, rubric, options, readout, version, name)

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        verdicts = self.mark([to_example(pair) for pair in pairs])
        return [v if isinstance(v, Unscorable) else to_score(self.rubric, v) for v in verdicts]

    def mark(self, examples: Sequence[Example]) -> list[RubricScores | Unscorable]:
        """Return one verdict per example; `Unscorable` if one of its questions has no score."""
        answers = [
            self._write_replies(question, examples) if spelling is None else self._read(question, spelling, examples)
            for question, spelling in zip(self.rubric.questions, self._spellings, strict=True)
        ]
        return [self._turns.marks(of_example) for of_example in zip(*answers, strict=True)]

    def _write_replies(self, question: Question, examples: Sequence[Example]) -> list[Reading | Unscorable]:
        asked = self._prompts(question, examples)
        replies = self._generate(asked, [[] for _ in asked], max_tokens=MAX_REPLY_TOKENS)
        return [parse_reading(reply.text, len(question.scores)) for reply in replies]

    def _read(self, question: Question, spelling: Spelling, examples: Sequence[Example]) -> list[Reading | Unscorable]:
        asked = self._prompts(question, examples)
        written: list[list[int]] = [[] for _ in asked]
        read: list[Tensor] = []
        for frame in spelling.frame:
            written = [[*tokens, *frame] for tokens in written]
            read.append(self._of_scores(spelling, asked, written))
            best = read[-1].argmax(-1).tolist()
            written = [[*tokens, *spelling.to_tokens(score)] for tokens, score in zip(written, best, strict=True)]
        return [reading(told_KS, READ[self._readout]) for told_KS in torch.stack(read, dim=1)]

    def _of_scores(self, spelling: Spelling, asked: Sequence[dict[str, Any]], written: Sequence[list[int]]) -> Tensor:
        """Return (B, S) probabilities; where 10 is 1 and then 0, another request splits the probability of 1."""
        ten = spelling.ten
        told = self._next(asked, written)
        told_BS = torch.tensor([[one.get(token, 0.0) for token in (*spelling.ones, ten[0])] for one in told])
        if len(ten) == 2:
            after_one = self._next(asked, [[*tokens, ten[0]] for tokens in written])
            told_BS[:, 10] *= torch.tensor([one.get(ten[1], 0.0) for one in after_one])
            told_BS[:, 1] -= told_BS[:, 10]
        return told_BS

    def _next(self, asked: Sequence[dict[str, Any]], written: Sequence[list[int]]) -> list[Mapping[int, float]]:
        """Return the probabilities of the likeliest tokens after the prompts and the tokens written so far."""
        replies = self._generate(asked, written, max_tokens=1, logprobs=LOGPROBS)
        return [{token: math.exp(told.logprob) for token, told in reply.logprobs[0].items()} for reply in replies]

    def _generate(self, asked: Sequence[dict[str, Any]], written: Sequence[list[int]], **options: int) -> list[Any]:
        """Generate greedily after the prompts and the tokens written so far."""
        prompts = [
            {**one, "prompt_token_ids": [*one["prompt_token_ids"], *tokens]}
            for one, tokens in zip(asked, written, strict=True)
        ]
        sampling = self.vllm.SamplingParams(temperature=0.0, **options)
        return [request.outputs[0] for request in self.engine.generate(prompts, sampling, use_tqdm=False)]

    def _prompts(self, question: Question, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Return prompts in the engine's format: tokens, one for each image, and the images."""
        return [
            {
                "prompt_token_ids": self.tokenizer(self._turns.asked(question, each), add_special_tokens=False)[
                    "input_ids"
                ],
                "multi_modal_data": {"image": [PillowImage.fromarray(each.images[name]) for name in question.images]},
            }
            for each in examples
        ]
