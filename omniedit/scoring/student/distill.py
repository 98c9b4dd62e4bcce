"""Distillation of the teacher into the student (OmniEdit, section 3.3): answers as text, loss on their tokens only.

B  pairs of a batch     T  tokens     A  tokens of the answer
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import InternVLForConditionalGeneration, PreTrainedTokenizerFast

from omniedit.config.schema import StudentConfig
from omniedit.instructions.left_right import mirrors_randomly
from omniedit.pairs import Shard
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.scoring.student.agreement import agreement_row
from omniedit.scoring.student.examples import TeacherExample, choose_rows, format_answer, read_teacher_examples
from omniedit.scoring.student.features import FrozenVision
from omniedit.scoring.student.inputs import StudentInputs
from omniedit.scoring.student.judge import (
    SCORES,
    StudentJudge,
    build_model,
    build_tokenizer,
    load_student,
    pixel_values,
    prompt,
    read_view_side,
)
from omniedit.scoring.verdict import Score
from omniedit.storage.progress import Progress

SCORE_WEIGHT = 20.0
"""Weight in the loss of a score token, relative to a token of the rationale."""


@dataclass(frozen=True)
class StudentExample:
    """Pair as the student sees it, with the teacher's scores and rationale."""

    pair_id: str
    task: str
    defect: str
    source_id: str
    instructions: tuple[str, ...]
    views: NDArray[np.uint8]
    teacher: Score
    ratio: str = ""
    judge: str = "reference"
    borrowed: frozenset[str] = frozenset()


def read_examples(
    candidates: Sequence[Path], teachers: Sequence[Path], limit: int, image_size: int
) -> Iterator[StudentExample]:
    """Yield the pairs that the teacher has scored, at most `limit` of them; the same files give the same pairs.

    Only the small views of a pair stay in memory, so `limit` bounds the memory.

    Raises:
        UserError: a teacher file has no candidates file.
    """
    to_views = StudentInputs(image_size)
    for candidate_file, teacher_file, rows in choose_rows(candidates, teachers, limit):
        with Shard(candidate_file) as shard:
            for example in read_teacher_examples(shard, teacher_file, rows):
                yield _to_student_example(example, to_views)


def _to_student_example(example: TeacherExample, to_views: StudentInputs) -> StudentExample:
    pair = example.pair()
    return StudentExample(
        pair_id=pair.pair_id,
        task=str(pair.task),
        defect=example.defect,
        source_id=example.source_id,
        instructions=pair.instructions,
        views=to_views(pair.source, pair.edited),
        teacher=example.teacher,
        ratio=example.ratio,
        judge=example.judge,
        borrowed=example.borrowed,
    )


def initial_view_side(options: StudentConfig) -> int:
    """Return the side of a view, in pixels, for a student that starts as `options` say."""
    return options.image_size if options.start is None else read_view_side(options.start)


def compare_to_teacher(judge: StudentJudge, examples: Sequence[StudentExample]) -> list[dict[str, Any]]:
    """Return rows of `AGREEMENT_SCHEMA`; the student judges each example with its first instruction."""
    rows = []
    with Progress("held-out pairs", total=len(examples)) as progress:
        for first in range(0, len(examples), judge.batch_size):
            batch = examples[first : first + judge.batch_size]
            views = np.stack([example.views for example in batch])
            verdicts = judge.judge_views(views, [example.instructions[0] for example in batch])
            rows += [
                agreement_row(example.pair_id, example.task, example.ratio, example.defect, example.teacher, verdict)
                for example, verdict in zip(batch, verdicts, strict=True)
            ]
            progress.advance(len(batch))
    return rows


class Distillation:
    """Trainer of a student; the same examples, options, seed and number of threads give the same weights."""

    def __init__(self, examples: Sequence[StudentExample], options: StudentConfig, seed: int) -> None:
        self.examples, self.options, self.seed = examples, options, seed
        self.rubric = edit_rubric()
        self._orders: dict[int, NDArray[np.int64]] = {}
        torch.manual_seed(seed)
        self.model: InternVLForConditionalGeneration
        self.tokenizer: PreTrainedTokenizerFast
        if options.start is None:
            self.tokenizer = build_tokenizer(self._texts(), self.rubric)
            self.model = build_model(self.tokenizer, options.image_size)
        else:
            self.model, self.tokenizer = load_student(options.start)
        self._frozen = None if options.start is None or options.vision else FrozenVision(self.model)
        self.score_ids = torch.tensor(self.tokenizer.convert_tokens_to_ids(list(SCORES)))

    def train(self) -> list[float]:
        """Run all steps and return the loss of each."""
        steps, peak = self.options.steps, self.options.learning_rate
        weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(weights, lr=peak, betas=(0.9, 0.98), weight_decay=0.05, fused=True)
        warmup = max(1, steps // 20)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warm_cosine(step, warmup, steps))
        self.model.train()
        losses = []
        with Progress("steps", total=steps) as progress:
            for step in range(steps):
                loss = self.loss(step, self.batch(step))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(weights, 1.0)
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
                progress.advance()
        return losses

    def save(self, folder: Path) -> None:
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def _texts(self) -> Iterator[str]:
        for example in self.examples:
            yield from (*example.instructions, example.teacher.reasoning)

    def batch(self, step: int) -> list[StudentExample]:
        """Return the examples of a step; each pass over all examples has a different order."""
        first = step * self.options.batch_size
        positions = [divmod(count, len(self.examples)) for count in range(first, first + self.options.batch_size)]
        orders = {number: self._order(number) for number, _ in positions}
        return [self.examples[orders[number][index]] for number, index in positions]

    def _order(self, number: int) -> NDArray[np.int64]:
        """Return the order of the examples in the pass of this number."""
        if number not in self._orders:
            self._orders = {number: np.random.default_rng([self.seed, number]).permutation(len(self.examples))}
        return self._orders[number]

    def loss(self, step: int, batch: Sequence[StudentExample]) -> Tensor:
        """Return the cross entropy of the answers' tokens; a score token weighs `SCORE_WEIGHT`."""
        rng = np.random.default_rng([self.seed, step, 1])
        ids_BT, mask_BT, length_B = self._tokenize(batch, rng)
        longest = int(length_B.max())
        output = self.model(
            **self._inputs(batch, ids_BT, rng),
            attention_mask=mask_BT,
            position_ids=(mask_BT.cumsum(1) - 1).clamp(min=0),
            logits_to_keep=longest + 1,
        )
        target_BA = ids_BT[:, -longest:]
        token_loss_BA = cross_entropy(output.logits[:, :-1].transpose(1, 2), target_BA, reduction="none")
        answer_BA = torch.arange(longest, 0, -1) <= length_B[:, None]
        weight_BA = answer_BA * (1 + (SCORE_WEIGHT - 1) * self._is_score(target_BA, answer_BA))
        return (token_loss_BA * weight_BA).sum() / weight_BA.sum()

    def _inputs(self, batch: Sequence[StudentExample], ids_BT: Tensor, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return the model's inputs for texts and views, which are mirrored at random."""
        mirrors = [mirrors_randomly(example.instructions, rng) for example in batch]
        views = np.stack([e.views[:, :, ::-1] if mirror else e.views for e, mirror in zip(batch, mirrors, strict=True)])
        if self._frozen is None:
            return {"input_ids": ids_BT, "pixel_values": pixel_values(views)}
        keys = [(e.task, e.pair_id, e.defect, mirror) for e, mirror in zip(batch, mirrors, strict=True)]
        return {"inputs_embeds": self._frozen.embed(ids_BT, keys, views)}

    def _is_score(self, target_BA: Tensor, answer_BA: Tensor) -> Tensor:
        """Return a (B, A) mask that is True at the three scores of an answer, not at digits in its rationale."""
        is_digit = torch.isin(target_BA, self.score_ids) & answer_BA
        return is_digit & (is_digit.cumsum(1) <= self.rubric.num_scores)

    def _tokenize(self, batch: Sequence[StudentExample], rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return tokens and mask of prompts with their answers, padded on the left, and the lengths of the answers."""
        tokens_per_view = self.model.config.image_seq_length
        prompts = [
            prompt(self.rubric, example.instructions[rng.integers(len(example.instructions))], tokens_per_view)
            for example in batch
        ]
        answers = [format_answer(example.teacher, example.judge) + self.tokenizer.eos_token for example in batch]
        prompt_ids, answer_ids = (
            self.tokenizer(texts, return_token_type_ids=False)["input_ids"] for texts in (prompts, answers)
        )
        rows = [torch.tensor([*one, *other]) for one, other in zip(prompt_ids, answer_ids, strict=True)]
        ids_BT = pad_sequence(rows, True, float(self.tokenizer.pad_token_id), padding_side="left")
        mask_BT = pad_sequence([torch.ones_like(row) for row in rows], True, padding_side="left")
        return ids_BT, mask_BT, torch.tensor([len(tokens) for tokens in answer_ids])


def _warm_cosine(step: int, warmup: int, steps: int) -> float:
    """Return the factor of the learning rate: a linear rise, then a cosine decay to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + cos(pi * (step - warmup) / max(1, steps - warmup)))
