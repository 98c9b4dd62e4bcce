"""Checked config, wildcard constraints and helper functions of all stages.

REQUIRED INPUTS: config/config.yaml of the source; config/config.yaml of the working folder, --configfile and --config
    override it, in this order.
OUTPUTS: none. A wrong key, type or value stops Snakemake here with one line, before the first job.
"""

import functools
import json
import shlex
import sys

from omniedit.aspect import RATIOS
from omniedit.config.loading import origin
from omniedit.config.schema import DEFECTS_VERSION, PROPOSER, SHIPPED, VIEWS_VERSION, PretrainingOptions
from omniedit.architectures import BASELINES
from omniedit.models.registry import get_model
from omniedit.models.roles import roles_to_fetch, paints_by_itself, trains_inpainting
from omniedit.redaction import redact, redact_values
from omniedit.run.parsing import read_run
from omniedit.run.stages import select_stages
from omniedit.scoring.by_hand import FILE as BY_HAND
from omniedit.scoring.rubric import judge_fingerprint
from omniedit.sources.identity import digest_file
from omniedit.storage.archives import is_remote, list_archives
from omniedit.storage.shards import SHARDS_A_BLOCK, number_of_blocks, shard_share
from omniedit.tasks import Task

RUN = read_run(workflow, config)
CONFIG = RUN.config

SHARDS = [f"{shard:05d}" for shard in range(CONFIG.sources.shards)]
TEACHER_SHARDS = SHARDS[: CONFIG.scoring.teacher_shards]
BLOCKS = [f"{block:05d}" for block in range(number_of_blocks(len(SHARDS)))]
PARTS = [f"{part:05d}" for part in range(CONFIG.buckets.parts)]
GROUPS = list(CONFIG.groups)
FIRST_GROUPS = list(CONFIG.first_groups)
BENCHMARKED = list(CONFIG.benchmarked)
TAUGHT = list(CONFIG.taught)
# Pattern of the tasks that specialists make pairs for; it matches nothing if the run starts from pairs.
MADE = "|".join(CONFIG.made) or "(?!)"
EDITORS = list(CONFIG.train.editors)
MODELS = [*EDITORS, *BASELINES]
STAGES = select_stages(CONFIG)


wildcard_constraints:
    run=re.escape(CONFIG.run),
    task="|".join(map(re.escape, GROUPS)),
    shard=r"\d{5}",
    taught=r"\d{5}",
    block=r"\d{5}",
    part=r"\d{5}",
    editor="|".join(EDITORS),
    model="|".join(MODELS),


def of_run(path, task=GROUPS):
    """Expand every wildcard to all its values in the run; {taught} are the shards that the teacher scores.

    {task} are the tasks that specialists make pairs for, the names of imported data sets and the groups of derived
    pairs, or those given.
    """
    return expand(
        path,
        run=CONFIG.run,
        task=task,
        shard=SHARDS,
        photos=[*SHARDS, "bench"],
        taught=TEACHER_SHARDS,
        block=BLOCKS,
        part=PARTS,
        editor=EDITORS,
        model=MODELS,
        ratio=list(RATIOS),
        format=CONFIG.export.formats,
    )


onstart:
    RUN.preflight.check_plan()


def all_results(wildcards):
    """Return every file of the run, not only the last ones: Snakemake remakes only requested files."""
    return [
        path
        for stage in STAGES
        for path in of_run([f"results/{{run}}/{path}" for path in (stage.output, *stage.also)], stage.tasks(CONFIG))
    ]


def verbatim(text):
    """Return a param function for a text, because Snakemake reads braces in a string as wildcards."""
    return lambda wildcards: text


def to_json(section, exclude=None):
    """Return a section of the config, without secrets, as a script reads it (`omniedit.config.arguments`).

    Jobs run again if it changes. Settings that must not rerun them are read from the run's config.json instead.
    """
    return json.dumps(redact_values(section.model_dump(mode="json", exclude=exclude)), separators=(",", ":"))


def as_json(section, exclude=None):
    """Return a param function for `to_json`."""
    return verbatim(to_json(section, exclude))


def weights_of_start(wildcards):
    """Return the weights from which the student starts, if any. Only their content counts, not their time."""
    folder = CONFIG.scoring.student.start_folder
    return ancient(str(folder / "model.safetensors")) if folder else []


def content_of_start(wildcards):
    folder = CONFIG.scoring.student.start_folder
    return content_of(str(folder / "model.safetensors")) if folder else ""


def pattern(path):
    """Return a path pattern of this run with {task} and {shard} unfilled, for a script that reads all its files."""
    return verbatim(f"results/{CONFIG.run}/{path}")


def check_shares(rule, key, options):
    """Exit with one line if a training's batch cannot be split over the ranks that the profile gives it."""
    resources = getattr(rules, rule).rule.resources
    if resources is None:  # in a module: the workflow may use only some of its rules
        return
    ranks = resources["nodes"].value * resources["ranks"].value
    if options.batch_size % (ranks * options.accumulate):
        sys.exit(
            f"error: {origin(key, RUN.config_files, RUN.config_options)}: {key}: {options.batch_size} cannot be shared by the "
            f"profile's {ranks} ranks of {rule}, in {options.accumulate} parts each; make it a multiple of "
            f"{ranks * options.accumulate}"
        )


def all_shards(wildcards):
    """Return the options that fill a pattern (`omniedit.storage.shards`)."""
    return f"--tasks {' '.join(GROUPS)} --shards {len(SHARDS)}"


def all_blocks(wildcards):
    """Return the option that fills {block} of a pattern."""
    return f"--blocks {len(BLOCKS)}"


def taught_shards(wildcards):
    """Return the same as `all_shards` for the shards that the teacher scores."""
    return f"--tasks {' '.join(TAUGHT)} --shards {len(TEACHER_SHARDS)}"


def shards_of_task(wildcards):
    return f"--tasks {wildcards.task} --shards {len(SHARDS)}"


def specialist_of_task(wildcards):
    return CONFIG.tasks[Task(wildcards.task)].specialist


def proposals_of_shard(wildcards):
    """Return the proposals if learned models make the pairs, else nothing."""
    if specialist_of_task(wildcards) != "learned":
        return []
    return f"results/{wildcards.run}/proposals/{wildcards.get('shard', 'bench')}.parquet"


def models_of_task(wildcards):
    """Return the files that give the folders of a learned specialist's models."""
    if specialist_of_task(wildcards) != "learned":
        return []
    return [f"models/{role}.json" for role in roles_to_fetch(Task(wildcards.task), CONFIG.learned)]


def inpainting_of_task(wildcards):
    """Return the run's own inpainting specialist if the task uses it."""
    task = Task(wildcards.task)
    if specialist_of_task(wildcards) != "learned" or not paints_by_itself(task, CONFIG.learned):
        return []
    return f"results/{wildcards.run}/train/inpainting/manifest.json"


def learnt_from(path):
    """Return the files of the shards on which the inpainting specialist is trained."""
    return expand(path, run=CONFIG.run, shard=SHARDS[: CONFIG.inpainting.shards])


def objects_of_shard(wildcards):
    """Return the objects of the photos for embedded specialists; learned ones detect objects themselves."""
    if specialist_of_task(wildcards) == "learned":
        return []
    return f"results/{wildcards.run}/objects/{wildcards.shard}.parquet"


def objects_of_bench(wildcards):
    """Return the objects of the benchmark's photos and of the donor shard."""
    if specialist_of_task(wildcards) == "learned":
        return []
    return [f"results/{wildcards.run}/objects/bench.parquet", *of_run("results/{run}/objects/{shard}.parquet")[:1]]


def specialist_options(wildcards, input):
    """Return the options that the task's specialist needs in addition to the photos."""
    if input.proposals:
        own = ["--inpainting", str(Path(input.inpainting).parent)] if input.inpainting else []
        return ["--learned", to_json(CONFIG.learned), "--proposals", input.proposals, *own]
    return ["--objects", *([input.objects] if isinstance(input.objects, str) else input.objects)]


def pairs_of_task(wildcards):
    return CONFIG.tasks[Task(wildcards.task)].pairs_per_shard


def photos_folder(wildcards):
    """Return the folder of photos as a `Path`, which Snakemake does not compare with that of an earlier run.

    Photos are identified by their content, not by their place. It is a function for the reason given in `verbatim`.
    """
    return Path(CONFIG.sources.path) if CONFIG.sources.path else ""


def archive_of_shard(wildcards):
    """Return the archive of a shard, or the first one for the rule without {shard}.

    It is a `Path` as in `photos_folder`, or a URL without its secrets, which the job gets from its environment.
    """
    archive = archives()[int(wildcards.get("shard", 0))]
    return redact(archive) if is_remote(archive) else Path(archive)


@functools.cache
def archives():
    return list_archives(CONFIG.sources.path, CONFIG.sources.kind, len(SHARDS))


def content_of_sources(wildcards):
    """Return the key by which Snakemake detects changed photos or a changed archive; empty in the job's own process."""
    return RUN.identities[int(wildcards.get("shard", 0))].key if RUN.identities else ""


@functools.cache
def content_of(path):
    """Return the same for a user's file that jobs read."""
    return digest_file(Path(path)) if workflow.is_main_process else ""


def proposer_of_run(wildcards):
    """Return the file that gives the folder of the proposer, if jobs load it."""
    return f"models/{PROPOSER}.json" if CONFIG.proposals.source == "local" else []


def proposals_wanted(wildcards):
    """Return the number of proposals per task that a shard or the benchmark can use; '{}' for all recorded ones."""
    if CONFIG.proposals.source == "replies":
        return "{}"
    per_task = {task: CONFIG.tasks[task].pairs_per_shard for task in CONFIG.learned_tasks}
    if wildcards.photos == "bench":
        per_task = dict.fromkeys(per_task, CONFIG.bench.pairs_per_task)
    return json.dumps({task: -(-pairs // CONFIG.learned.candidates) for task, pairs in per_task.items()})


def state_of_proposals(wildcards):
    """Return a fingerprint of everything that decides the proposals, or the content of a file of replies."""
    if CONFIG.proposals.source != "replies":
        return CONFIG.proposals.asked
    return content_of(CONFIG.learned.replies)


def bench_option(wildcards, output):
    photos = f"--bench-photos {CONFIG.bench.photos} --seed {CONFIG.seed}"
    return f"{photos} --bench-tar {output.bench_photos} --bench {output.bench}"


def model_of_role(wildcards):
    """Return a role's entry in config/models.yaml."""
    return get_model(wildcards.role).model_dump_json(by_alias=True)


def base_of_run(wildcards):
    """Return the run's own base or the file that gives the folder of a fetched one; nothing for the shipped one."""
    if CONFIG.train.base.model is None:
        return f"results/{wildcards.run}/train/base/manifest.json"
    return f"models/{CONFIG.train.fetched_base}.json" if CONFIG.train.fetched_base else []


def base_folder(wildcards, input):
    """Return the base as scripts/train.py expects it."""
    if CONFIG.train.base.model is None:
        return Path(input.base).parent
    return input.base if CONFIG.train.fetched_base else SHIPPED


def encoded_of_run(wildcards):
    return of_run("results/{run}/train/encoded/{part}/manifest.json") if CONFIG.train.encode_once else []


def encoded_option(wildcards):
    return f"--encoded results/{wildcards.run}/train/encoded" if CONFIG.train.encode_once else ""


def given_base_option(wildcards):
    """Return the option that describes a base for the model card, if the run did not train it."""
    if CONFIG.train.base.model is None:
        return ""
    label = "the small SD3 that ships with OmniEdit"
    if CONFIG.train.fetched_base:
        model = get_model(CONFIG.train.fetched_base)
        label = f"{model.repository} at revision {model.revision} ({model.licence})"
    return f"--base {shlex.quote(label)}"


def base_metrics(wildcards):
    """Return the metrics of the run's own base."""
    return [] if CONFIG.train.base.model else f"results/{wildcards.run}/train/base.metrics.jsonl"


def inpainting_metrics(wildcards):
    """Return the metrics of the run's own inpainting specialist."""
    return f"results/{wildcards.run}/train/inpainting.metrics.jsonl" if trains_inpainting(CONFIG) else []


def student_of_run(wildcards):
    return f"results/{wildcards.run}/scorer/manifest.json" if CONFIG.trains_student else []


def indexes_of_run(wildcards):
    """Return the indexes of the photos and of the imported pairs' sources."""
    names = ["index"] * CONFIG.sources.are_photos + ["imports"] * bool(CONFIG.imported)
    return [f"results/{wildcards.run}/sources/{name}.parquet" for name in names]


def imported_shards(wildcards):
    """Return the same as `all_shards` for the imported data sets."""
    return f"--tasks {' '.join(CONFIG.imported)} --shards {len(SHARDS)}"


def gated_shards(wildcards):
    """Return the same as `all_shards` for the groups that the quality gates examine."""
    return f"--tasks {' '.join(CONFIG.gated)} --shards {len(SHARDS)}"


def faults_option(wildcards, input):
    return ["--findings", input.findings, "--gates", to_json(CONFIG.gates)] if input.findings else []


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


def shares_of_imports(wildcards):
    """Return the option with the shares of imported data sets among the training pairs, if any has one."""
    shares = {name: data_set.share for name, data_set in CONFIG.imported.items() if data_set.share}
    return ["--shares", json.dumps(shares)] if shares else []


def bench_of_imports(wildcards):
    """Return the index of held-out sources if the run benchmarks imported pairs, else nothing."""
    return [] if CONFIG.sources.are_photos else f"results/{wildcards.run}/sources/bench.parquet"


def data_set_of_group(wildcards):
    """Return the address of an imported data set: a `Path` as in `photos_folder`, or a URL without its secrets."""
    path = CONFIG.imported[wildcards.task].path
    return redact(path) if is_remote(path) else Path(path)


def import_options(wildcards):
    """Return the options of an import as JSON. The share is left out, because it only affects the training pairs."""
    return to_json(CONFIG.imported[wildcards.task], exclude={"path", "share"})


def content_of_import(wildcards):
    """Return the key by which Snakemake detects a changed data set; empty in the job's own process."""
    return RUN.imports[wildcards.task, int(wildcards.shard)].key if RUN.imports else ""


def student_option(wildcards, input):
    return f"--scorer {Path(input.scorer).parent}" if input.scorer else ""


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


def bench_judge_options(wildcards, input):
    return options_for(CONFIG.bench.judge, wildcards.run, input.scorer)


def pairs_taught(wildcards):
    """Return the option that limits the number of a shard's pairs that the teacher scores."""
    if CONFIG.scoring.teacher_pairs is None:
        return ""
    shard, shards = int(wildcards.taught), len(TEACHER_SHARDS)
    return f"--pairs {shard_share(CONFIG.scoring.teacher_pairs, shard, shards)}"


# If the run's judge is the teacher, pairs without a defect are not scored twice.
SCORES_OF_TEACHER = (
    "results/{run}/scores/{task}/{taught}.parquet" if CONFIG.scoring.judge == CONFIG.scoring.teacher else []
)


def scores_option(wildcards, input):
    return f"--scores {input.scores}" if input.scores else ""


def canary_of_run(wildcards):
    return f"results/{wildcards.run}/canary.json" if CONFIG.scoring.canary else []


def canary_option(wildcards, input):
    return f"--canary {input.canary}" if input.canary else ""


def teacher_of_run(wildcards):
    """Return the teacher's scores to compare with, if another judge scores the run."""
    other = CONFIG.trains_student and CONFIG.scoring.judge != CONFIG.scoring.teacher
    return of_run("results/{run}/teacher/{task}/{taught}.parquet", TAUGHT) if other else []


def teacher_option(wildcards, input):
    if not input.teacher:
        return []
    pattern = f"results/{wildcards.run}/teacher/{{task}}/{{shard}}.parquet"
    return ["--teacher", pattern, "--taught-shards", len(TEACHER_SHARDS), "--taught-tasks", *TAUGHT]


def decisions_by_hand(wildcards):
    """Return the file of decisions by hand if there is one: a change of it decides again, without new scores."""
    path = Path("results", wildcards.run, BY_HAND)
    return str(path) if path.is_file() else []


def by_hand_option(wildcards, input):
    return f"--by-hand {input.by_hand}" if input.by_hand else ""


def decisions_of_block(wildcards):
    first = int(wildcards.block) * SHARDS_A_BLOCK
    shards = SHARDS[first : first + SHARDS_A_BLOCK]
    return expand("results/{run}/decisions/{task}/{shard}.parquet", run=wildcards.run, task=GROUPS, shard=shards)


def scratch_option(wildcards, resources):
    return ["--scratch", resources.scratch] if resources.scratch else []


def gallery_labels(wildcards):
    return {"pairs": Task(wildcards.task).label}


def other_pages(wildcards):
    """Return all pages except those that measure all jobs, which include the jobs of the report."""
    measures = ("throughput.html", "efficiency.html")
    pages = [stage.output for stage in STAGES if stage.output.startswith("report/")]
    return of_run([f"results/{{run}}/{page}" for page in pages if not page.endswith(measures)])


def editor_of_model(wildcards):
    """Return the trained editor if the benchmark's model is one; baselines need none."""
    return f"results/{wildcards.run}/train/{wildcards.model}/manifest.json" if wildcards.model in EDITORS else []


def pipeline_option(wildcards, input):
    return f"--pipeline {Path(input.editor).parent}" if input.editor else ""
