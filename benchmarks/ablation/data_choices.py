"""Choices of training data that the experiment compares.

The Snakefile imports this module, so it imports nothing that takes long to load.
"""

from dataclasses import dataclass

from omniedit.tasks import ANYEDIT_TASKS


@dataclass(frozen=True)
class Data:
    """Choice of a unit's training pairs from candidates (see candidates.py).

    Args:
        label: name in tables and plots.
        wrong_share: share of candidates whose edit is not what the instruction asks for.
        min_score: score below which a candidate is left out.
        candidates: number of candidates as a share of the setting's number of pairs; 0 for as many candidates as that
            number of pairs needs.
        weighted: whether a pair's loss has the weight score / 10. Otherwise all weights are equal.
        tasks: tasks whose specialists make candidates; empty for those of the setting.
    """

    label: str
    wrong_share: float = 0.0
    min_score: float = 0.0
    candidates: float = 0
    weighted: bool = False
    tasks: tuple[str, ...] = ()


WRONG = 0.4
"""Share of wrong candidates in all experiments on the filter."""

THRESHOLDS = (0, 5, 7, 9)

SEVEN = (
    "object_swap",
    "object_removal",
    "object_addition",
    "attribute_modification",
    "background_swap",
    "environment_change",
    "style_transfer",
)

ELEVEN = (*SEVEN, "movement", "resize", "tone_transfer", "rotation_change")

TWENTY_FIVE = tuple(task.name for task in ANYEDIT_TASKS)

DATA = {
    "filtered": Data("filtered data"),
    "unfiltered": Data("unfiltered data", wrong_share=WRONG),
    "keep9": Data("filtered at 9", wrong_share=WRONG, min_score=9),
    "soft": Data("weighted by score", wrong_share=WRONG, weighted=True),
    **{
        f"{name}{threshold}": Data(f"{name} candidates, >= {threshold}", WRONG, threshold, share)
        for name, share in (("many", 1), ("few", 1 / 16))
        for threshold in THRESHOLDS
    },
    "one_task": Data("1 task", tasks=("attribute_modification",)),
    "three_tasks": Data("3 tasks", tasks=("attribute_modification", "object_removal", "environment_change")),
    "seven_tasks": Data("7 tasks", tasks=SEVEN),
    "eleven_tasks": Data("11 tasks", tasks=ELEVEN),
    "twenty_five_types": Data("25 types", tasks=TWENTY_FIVE),
}
"""Kinds of training data, by the name that a unit's folder has."""
