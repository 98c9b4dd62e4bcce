"""Model card of a trained editor: its data, training, scores and limits.

It has the form of the model hub's README.md, with sections after Mitchell et al. 2019.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from omniedit import __version__
from omniedit.aspect import RATIOS
from omniedit.config.schema import Config, TrainConfig
from omniedit.evaluation.table3 import LABELS, judge_note
from omniedit.plain_text import markdown_cell, markdown_table
from omniedit.reporting.page import number
from omniedit.reporting.training import Curve
from omniedit.tasks import ALL_TASKS, OMNIEDIT_TASKS, Task, order_tasks

HYPER_PARAMETERS = (
    *("resolution", "steps", "epochs", "batch_size", "learning_rate", "warmup_steps", "ema_decay"),
    *("sigma_mean", "sigma_std", "text_dropout", "image_dropout", "both_dropout"),
)
LICENCES_SHOWN = 30
LIMITS = """\
- It is trained only on the edits and instructions of its data: the tasks in the table above, in their language.
- It works at about {resolution} x {resolution} pixels; edits of larger images are no sharper than that.
- Its scores come from the judge named above on {photos} held-out photos; human ratings may differ.
- Faces, text, brands and content that the source photos do not show were not evaluated."""
SMALL_BASE = """
- Its base is small and pre-trained on few images: the editor shows that the recipe runs, not how well the method
  works."""
METADATA = {"library_name": "diffusers", "pipeline_tag": "image-to-image", "tags": ["image-editing", "omniedit"]}
"""Head of the card, which the model hub reads."""


def model_card(
    name: str,
    config: Config,
    plan: Path,
    indexes: Sequence[Path],
    scores: Sequence[Mapping[str, Any]],
    curve: Curve,
    base: str | None,
) -> str:
    """Return the model card as Markdown.

    Args:
        name: name of the editor, a key of `LABELS`.
        plan: Parquet file of the buckets' plan, a row for each pair.
        indexes: Parquet files of the source photos and of the sources of imported pairs.
        scores, curve: rows of the benchmark's table, and the editor's losses.
        base: description of a base that the run did not train; None if it trained its own.
    """
    own = [row for row in scores if row["model"] in (name, "no_edit")]
    photos = max((row["photos"] for row in own), default=0)
    parts = [
        f"---\n{yaml.safe_dump(METADATA, sort_keys=False)}---",
        f"# {LABELS[name]}, run `{config.run}`",
        f"Edits images from instructions. Trained by OmniEdit {__version__}, seed {config.seed}.",
        f'    omniedit edit photo.jpg "Make it night." --model results/{config.run}/train/{name}',
        "## Data",
        data_table(plan),
        _describe_filter(config),
        licence_table(*indexes),
        "## Training",
        f"Base: {markdown_cell(base or '') or 'a small SD3, pre-trained in the run on the source photos'}.",
        training_table(config.train),
        losses(curve),
        "## Scores",
        _describe_scores(own, config, photos),
        score_table(own),
        "## Limits",
        _describe_limits(config, photos),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _describe_filter(config: Config) -> str:
    threshold = f"The judge `{config.scoring.judge}` gave each pair at least {config.filter.lowest:g} of 10. "
    best = f"It is the best of up to {config.scoring.best_of} candidates. " if config.scoring.best_of else ""
    return f"{threshold}{best}Source photos:"


def _describe_scores(own: Sequence[Mapping[str, Any]], config: Config, photos: int) -> str:
    if not own:
        return ""
    return f"{photos} held-out photos; 95 % bootstrap intervals. {judge_note(own[0]['judge'], config.scoring.judge)}"


def _describe_limits(config: Config, photos: int) -> str:
    limits = LIMITS.format(resolution=config.train.resolution, photos=photos)
    return limits if config.train.fetched_base else limits + SMALL_BASE


def data_table(plan: Path) -> str:
    """Return a table of training pairs by task and ratio, and the number of held-out pairs."""
    pairs = pq.read_table(plan, columns=["task", "ratio", "split"])
    counts = pairs.group_by(["task", "ratio", "split"]).aggregate([([], "count_all")]).to_pylist()
    trained = {(row["task"], row["ratio"]): row["count_all"] for row in counts if row["split"] == "train"}
    held_out = sum(row["count_all"] for row in counts if row["split"] != "train")
    trained_tasks = {task for task, _ in trained}
    tasks = order_tasks(
        trained_tasks
        if trained_tasks and trained_tasks.isdisjoint(OMNIEDIT_TASKS)
        else trained_tasks.union(OMNIEDIT_TASKS)
    )
    rows = [[markdown_cell(task.label), *(trained.get((task, ratio), 0) for ratio in RATIOS)] for task in tasks]
    totals = [sum(count for (_, of), count in trained.items() if of == ratio) for ratio in RATIOS]
    ratios = [ratio.replace("x", ":") for ratio in RATIOS]
    table = markdown(["pairs", *ratios, "all"], [[*row, sum(row[1:])] for row in [*rows, ["all", *totals]]])
    return f"{table}\n\nHeld out: {held_out:,}."


def licence_table(*indexes: Path) -> str:
    """Return a table of photos by licence, the most frequent first."""
    photos = pa.concat_tables([pq.read_table(index, columns=["status", "licence"]) for index in indexes])
    accepted = photos.filter(pc.equal(photos["status"], "kept"))
    counts = accepted.group_by("licence").aggregate([([], "count_all")]).to_pylist()
    counts.sort(key=lambda row: (-row["count_all"], row["licence"]))
    rows = [[markdown_cell(row["licence"]) or "not stated", row["count_all"]] for row in counts[:LICENCES_SHOWN]]
    if others := counts[LICENCES_SHOWN:]:
        rows.append([f"{len(others):,} others", sum(row["count_all"] for row in others)])
    return markdown(["licence", "photos"], rows)


def training_table(options: TrainConfig) -> str:
    values = options.model_dump()
    return markdown(
        ["option", "value"], [[f"`{key}`", values[key]] for key in HYPER_PARAMETERS if values[key] is not None]
    )


def losses(curve: Curve) -> str:
    if not curve.held_out:
        return ""
    (_, first), (step, last) = curve.held_out[0], curve.held_out[-1]
    return f"Held-out loss: {number(first, 3)} before training, {number(last, 3)} after {step:,} steps."


def score_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of scores and preservation of the editor and of "no edit", all tasks first."""
    ordered = sorted(rows, key=lambda row: (row["task"] != ALL_TASKS, row["task"]))
    cells = [
        [
            "all" if row["task"] == ALL_TASKS else markdown_cell(Task(row["task"]).label),
            LABELS[row["model"]],
            row["pairs"],
            *(number(row[score], 2) for score in ("sc", "pq", "o")),
            f"{number(row['o_low'], 2)} to {number(row['o_high'], 2)}",
            number(row["psnr_outside"], 1),
        ]
        for row in ordered
    ]
    return markdown(["task", "editor", "pairs", "SC", "PQ", "O", "O, interval", "PSNR outside (dB)"], cells)


def markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    return "\n".join(markdown_table(head, cells))
