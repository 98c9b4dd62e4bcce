"""Inputs and options of the report rules."""

import json

from omniedit.models.roles import trains_inpainting
from omniedit.tasks import Task


def get_base_metrics(wildcards):
    """Return the metrics of the run's own base."""
    return [] if CONFIG.train.base.model else f"results/{wildcards.run}/train/base.metrics.jsonl"


def get_inpainting_metrics(wildcards):
    """Return the metrics of the run's own inpainting specialist."""
    return f"results/{wildcards.run}/train/inpainting.metrics.jsonl" if trains_inpainting(CONFIG) else []


def get_student(wildcards):
    return f"results/{wildcards.run}/scorer/manifest.json" if CONFIG.trains_student else []


def student_option(wildcards, input):
    return f"--scorer {Path(input.scorer).parent}" if input.scorer else ""


def get_canary(wildcards):
    """Return the drift of the judge, or that of each judge of the ensemble."""
    if not CONFIG.scoring.canary:
        return []
    return expand_run("results/{run}/canary/{judge}.json") if MEMBERS else f"results/{wildcards.run}/canary.json"


def canary_option(wildcards, input):
    return f"--canary {input.canary}" if input.canary else ""


def get_teacher_scores(wildcards):
    """Return the teacher's scores to compare with, if another judge scores the run."""
    other = CONFIG.trains_student and CONFIG.scoring.judge != CONFIG.scoring.teacher
    return expand_run("results/{run}/teacher/{task}/{teacher_shard}.parquet", TEACHER_GROUPS) if other else []


def teacher_option(wildcards, input):
    if not input.teacher:
        return []
    pattern = f"results/{wildcards.run}/teacher/{{task}}/{{shard}}.parquet"
    return ["--teacher", pattern, "--teacher-shards", len(TEACHER_SHARDS), "--teacher-tasks", *TEACHER_GROUPS]


def other_pages(wildcards):
    """Return all pages except those that measure jobs: they measure the jobs of these pages too."""
    measures = ("throughput.html", "efficiency.html")
    pages = [stage.output for stage in STAGES if stage.output.startswith("report/")]
    return expand_run([f"results/{{run}}/{page}" for page in pages if not page.endswith(measures)])


def get_ratings(wildcards):
    """Return people's ratings of the run's pairs, if a user has provided them."""
    ratings = f"results/{wildcards.run}/ratings.csv"
    return ratings if Path(ratings).is_file() else []


def ratings_option(wildcards, input):
    return f"--ratings {input.ratings}" if input.ratings else ""
