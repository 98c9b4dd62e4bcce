"""Items of a run's own benchmark for the page of editors side by side: bench/{model}/{task}.h5 and .parquet."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from omniedit.evaluation.own_benchmark_edits import MODELS
from omniedit.evaluation.table3 import LABELS
from omniedit.imaging.images import Image, decode_image
from omniedit.pairs import Shard
from omniedit.reporting.side_by_side import ComparedItem, Heading, JudgeScore, Output, alternate_tasks, render_embedded
from omniedit.tasks import Task, order_tasks

Row = Mapping[str, Any]
INTRODUCTION = (
    "Held-out photos with an instruction and the output of every editor, which saw only the photo, the instruction "
    "and the references shown."
    " The specialist also knew the object, its mask and the target. Scores are from 0 to 10; O is the root of SC times"
    " PQ."
)


def side_by_side_page(run: str, scores: Sequence[Row], edits: Mapping[str, Mapping[Task, Path]]) -> str:
    """Render the page of a run.

    Args:
        scores: rows of bench/{model}/{task}.parquet, as `read_scores` returns them.
        edits: paths of bench/{model}/{task}.h5, by model and task.
    """
    labels = LABELS | {str(task): task.label for task in edits["no_edit"]}
    with ExitStack() as stack:
        items = list(read_items(scores, edits, stack))
        return render_embedded(
            Heading("Editors side by side", f"run {run}", INTRODUCTION, labels), alternate_tasks(items), len(items)
        )


def read_items(
    scores: Sequence[Row], edits: Mapping[str, Mapping[Task, Path]], stack: ExitStack
) -> Iterator[ComparedItem]:
    """Yield all items, task by task. Their images are read on request, while the files on the stack are open."""
    rows = {(row["pair_id"], row["model"], row["task"]): row for row in scores}
    models = [model for model in MODELS if model in edits]
    for task in order_tasks(edits["no_edit"]):
        shards = {model: stack.enter_context(Shard(edits[model][task])) for model in models}
        photos = shards["no_edit"]
        named = zip(photos.pair_ids, photos.tasks, photos.read_instructions(), strict=True)
        for place, (pair_id, pair_task, instructions) in enumerate(named):
            outputs = [
                Output(model, _image(shard, place, "edited"), [_score(rows[pair_id, model, str(pair_task)])])
                for model, shard in shards.items()
            ]
            yield ComparedItem(
                pair_id,
                str(pair_task),
                instructions[0],
                _image(photos, place, "source"),
                outputs,
                references=[partial(decode_image, each.image, pair_id) for each in photos.references(place)],
            )


def group_edits(paths: Sequence[Path]) -> dict[str, dict[Task, Path]]:
    """Return the paths of bench/{model}/{task}.h5 by model and task, as the files name them."""
    edits: dict[str, dict[Task, Path]] = {}
    for path in paths:
        with Shard(path) as shard:
            edits.setdefault(shard.specialist, {})[shard.task] = path
    return edits


def _image(shard: Shard, place: int, side: str) -> Callable[[], Image]:
    return lambda: getattr(shard[place], side)


def _score(row: Row) -> JudgeScore:
    return JudgeScore(row["judge"], row["o_score"], row["sc_score"], row["pq_score"], row["reasoning"] or "")
