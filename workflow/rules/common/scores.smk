"""Inputs and options of the rules that score and filter."""

import functools
import json

from omniedit.scoring.by_hand import FILE as BY_HAND
from omniedit.sources.identity import digest_file
from omniedit.storage.shards import SHARDS_A_BLOCK, shard_share


def weights_of_start(wildcards):
    """Return the weights from which the student starts, if any. Only their content counts, not their time."""
    folder = CONFIG.scoring.student.start_folder
    return ancient(str(folder / "model.safetensors")) if folder else []


def content_of_start(wildcards):
    folder = CONFIG.scoring.student.start_folder
    return content_of(str(folder / "model.safetensors")) if folder else ""


def taught_shards(wildcards):
    """Return the same as `all_shards` for the shards that the teacher scores."""
    return f"--tasks {' '.join(TEACHER_GROUPS)} --shards {len(TEACHER_SHARDS)}"


@functools.cache
def content_of(path):
    """Return the same for a user's file that jobs read."""
    return digest_file(Path(path)) if workflow.is_main_process else ""


def gated_shards(wildcards):
    """Return the same as `all_shards` for the groups that the quality gates examine."""
    return f"--tasks {' '.join(CONFIG.gate_groups)} --shards {len(SHARDS)}"


def faults_option(wildcards, input):
    return ["--findings", input.findings, "--gates", to_json(CONFIG.gates)] if input.findings else []


def scorer_for(judge):
    """Return the student or the fetched model that a judge needs, else nothing."""
    if roles := CONFIG.scoring.roles(judge):
        return f"models/{roles[0]}.json"
    if judge == "student" and not CONFIG.trains_student:
        return ancient(str(CONFIG.scoring.student.start_folder / "model.safetensors"))
    return "results/{run}/scorer/manifest.json" if judge == "student" else []


def parts_for(judge):
    """Return the fetched adapter and reward head of a judge."""
    return [f"models/{role}.json" for role in CONFIG.scoring.roles(judge)[1:]]


def options_for(judge, run="{run}", scorer=None):
    """Return the options of a judge.

    It reads most settings from a file, so that a change of rate, budget or batch size reruns no job.
    """
    if judge in (None, "reference"):
        return f"--judge {judge}"
    config = f"--judge {judge} --config results/{run}/config.json"
    if judge == "api":
        return f"{config} --spent results/{run}/spent"
    return f"{config} --scorer {scorer if CONFIG.scoring.roles(judge) else Path(scorer).parent}"


def scorer_option(wildcards, input):
    """Return the option of the canary, which reads its judge from the config."""
    if not input.scorer:
        return ""
    return f"--scorer {input.scorer if CONFIG.scoring.roles(CONFIG.scoring.judge) else Path(input.scorer).parent}"


def judge_options(wildcards, input):
    return options_for(CONFIG.scoring.judge, wildcards.run, input.scorer)


def pairs_taught(wildcards):
    """Return the option that limits the number of a shard's pairs that the teacher scores."""
    if CONFIG.scoring.teacher_pairs is None:
        return ""
    shard, shards = int(wildcards.taught), len(TEACHER_SHARDS)
    return f"--pairs {shard_share(CONFIG.scoring.teacher_pairs, shard, shards)}"


def scores_option(wildcards, input):
    return f"--scores {input.scores}" if input.scores else ""


def decisions_by_hand(wildcards):
    """Return the file of decisions by hand if there is one: a change of it decides again, without new scores."""
    path = Path("results", wildcards.run, BY_HAND)
    return str(path) if path.is_file() else []


def by_hand_option(wildcards, input):
    return f"--by-hand {input.by_hand}" if input.by_hand else ""


def best_of_option(wildcards):
    return f"--best-of {CONFIG.scoring.best_of}" if CONFIG.scoring.best_of else ""


def decisions_of_block(wildcards):
    first = int(wildcards.block) * SHARDS_A_BLOCK
    shards = SHARDS[first : first + SHARDS_A_BLOCK]
    return expand("results/{run}/decisions/{task}/{shard}.parquet", run=wildcards.run, task=GROUPS, shard=shards)


# If the run's judge is the teacher, pairs without a defect are not scored twice.
SCORES_OF_TEACHER = (
    "results/{run}/scores/{task}/{taught}.parquet" if CONFIG.scoring.judge == CONFIG.scoring.teacher else []
)
