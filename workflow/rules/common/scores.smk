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


def scorer_for(judge, scoring=CONFIG.scoring):
    """Return the student or the fetched model that a judge needs, else nothing; an ensemble's judges have their own."""
    if judge == "ensemble":
        return []
    if roles := scoring.roles(judge):
        return f"models/{roles[0]}.json"
    if judge == "student" and not CONFIG.trains_student:
        return ancient(str(CONFIG.scoring.student.start_folder / "model.safetensors"))
    return "results/{run}/scorer/manifest.json" if judge == "student" else []


def parts_for(judge, scoring=CONFIG.scoring):
    """Return the fetched adapter and reward head of a judge."""
    return [] if judge == "ensemble" else [f"models/{role}.json" for role in scoring.roles(judge)[1:]]


def options_for(judge, run="{run}", scorer=None, scoring=CONFIG.scoring, spent="spent"):
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
    return option_of_scorer(CONFIG.scoring, input.scorer)


def option_of_scorer(scoring, scorer):
    if not scorer:
        return ""
    return f"--scorer {scorer if scoring.roles(scoring.judge) else Path(scorer).parent}"


def judge_options(wildcards, input):
    return options_for(CONFIG.scoring.judge, wildcards.run, input.scorer)


def member(wildcards):
    """Return the options of a judge of the ensemble, as those of a run's single judge."""
    return CONFIG.scoring.members[wildcards.judge]


def scorer_of_member(wildcards):
    scorer = scorer_for(member(wildcards).judge, member(wildcards))
    return scorer.format(run=wildcards.run) if isinstance(scorer, str) and "{run}" in scorer else scorer


def parts_of_member(wildcards):
    return parts_for(member(wildcards).judge, member(wildcards))


def member_options(wildcards, input):
    scoring, spent = member(wildcards), ledger_of_member(wildcards)
    options = options_for(scoring.judge, wildcards.run, input.scorer, scoring, spent)
    return options if scoring.judge == "reference" else f"{options} --member {wildcards.judge}"


def member_scorer_option(wildcards, input):
    return option_of_scorer(member(wildcards), input.scorer)


def member_fingerprint(wildcards):
    return judge_fingerprint(member(wildcards), member(wildcards).judge)


def ledger_of_member(wildcards):
    """Return the folder of a judge's ledger; an endpoint of its own has its own budget."""
    own = CONFIG.scoring.ensemble.judges[wildcards.judge].api is not None
    return f"spent/{wildcards.judge}" if own else "spent"


def member_spent(wildcards):
    return f"results/{wildcards.run}/{ledger_of_member(wildcards)}"


def endpoints_of_member(wildcards):
    return int(member(wildcards).judge == "api")


def scores_of_members(wildcards):
    return expand("results/{run}/judges/{judge}/{task}/{shard}.parquet", judge=MEMBERS, **wildcards)


def first_scores_of_member(wildcards):
    return of_run("results/{run}/judges/{{judge}}/{task}/{shard}.parquet")[0].format(judge=wildcards.judge)


def disagreement_option(wildcards):
    most = CONFIG.filter.max_disagreement
    return "" if most is None else f"--max-disagreement {most}"


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


def task_thresholds(wildcards):
    """Return the option with the thresholds of single tasks, if there are any."""
    given = CONFIG.filter.min_scores
    return ["--min-scores", json.dumps(given)] if given else []


def decisions_of_block(wildcards):
    first = int(wildcards.block) * SHARDS_A_BLOCK
    shards = SHARDS[first : first + SHARDS_A_BLOCK]
    return expand("results/{run}/decisions/{task}/{shard}.parquet", run=wildcards.run, task=GROUPS, shard=shards)


# If the run's judge is the teacher, pairs without a defect are not scored twice.
SCORES_OF_TEACHER = (
    "results/{run}/scores/{task}/{taught}.parquet" if CONFIG.scoring.judge == CONFIG.scoring.teacher else []
)


def pattern_of_members(asks):
    """Return the pattern of the ensemble's judges that ask an endpoint, or of the others; it may match nothing."""
    return "|".join(name for name, each in CONFIG.ensemble_judges.items() if (each.judge == "api") is asks) or "(?!)"
