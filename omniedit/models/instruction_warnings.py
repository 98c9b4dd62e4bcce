"""Warnings that an editor may not have understood an instruction."""

import warnings
from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import cosine_similarity

from omniedit.plain_text import clean

MIN_SIMILARITY = 0.5
"""Cosine similarity of MiniLM embeddings below which an instruction counts as unlike those of training. docs/editing.md
gives the measured error rates."""
MIN_CHANGE = 0.01
"""Mean absolute change of values in [0, 1] below which a warning says that an edit hardly changes its image."""


class InstructionWarning(UserWarning):
    """Warning that an editor may not have understood an instruction."""


def is_empty(instruction: str) -> bool:
    """Return whether an instruction has no visible character, with a warning."""
    if clean(instruction).strip():
        return False
    warnings.warn("instruction: empty; the editor gets no instruction to follow", InstructionWarning, stacklevel=2)
    return True


def warn_if_unfamiliar(instruction: str, pooled_D: Tensor, known: Sequence[str], known_ND: Tensor) -> None:
    """Warn if the embedding of an instruction is far from those of all known instructions."""
    similarity_N = cosine_similarity(known_ND.to(pooled_D), pooled_D[None])
    nearest = int(similarity_N.argmax())
    if similarity_N[nearest] < MIN_SIMILARITY:
        message = (
            f"instruction: {instruction[:200]!r} is unlike the instructions of the editor's training (nearest: "
            f"{known[nearest]!r}); the edit may change little, or the wrong thing"
        )
        warnings.warn(message, InstructionWarning, stacklevel=2)


def warn_if_unchanged(instruction: str, source: Tensor, edited: Tensor) -> None:
    """Warn if an edited image, in [0, 1], is nearly equal to its source."""
    if (edited - source).abs().mean() < MIN_CHANGE:
        message = f"instruction: {instruction[:200]!r} hardly changes an image"
        warnings.warn(message, InstructionWarning, stacklevel=2)
