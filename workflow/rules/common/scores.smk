"""Inputs and options of the rules that score and filter."""

import functools
import json

from omniedit.scoring.human_decisions import FILE as BY_HAND
from omniedit.sources.file_identity import digest_or_reason
from omniedit.storage.shard_paths import SHARDS_PER_BLOCK, shard_share


def get_start_weights(wildcards):
    """Return the weights from which the student starts, if any. Only their content counts, not their time."""
    folder = CONFIG.scoring.student.start_folder
    return ancient(str(folder / "model.safetensors")) if folder else []


def get_start_digest(wildcards):
    folder = CONFIG.scoring.student.start_folder
    return get_digest(str(folder / "model.safetensors")) if folder else ""


def teacher_shards_option(wildcards):
    """Return the same as `shards_option` for the shards that the teacher scores."""
    return f"--tasks {' '.join(TEACHER_GROUPS)} --shards {len(TEACHER_SHARDS)}"


@functools.cache
def get_digest(path):
    """Return the same for a user's file that jobs read."""
    return digest_or_reason(Path(path)) if workflow.is_main_process else ""


def gate_shards_option(wildcards):
    """Return the same as `shards_option` for the groups that the quality gates examine."""
    return f"--tasks {' '.join(CONFIG.gate_groups)} --shards {len(SHARDS)}"


def faults_option(wildcards, input):
    return ["--findings", input.findings, "--gates", to_json(CONFIG.gates)] if input.findings else []


def get_scorer(judge, scoring=CONFIG.scoring):
    """Return the student or the fetched model that a judge needs, else nothing; an ensemble's judges have their own."""
    if judge == "ensemble":
        return []
    if roles := scoring.roles(judge):
        return f"models/{roles[0]}.json"
    if judge == "student" and not CONFIG.trains_student:
        return ancient(str(CONFIG.scoring.student.start_folder / "model.safetensors"))
    return "results/{run}/scorer/manifest.json" if judge == "student" else []


def get_scorer_parts(judge, scoring=CONFIG.scoring):
    """Return the fetched adapter and reward head of a judge."""
    return [] if judge == "ensemble" else [f"models/{role}.json" for role in scoring.roles(judge)[1:]]


def format_judge_options(judge, run="{run}", scorer=None, scoring=CONFIG.scoring, spent="spent"):
    """Return the options of a judge.

    It reads most settings from a file, so that a change of rate, budget or batch size reruns no job.

    Args:
        spent: folder below results/{run} of the endpoint's ledger.
    """
    if judge in (None, "reference"):
        return f"--judge {judge}"
    config = f"--judge {judge} --config results/{run}/config.json"
    if judge == "api":
        return f"{config} --spent results/{run}/{spent}"
    return f"{config} --scorer {scorer if scoring.roles(judge) else Path(scorer).parent}"


def scorer_option(wildcards, input):
    """Return the option of the canary, which reads its judge from the config."""
    return format_scorer_option(CONFIG.scoring, input.scorer)


def format_scorer_option(scoring, scorer):
    if not scorer:
        return ""
    return f"--scorer {scorer if scoring.roles(scoring.judge) else Path(scorer).parent}"


def judge_options(wildcards, input):
    return format_judge_options(CONFIG.scoring.judge, wildcards.run, input.scorer)


def get_member(wildcards):
    """Return the options of a judge of the ensemble, as those of a run's single judge."""
    return CONFIG.scoring.members[wildcards.judge]


def get_member_scorer(wildcards):
    scorer = get_scorer(get_member(wildcards).judge, get_member(wildcards))
    return scorer.format(run=wildcards.run) if isinstance(scorer, str) and "{run}" in scorer else scorer


def get_member_parts(wildcards):
    return get_scorer_parts(get_member(wildcards).judge, get_member(wildcards))


def member_options(wildcards, input):
    scoring, spent = get_member(wildcards), get_member_ledger(wildcards)
    options = format_judge_options(scoring.judge, wildcards.run, input.scorer, scoring, spent)
    return options if scoring.judge == "reference" else f"{options} --member {wildcards.judge}"


def member_scorer_option(wildcards, input):
    return format_scorer_option(get_member(wildcards), input.scorer)


def get_member_fingerprint(wildcards):
    return judge_fingerprint(get_member(wildcards), get_member(wildcards).judge)


def get_member_ledger(wildcards):
    """Return the folder of a judge's ledger; an endpoint of its own has its own budget."""
    own = CONFIG.scoring.ensemble.judges[wildcards.judge].api is not None
    return f"spent/{wildcards.judge}" if own else "spent"


def get_member_spent(wildcards):
    return f"results/{wildcards.run}/{get_member_ledger(wildcards)}"


def get_member_slots(wildcards):
    return int(get_member(wildcards).judge == "api")


def get_member_scores(wildcards):
    return expand("results/{run}/judges/{judge}/{task}/{shard}.parquet", judge=MEMBERS, **wildcards)


def get_member_example(wildcards):
    return expand_run("results/{run}/judges/{{judge}}/{task}/{shard}.parquet")[0].format(judge=wildcards.judge)


def disagreement_option(wildcards):
    most = CONFIG.filter.max_disagreement
    return "" if most is None else f"--max-disagreement {most}"


def teacher_pairs_option(wildcards):
    """Return the option that limits the number of a shard's pairs that the teacher scores."""
    if CONFIG.scoring.teacher_pairs is None:
        return ""
    shard, shards = int(wildcards.teacher_shard), len(TEACHER_SHARDS)
    return f"--pairs {shard_share(CONFIG.scoring.teacher_pairs, shard, shards)}"


def scores_option(wildcards, input):
    return f"--scores {input.scores}" if input.scores else ""


def get_decisions_by_hand(wildcards):
    """Return the file of decisions by hand if there is one: a change of it decides again, without new scores."""
    path = Path("results", wildcards.run, BY_HAND)
    return str(path) if path.is_file() else []


def by_hand_option(wildcards, input):
    return f"--by-hand {input.by_hand}" if input.by_hand else ""


def best_of_option(wildcards):
    return f"--best-of {CONFIG.scoring.best_of}" if CONFIG.scoring.best_of else ""


def task_thresholds_option(wildcards):
    """Return the option with the thresholds of single tasks, if there are any."""
    given = CONFIG.filter.min_scores
    return ["--min-scores", json.dumps(given)] if given else []


def get_block_decisions(wildcards):
    first = int(wildcards.block) * SHARDS_PER_BLOCK
    shards = SHARDS[first : first + SHARDS_PER_BLOCK]
    return expand("results/{run}/decisions/{task}/{shard}.parquet", run=wildcards.run, task=GROUPS, shard=shards)


# If the run's judge is the teacher, pairs without a defect are not scored twice.
SCORES_OF_TEACHER = (
    "results/{run}/scores/{task}/{teacher_shard}.parquet" if CONFIG.scoring.judge == CONFIG.scoring.teacher else []
)


def format_member_pattern(asks):
    """Return the pattern of the ensemble's judges that ask an endpoint, or of the others; it may match nothing."""
    return "|".join(name for name, each in CONFIG.ensemble_judges.items() if (each.judge == "api") is asks) or "(?!)"
