"""Inputs and options of the rules that make, export and fetch models for candidates."""

import json

from omniedit.config.schema import PROPOSER
from omniedit.models.registry import get_model
from omniedit.models.roles import needs_own_inpainting, roles_to_fetch
from omniedit.tasks import SHARE_FILLS, Task


def get_specialist(wildcards):
    return CONFIG.tasks[Task(wildcards.task)].specialist


def get_proposals(wildcards):
    """Return the proposals if learned models make the pairs, else nothing."""
    if get_specialist(wildcards) != "learned":
        return []
    return f"results/{wildcards.run}/proposals/{wildcards.get('shard', 'bench')}.parquet"


def get_task_models(wildcards):
    """Return the files that give the folders of a learned specialist's models."""
    if get_specialist(wildcards) != "learned":
        return []
    return [f"models/{role}.json" for role in roles_to_fetch(Task(wildcards.task), CONFIG.learned)]


def get_inpainting(wildcards):
    """Return the run's own inpainting specialist if the task uses it."""
    task = Task(wildcards.task)
    if get_specialist(wildcards) != "learned" or not needs_own_inpainting(task, CONFIG.learned):
        return []
    return f"results/{wildcards.run}/train/inpainting/manifest.json"


def expand_inpainting_shards(path):
    """Return the files of the shards on which the inpainting specialist is trained."""
    return expand(path, run=CONFIG.run, shard=SHARDS[: CONFIG.inpainting.shards])


def get_objects(wildcards):
    """Return the objects of the photos for embedded specialists; learned ones detect objects themselves."""
    if get_specialist(wildcards) == "learned":
        return []
    return f"results/{wildcards.run}/objects/{wildcards.shard}.parquet"


def specialist_options(wildcards, input):
    """Return the options that the task's specialist needs in addition to the photos."""
    if input.proposals:
        own = ["--inpainting", str(Path(input.inpainting).parent)] if input.inpainting else []
        return ["--learned", to_json(CONFIG.learned), "--proposals", input.proposals, *own]
    return ["--objects", *([input.objects] if isinstance(input.objects, str) else input.objects)]


def get_removals(path):
    """Return an input function for the embedded removals of the same photos, whose fills other tasks reuse."""

    def removals(wildcards):
        embedded = {task for task in CONFIG.specialist_tasks if CONFIG.tasks[Task(task)].specialist == "embedded"}
        if wildcards.task not in {*SHARE_FILLS} & embedded or Task.OBJECT_REMOVAL not in embedded:
            return []
        return ancient(path.format(**{**wildcards, "task": Task.OBJECT_REMOVAL}))

    return removals


def removals_option(wildcards, input):
    return f"--removals {input.removals}" if input.removals else ""


def get_pairs_per_shard(wildcards):
    return CONFIG.tasks[Task(wildcards.task)].pairs_per_shard


def get_proposer(wildcards):
    """Return the file that gives the folder of the proposer, if jobs load it."""
    return f"models/{PROPOSER}.json" if CONFIG.proposals.source == "local" else []


def get_proposal_counts(wildcards):
    """Return the number of proposals per task that a shard or the benchmark can use; '{}' for all recorded ones."""
    if CONFIG.proposals.source == "replies":
        return "{}"
    per_task = {task: CONFIG.tasks[task].pairs_per_shard for task in CONFIG.learned_tasks}
    if wildcards.photos == "bench":
        per_task = dict.fromkeys(per_task, CONFIG.bench.pairs_per_task)
    return json.dumps({task: -(-pairs // CONFIG.learned.candidates) for task, pairs in per_task.items()})


def get_proposals_fingerprint(wildcards):
    """Return a fingerprint of all settings that decide the proposals, including the content of a file of replies."""
    if CONFIG.proposals.source != "replies":
        return CONFIG.proposals.fingerprint
    return get_digest(CONFIG.learned.replies)


def get_role_entry(wildcards):
    """Return a role's entry in config/models.yaml."""
    return get_model(wildcards.role).model_dump_json(by_alias=True)


def export_options(wildcards):
    """Return the options that choose the pairs of an export."""
    options = CONFIG.export
    chosen = {
        "--task": ",".join(options.tasks),
        "--licence": ",".join(options.licences),
        "--min-score": options.min_score,
        "--top": options.top,
        "--rows-per-file": options.rows_per_file,
    }
    kind = [] if options.kind == "accepted" else [f"--{options.kind}"]
    return [*kind, *(word for name, value in chosen.items() if value not in ("", None) for word in (name, value))]
