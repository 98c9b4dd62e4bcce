"""Estimate of the GPU-hours of a config's learned specialists, from measurements of benchmarks/specialist_speed.py."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omniedit.config.schema import Config
from omniedit.models.inpaint_pipeline import InpaintPipeline
from omniedit.models.registry import get_model
from omniedit.models.roles import PAINTERS, ROLES, needs_own_inpainting
from omniedit.tasks import Task

FIGURES = Path("benchmarks/specialists.json")
LEFT_OUT = "decoding of photos, failed edits, the proposer, and training of the inpainting specialist"


def gpu_hours(config: Config, gpu: str, figures: Path = FIGURES) -> list[str]:
    """Return lines to print: one per learned task and one for the total, "not measured" where figures are missing.

    The time covers only successful edits; see `LEFT_OUT`.

    Args:
        gpu: a part of the device's name, such as 'h100'.
        figures: rows of the benchmark. The mean over the ratios is used, because the photos' ratios are unknown before
            they are read.
    """
    rows = json.loads(figures.read_text()) if figures.is_file() else []
    lines, total = [], 0.0
    for task in config.learned_tasks:
        pairs = config.tasks[task].pairs_per_shard * config.sources.shards
        seconds = seconds_per_pair(rows, task, config, gpu)
        total += (seconds or 0.0) * pairs / 3600
        hours = "not measured" if seconds is None else f"{seconds * pairs / 3600:,.1f} GPU-hours"
        lines.append(f"{task:<24}{pairs:>12,} candidates  {hours}")
    measured = all(seconds_per_pair(rows, task, config, gpu) is not None for task in config.learned_tasks)
    hours = f"{total:,.1f} GPU-hours, excluding {LEFT_OUT}"
    remedy = "not measured; run python -m benchmarks.specialist_speed --full --out benchmarks/specialists.json"
    return [*lines, f"learned specialists: {hours if measured else remedy}"]


def seconds_per_pair(rows: Sequence[Mapping[str, Any]], task: Task, config: Config, gpu: str) -> float | None:
    """Return the mean seconds per pair over the measured ratios, or None without figures.

    Figures must match the task's model and the config's resolution, steps and batch size.
    """
    filters = {
        "task": str(task),
        "model": pipeline_for_task(task, config),
        "resolution": config.learned.resolution,
        "steps": config.learned.steps,
        "batch_size": config.learned.batch_size,
    }
    matches = [row for row in rows if all(row[key] == value for key, value in filters.items())]
    seconds = [1 / row["pairs_per_s"] for row in matches if gpu in row["device"].lower()]
    return sum(seconds) / len(seconds) if seconds else None


def pipeline_for_task(task: Task, config: Config) -> str:
    """Return the class name of the pipeline that serves the task."""
    if needs_own_inpainting(task, config.learned):
        return InpaintPipeline.__name__
    (role,) = set(PAINTERS) & set(ROLES[task])
    return get_model(role).class_name
