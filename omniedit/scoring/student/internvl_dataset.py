"""Dataset of pairs that the teacher has scored, by ratio; a photo's pairs are all trained on or all held out."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniedit.aspect import RATIOS
from omniedit.buckets.store_layout import HELD_OUT, TRAIN
from omniedit.pairs import EditPair
from omniedit.scoring.student.examples import TeacherExample, split_by_photo


@dataclass(frozen=True)
class TeacherBatch:
    """Pairs of one ratio, each with its defect and the reply to learn."""

    edits: tuple[EditPair, ...]
    answers: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.edits)

    def __getitem__(self, some: slice) -> "TeacherBatch":
        return TeacherBatch(self.edits[some], self.answers[some])

    @property
    def pairs(self) -> tuple[dict[str, Any], ...]:
        """Id of each pair, for the training's log."""
        return tuple({"pair_id": edit.pair_id} for edit in self.edits)


def to_batch(chosen: Sequence[TeacherExample]) -> TeacherBatch:
    return TeacherBatch(tuple(one.pair() for one in chosen), tuple(one.answer for one in chosen))


class TeacherDataset:
    """Pairs that the teacher has scored, split by photo for training and evaluation.

    Args:
        held_out: share of the photos whose pairs are not trained on.
    """

    def __init__(self, examples: Sequence[TeacherExample], held_out: float, seed: int) -> None:
        trained, held_out_examples, self.held_out_photos = split_by_photo(examples, held_out, seed)
        self.judge = examples[0].judge
        self._by_ratio = {
            ratio: [one for one in (*trained, *held_out_examples) if one.ratio == ratio] for ratio in RATIOS
        }

    def sizes(self) -> dict[str, int]:
        """Return the number of pairs to train on, by ratio; their rows come before those held out."""
        return {ratio: len(self.rows(ratio, TRAIN)) for ratio in RATIOS}

    def rows(self, ratio: str, split: str) -> np.ndarray:
        is_held_out = [one.source_id in self.held_out_photos for one in self._by_ratio[ratio]]
        return np.flatnonzero(np.array(is_held_out, bool) == (split == HELD_OUT))

    def read(self, ratio: str, rows: Any) -> TeacherBatch:
        """Return the pairs at `rows` of a ratio, in that order."""
        return to_batch([self._by_ratio[ratio][row] for row in np.asarray(rows).tolist()])

    def held_out(self) -> list[TeacherExample]:
        return [self._by_ratio[ratio][row] for ratio in RATIOS for row in self.rows(ratio, HELD_OUT)]

    def digest(self) -> str:
        """Return a digest of all examples, their order and the held-out photos."""
        digests = [one.digest() for of_ratio in self._by_ratio.values() for one in of_ratio]
        return hashlib.sha256("\n".join([*sorted(self.held_out_photos), *digests]).encode()).hexdigest()
