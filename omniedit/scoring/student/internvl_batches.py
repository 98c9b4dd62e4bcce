"""Batches for fine-tuning an InternVL, from pairs that the teacher has scored; only answers count in the loss.

Every random choice about a sample depends only on (seed, step, its position in the whole batch), as in the training of
editors.

    B  pairs of a batch     T  tokens     A  tokens of the longest answer
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from omniedit.instructions.left_right import mirrors_randomly
from omniedit.pairs import EditPair
from omniedit.scoring.examples import Example, to_example
from omniedit.scoring.student.internvl_dataset import TeacherBatch
from omniedit.scoring.vlm_judges.internvl import InternvlJudge
from omniedit.scoring.vlm_judges.passes import TokenPrompt
from omniedit.training.flow_batches import group_by_task

NO_ANSWER = -100
"""Filler of `answers` after the end of an answer."""


@dataclass(frozen=True)
class AnswerBatch:
    """Model inputs (prompts with the teacher's answers) and the tokens to predict.

    Args:
        inputs: arguments of the model's `forward`.
        answers: (B, A) tokens. All answers begin at the same position, A tokens before the end; NO_ANSWER follows the
            last token.
        weight: importance of each sample, (B,).
    """

    tasks: tuple[str, ...]
    inputs: dict[str, Tensor]
    answers: Tensor
    weight: Tensor

    def groups(self) -> dict[str, Tensor]:
        return group_by_task(self.tasks, self.weight.device)


@dataclass(frozen=True)
class AnswerBatches:
    """Training and held-out batches of scored pairs, with the prompts of `judge`, whose rubric has one question."""

    judge: InternvlJudge
    seed: int
    weighting = "equal weights"

    def weights(self, pairs: TeacherBatch) -> Tensor:
        """Return the weight of each pair, (B,), all equal."""
        return torch.ones(len(pairs))

    def build(self, pairs: TeacherBatch, step: int, first: int) -> AnswerBatch:
        """Return one rank's batch of a step; its first sample is at position `first` of the whole batch."""
        rngs = [np.random.default_rng([self.seed, step, first + place]) for place in range(len(pairs))]
        return self._batch(pairs, [_draw_example(edit, rng) for edit, rng in zip(pairs.edits, rngs, strict=True)])

    def held_out(self, pairs: TeacherBatch) -> Iterator[AnswerBatch]:
        """Yield a batch of the pairs, not mirrored, with their first instruction."""
        yield self._batch(pairs, [to_example(edit) for edit in pairs.edits])

    def losses(self, network: nn.Module, batch: AnswerBatch) -> Tensor:
        """Return each sample's mean cross entropy of its answer's tokens, (B,)."""
        length = batch.answers.shape[1]
        output = network(**batch.inputs, logits_to_keep=length + 1, use_cache=False)
        logits_BVA = output.logits[:, :-1].float().transpose(1, 2)
        token_loss_BA = cross_entropy(logits_BVA, batch.answers, ignore_index=NO_ANSWER, reduction="none")
        return token_loss_BA.sum(1) / (batch.answers != NO_ANSWER).sum(1)

    def _batch(self, pairs: TeacherBatch, examples: Sequence[Example]) -> AnswerBatch:
        judge, (question,) = self.judge, self.judge.rubric.questions
        prepared = judge.prepare_images(examples)
        prompts = [judge.prompt(question, *each) for each in zip(examples, prepared, strict=True)]
        answers = [self._tokens(answer) for answer in pairs.answers]
        inputs, answer_BA = _pad_and_join(prompts, answers)
        pixels = torch.cat([each[name]["pixel_values"] for each in prepared for name in question.images])
        device = judge.model.device
        inputs = {name: value.to(device) for name, value in inputs.items()}
        inputs["pixel_values"] = pixels.to(device, judge.model.dtype)
        tasks = tuple(str(edit.task) for edit in pairs.edits)
        return AnswerBatch(tasks, inputs, answer_BA.to(device), self.weights(pairs).to(device))

    def _tokens(self, answer: str) -> list[int]:
        """Return the tokens of an answer and of the end of the turn."""
        tokenizer: Any = self.judge.tokenizer
        return tokenizer(answer + tokenizer.eos_token, add_special_tokens=False)["input_ids"]


def _draw_example(edit: EditPair, rng: np.random.Generator) -> Example:
    """Draw one of the pair's instructions; mirror the images half of the time unless an instruction names a side."""
    instruction = edit.instructions[rng.integers(len(edit.instructions))]
    images = {"source": edit.source, "edited": edit.edited}
    if mirrors_randomly(edit.instructions, rng):
        images = {name: np.ascontiguousarray(image[:, ::-1]) for name, image in images.items()}
    return Example(images, {"instruction": instruction})


def _pad_and_join(prompts: Sequence[TokenPrompt], answers: Sequence[TokenPrompt]) -> tuple[dict[str, Tensor], Tensor]:
    """Return (B, T) tokens with mask and positions, and the (B, A) answers. Prompts are padded on the left, answers on
    the right.
    """
    before, after = max(map(len, prompts)), max(map(len, answers))
    both = list(zip(prompts, answers, strict=True))
    ids = [[0] * (before - len(p)) + [*p, *a] + [0] * (after - len(a)) for p, a in both]
    mask = [[0] * (before - len(p)) + [1] * len([*p, *a]) + [0] * (after - len(a)) for p, a in both]
    mask_BT = torch.tensor(mask)
    inputs = {
        "input_ids": torch.tensor(ids),
        "attention_mask": mask_BT,
        "position_ids": (mask_BT.cumsum(1) - 1).clamp(min=0),
    }
    return inputs, torch.tensor([[*a] + [NO_ANSWER] * (after - len(a)) for a in answers])
