"""Inputs and options of the report rules."""

import json

from omniedit.models.roles import trains_inpainting
from omniedit.tasks import Task


def base_metrics(wildcards):
    """Return the metrics of the run's own base."""
    return [] if CONFIG.train.base.model else f"results/{wildcards.run}/train/base.metrics.jsonl"


def inpainting_metrics(wildcards):
    """Return the metrics of the run's own inpainting specialist."""
    return f"results/{wildcards.run}/train/inpainting.metrics.jsonl" if trains_inpainting(CONFIG) else []


def student_of_run(wildcards):
    return f"results/{wildcards.run}/scorer/manifest.json" if CONFIG.trains_student else []


def student_option(wildcards, input):
    return f"--scorer {Path(input.scorer).parent}" if input.scorer else ""


def canary_of_run(wildcards):
    """Return the drift of the judge, or that of each judge of the ensemble."""
    if not CONFIG.scoring.canary:
        return []
    return of_run("results/{run}/canary/{judge}.json") if MEMBERS else f"results/{wildcards.run}/canary.json"


def canary_option(wildcards, input):
    return f"--canary {input.canary}" if input.canary else ""


def teacher_of_run(wildcards):
    """Return the teacher's scores to compare with, if another judge scores the run."""
    other = CONFIG.trains_student and CONFIG.scoring.judge != CONFIG.scoring.teacher
    return of_run("results/{run}/teacher/{task}/{taught}.parquet", TEACHER_GROUPS) if other else []


def teacher_option(wildcards, input):
    if not input.teacher:
        return []
    pattern = f"results/{wildcards.run}/teacher/{{task}}/{{shard}}.parquet"
    return ["--teacher", pattern, "--taught-shards", len(TEACHER_SHARDS), "--taught-tasks", *TEACHER_GROUPS]


def other_pages(wildcards):
    """Return all pages except those that measure all jobs, which include the jobs of the report."""
    measures = ("throughput.html", "efficiency.html")
    pages = [stage.output for stage in STAGES if stage.output.startswith("report/")]
    return of_run([f"results/{{run}}/{page}" for page in pages if not page.endswith(measures)])


def ratings_of_run(wildcards):
    """Return people's ratings of pairs of the run, if a user has put them there."""
    ratings = f"results/{wildcards.run}/ratings.csv"
    return ratings if Path(ratings).is_file() else []


def ratings_option(wildcards, input):
    return f"--ratings {input.ratings}" if input.ratings else ""
