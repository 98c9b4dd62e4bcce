"""Random choice of templates for the instructions of one edit."""

from collections.abc import Sequence

import numpy as np

INSTRUCTIONS = 4
"""Number of paraphrases drawn for each edit; the first is the pair's `instruction`."""


def draw_templates(templates: Sequence[str], rng: np.random.Generator, **words: str) -> tuple[str, ...]:
    """Draw `INSTRUCTIONS` templates in random order, or all if there are fewer, and fill in the words."""
    chosen = rng.choice(len(templates), min(INSTRUCTIONS, len(templates)), replace=False)
    return tuple(templates[i].format(**words) for i in chosen)
