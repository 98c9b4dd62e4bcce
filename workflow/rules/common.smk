"""The checked config, wildcard constraints and the helper functions of all stages.

REQUIRED INPUTS: config/config.yaml of the source, below that of the working folder, --configfile and --config.
OUTPUTS: none. A wrong key, type or value ends Snakemake here, before the first job, with one line.
"""

import functools
import json
import os
import shlex
import sys

from omniedit.aspect import RATIOS
from omniedit.config.loading import load_run, origin
from omniedit.config.schema import DEFECTS_VERSION, PROPOSER, SHIPPED, VIEWS_VERSION
from omniedit.architectures import BASELINES
from omniedit.config.typed_text import parse_options
from omniedit.models.registry import get_model, required_roles
from omniedit.models.roles import roles_to_fetch, paints_by_itself, trains_inpainting
from omniedit.redaction import redact, redact_values
from omniedit.run.planning import cache_planning
from omniedit.run.preflight import Preflight, check_no_prefix, check_writable_folder, one_line_errors
from omniedit.run.source import Source
from omniedit.run.stages import select_stages
from omniedit.scoring.rubric import judge_fingerprint
from omniedit.sources.identity import digest_file, identify_sources
from omniedit.storage.archives import is_remote, list_archives
from omniedit.storage.processes import LAUNCHER, describe_launcher
from omniedit.storage.shards import SHARDS_A_BLOCK, number_of_blocks, shard_share
from omniedit.tasks import Task

cache_planning()
SOURCE = Source(workflow)
# A module's config comes from the workflow that uses it, whose files and options are not about this one.
IS_MODULE = workflow.modifier.skip_configfile
CONFIG_OPTIONS = {} if IS_MODULE else parse_options(workflow.config_settings.config_args)
on_command_line = list(workflow.config_settings.configfiles)
CONFIG_FILES = [Path(path) for path in workflow.configfiles if path not in on_command_line] + on_command_line
with one_line_errors():
    # Not for --lint, which writes nothing, nor for a dry-run, for which Snakemake keeps no log.
    if workflow.is_main_process and workflow.check_envvars and not workflow.output_settings.dryrun:
        check_writable_folder(Path(".snakemake"))
    os.environ.update(SOURCE.variables())
    DEFAULT_CONFIG = SOURCE.file("config/config.yaml")
    SOURCE.file("config/models.yaml")
    CONFIG = load_run(
        config, [] if IS_MODULE else CONFIG_FILES, DEFAULT_CONFIG, config if IS_MODULE else CONFIG_OPTIONS
    )
    check_no_prefix(workflow.modifier.path_modifier.replace_prefix(f"results/{CONFIG.run}"), CONFIG.run)
    ROLES = required_roles(CONFIG)
    IDENTITIES = identify_sources(CONFIG.sources, Path("results", CONFIG.run)) if workflow.is_main_process else []

SHARDS = [f"{shard:05d}" for shard in range(CONFIG.sources.shards)]
TEACHER_SHARDS = SHARDS[: CONFIG.scoring.teacher_shards]
BLOCKS = [f"{block:05d}" for block in range(number_of_blocks(len(SHARDS)))]
PARTS = [f"{part:05d}" for part in range(CONFIG.buckets.parts)]
TASKS = list(CONFIG.tasks.enabled)
EDITORS = list(CONFIG.train.editors)
MODELS = [*EDITORS, *BASELINES]
FOLDERS = [
    "scorer",
    "train/base",
    "train/inpainting",
    "train/{editor}",
    "train/encoded/{part}",
    "buckets",
    "buckets/parts/{part}",
]
STAGES = select_stages(CONFIG)

# A job that outlives a killed run would write beside its successor: jobs end with this process.
os.environ[LAUNCHER] = describe_launcher()


wildcard_constraints:
    run=re.escape(CONFIG.run),
    task="|".join(Task),
    shard=r"\d{5}",
    taught=r"\d{5}",
    block=r"\d{5}",
    part=r"\d{5}",
    editor="|".join(EDITORS),
    model="|".join(MODELS),


def of_run(path):
    """Fill {run}, and every other wildcard of the run with all its values; {taught} are the shards that the teacher scores."""
    return expand(
        path,
        run=CONFIG.run,
        task=TASKS,
        shard=SHARDS,
        photos=[*SHARDS, "bench"],
        taught=TEACHER_SHARDS,
        block=BLOCKS,
        part=PARTS,
        editor=EDITORS,
        model=MODELS,
        ratio=list(RATIOS),
    )


PREFLIGHT = Preflight(
    workflow,
    CONFIG,
    [Path(folder) for folder in of_run([f"results/{{run}}/{folder}" for folder in FOLDERS])],
    ROLES,
    IDENTITIES,
)
PREFLIGHT.register()


onstart:
    PREFLIGHT.check_plan()


def all_results(wildcards):
    """Return every file of the run, not only the last ones: Snakemake makes again only the files that it is asked for."""
    return of_run([f"results/{{run}}/{path}" for stage in STAGES for path in (stage.output, *stage.also)])


def verbatim(text):
    """Text for a param; a function, since Snakemake takes braces in a string for wildcards."""
    return lambda wildcards: text


def as_json(section):
    """Return a section of the config, without secrets, as one command-line argument."""
    return verbatim(json.dumps(redact_values(section.model_dump(mode="json")), separators=(",", ":")))


def weights_of_start(wildcards):
    """The weights of the student that the run's starts from, if it starts from one; their content counts, not their time."""
    folder = CONFIG.scoring.student.start_folder
    return ancient(str(folder / "model.safetensors")) if folder else []


def content_of_start(wildcards):
    folder = CONFIG.scoring.student.start_folder
    return content_of(str(folder / "model.safetensors")) if folder else ""


def pattern(path):
    """Of files of this run that a script reads all of, {task} and {shard} left open."""
    return verbatim(f"results/{CONFIG.run}/{path}")


def check_shares(rule, key, options):
    """End with a line where the ranks that the profile gives a training cannot share its batches."""
    resources = getattr(rules, rule).rule.resources
    if resources is None:  # of a module, which a workflow need not take all rules from
        return
    ranks = resources["nodes"].value * resources["ranks"].value
    if options.batch_size % (ranks * options.accumulate):
        sys.exit(
            f"error: {origin(key, CONFIG_FILES, CONFIG_OPTIONS)}: {key}: {options.batch_size} cannot be shared by the "
            f"profile's {ranks} ranks of {rule}, in {options.accumulate} parts each; make it a multiple of "
            f"{ranks * options.accumulate}"
        )


def all_shards(wildcards):
    """What fills a pattern: `omniedit.storage.shards`."""
    return f"--tasks {' '.join(TASKS)} --shards {len(SHARDS)}"


def all_blocks(wildcards):
    """What fills a pattern's {block}."""
    return f"--blocks {len(BLOCKS)}"


def taught_shards(wildcards):
    """As `all_shards`, for what the teacher scores."""
    return f"--tasks {' '.join(TASKS)} --shards {len(TEACHER_SHARDS)}"


def shards_of_task(wildcards):
    return f"--tasks {wildcards.task} --shards {len(SHARDS)}"


def specialist_of_task(wildcards):
    return CONFIG.tasks[Task(wildcards.task)].specialist


def proposals_of_shard(wildcards):
    """Where learned models make the pairs; else nothing."""
    if specialist_of_task(wildcards) != "learned":
        return []
    return f"results/{wildcards.run}/proposals/{wildcards.get('shard', 'bench')}.parquet"


def models_of_task(wildcards):
    """What tells where the models of a learned specialist lie."""
    if specialist_of_task(wildcards) != "learned":
        return []
    return [f"models/{role}.json" for role in roles_to_fetch(Task(wildcards.task), CONFIG.learned)]


def inpainting_of_task(wildcards):
    """The run's own inpainting specialist, where it paints."""
    task = Task(wildcards.task)
    if specialist_of_task(wildcards) != "learned" or not paints_by_itself(task, CONFIG.learned):
        return []
    return f"results/{wildcards.run}/train/inpainting/manifest.json"


def learnt_from(path):
    """The shards that the inpainting specialist learns from."""
    return expand(path, run=CONFIG.run, shard=SHARDS[: CONFIG.inpainting.shards])


def objects_of_shard(wildcards):
    """What embedded specialists find in the photos; learned ones look for themselves."""
    if specialist_of_task(wildcards) == "learned":
        return []
    return f"results/{wildcards.run}/objects/{wildcards.shard}.parquet"


def objects_of_bench(wildcards):
    """Of the benchmark's photos and of the shard that it borrows from."""
    if specialist_of_task(wildcards) == "learned":
        return []
    return [f"results/{wildcards.run}/objects/bench.parquet", *of_run("results/{run}/objects/{shard}.parquet")[:1]]


def specialist_options(wildcards, input):
    """What the task's specialist needs beside the photos."""
    if input.proposals:
        own = ["--inpainting", str(Path(input.inpainting).parent)] if input.inpainting else []
        return ["--learned", CONFIG.learned.model_dump_json(), "--proposals", input.proposals, *own]
    return ["--objects", *([input.objects] if isinstance(input.objects, str) else input.objects)]


def pairs_of_task(wildcards):
    return CONFIG.tasks[Task(wildcards.task)].pairs_per_shard


def photos_folder(wildcards):
    """A `Path`: Snakemake compares none with that of an earlier run, since content identifies photos, not their place.

    A function, as in `verbatim`.
    """
    return Path(CONFIG.sources.path) if CONFIG.sources.path else ""


def archive_of_shard(wildcards):
    """Of the first one, where the rule is for that alone; a `Path` as in `photos_folder`, or a URL without its
    secrets, which the job gets by its environment."""
    archive = archives()[int(wildcards.get("shard", 0))]
    return redact(archive) if is_remote(archive) else Path(archive)


@functools.cache
def archives():
    return list_archives(CONFIG.sources.path, CONFIG.sources.kind, len(SHARDS))


def content_of_sources(wildcards):
    """What tells Snakemake that photos, or a shard's archive, have changed. The job's own process does not need it."""
    return IDENTITIES[int(wildcards.get("shard", 0))].key if IDENTITIES else ""


@functools.cache
def content_of(path):
    """The same for a file of the user's that jobs read."""
    return digest_file(Path(path)) if workflow.is_main_process else ""


def proposer_of_run(wildcards):
    """What tells where the model lies that is asked for proposals, where jobs load it."""
    return f"models/{PROPOSER}.json" if CONFIG.proposals.source == "local" else []


def proposals_wanted(wildcards):
    """Proposals of each task that a shard's pairs, or the benchmark's, can use; of recorded ones all are taken."""
    if CONFIG.proposals.source == "replies":
        return "{}"
    per_task = {task: CONFIG.tasks[task].pairs_per_shard for task in CONFIG.tasks.learned}
    if wildcards.photos == "bench":
        per_task = dict.fromkeys(per_task, CONFIG.bench.pairs_per_task)
    return json.dumps({task: -(-pairs // CONFIG.learned.candidates) for task, pairs in per_task.items()})


def state_of_proposals(wildcards):
    """What decides them; of a file of replies, its content too."""
    if CONFIG.proposals.source != "replies":
        return CONFIG.proposals.asked
    return content_of(CONFIG.learned.replies)


def bench_option(wildcards, output):
    photos = f"--bench-photos {CONFIG.bench.photos} --seed {CONFIG.seed}"
    return f"{photos} --bench-tar {output.bench_photos} --bench {output.bench}"


def model_of_role(wildcards):
    """Its entry in config/models.yaml."""
    return get_model(wildcards.role).model_dump_json(by_alias=True)


def base_of_run(wildcards):
    """The run's own base, or what tells where a fetched one lies; of the one that ships, nothing."""
    if CONFIG.train.base.model is None:
        return f"results/{wildcards.run}/train/base/manifest.json"
    return f"models/{CONFIG.train.fetched_base}.json" if CONFIG.train.fetched_base else []


def base_folder(wildcards, input):
    """As scripts/train.py takes it."""
    if CONFIG.train.base.model is None:
        return Path(input.base).parent
    return input.base if CONFIG.train.fetched_base else SHIPPED


def encoded_of_run(wildcards):
    return of_run("results/{run}/train/encoded/{part}/manifest.json") if CONFIG.train.encode_once else []


def encoded_option(wildcards):
    return f"--encoded results/{wildcards.run}/train/encoded" if CONFIG.train.encode_once else ""


def given_base_option(wildcards):
    """What the card calls a base that the run did not make."""
    if CONFIG.train.base.model is None:
        return ""
    label = "the small SD3 that ships with OmniEdit"
    if CONFIG.train.fetched_base:
        model = get_model(CONFIG.train.fetched_base)
        label = f"{model.repository} at revision {model.revision} ({model.licence})"
    return f"--base {shlex.quote(label)}"


def base_metrics(wildcards):
    """Of the run's own base."""
    return [] if CONFIG.train.base.model else f"results/{wildcards.run}/train/base.metrics.jsonl"


def inpainting_metrics(wildcards):
    """Of the run's own inpainting specialist."""
    return f"results/{wildcards.run}/train/inpainting.metrics.jsonl" if trains_inpainting(CONFIG) else []


def student_of_run(wildcards):
    return f"results/{wildcards.run}/scorer/manifest.json" if CONFIG.trains_student else []


def student_option(wildcards, input):
    return f"--scorer {Path(input.scorer).parent}" if input.scorer else ""


def scorer_for(judge):
    """The student or the fetched model that a judge needs; else nothing."""
    if judge == "internvl":
        return f"models/{CONFIG.scoring.internvl.model}.json"
    return "results/{run}/scorer/manifest.json" if judge == "student" else []


def options_for(judge, run="{run}", scorer=None):
    """The options of a judge. Most are read from a file, so that a change of pace, budget or batch runs nothing again."""
    if judge in (None, "reference"):
        return f"--judge {judge}"
    config = f"--judge {judge} --config results/{run}/config.json"
    if judge == "api":
        return f"{config} --spent results/{run}/spent"
    return f"{config} --scorer {scorer if judge == 'internvl' else Path(scorer).parent}"


def scorer_option(wildcards, input):
    """The canary's, which reads its judge from the config."""
    if not input.scorer:
        return ""
    return f"--scorer {input.scorer if CONFIG.scoring.judge == 'internvl' else Path(input.scorer).parent}"


def judge_options(wildcards, input):
    return options_for(CONFIG.scoring.judge, wildcards.run, input.scorer)


def bench_judge_options(wildcards, input):
    return options_for(CONFIG.bench.judge, wildcards.run, input.scorer)


def pairs_taught(wildcards):
    """At most so many of a shard's pairs are shown to the teacher."""
    if CONFIG.scoring.teacher_pairs is None:
        return ""
    shard, shards = int(wildcards.taught), len(TEACHER_SHARDS)
    return f"--pairs {shard_share(CONFIG.scoring.teacher_pairs, shard, shards)}"


# Where the judge of the run is the teacher, the pairs as they are need no second look.
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
    """Where another judge gave the run's scores, what to hold these against."""
    other = CONFIG.trains_student and CONFIG.scoring.judge != CONFIG.scoring.teacher
    return of_run("results/{run}/teacher/{task}/{taught}.parquet") if other else []


def teacher_option(wildcards, input):
    if not input.teacher:
        return []
    return ["--teacher", f"results/{wildcards.run}/teacher/{{task}}/{{shard}}.parquet", "--taught", len(TEACHER_SHARDS)]


def decisions_of_block(wildcards):
    first = int(wildcards.block) * SHARDS_A_BLOCK
    shards = SHARDS[first : first + SHARDS_A_BLOCK]
    return expand("results/{run}/decisions/{task}/{shard}.parquet", run=wildcards.run, task=TASKS, shard=shards)


def scratch_option(wildcards, resources):
    return ["--scratch", resources.scratch] if resources.scratch else []


def gallery_labels(wildcards):
    return {"pairs": Task(wildcards.task).label}


def other_pages(wildcards):
    """Return every page but those that measure all jobs, those of the report too."""
    measures = ("throughput.html", "efficiency.html")
    pages = [stage.output for stage in STAGES if stage.output.startswith("report/")]
    return of_run([f"results/{{run}}/{page}" for page in pages if not page.endswith(measures)])


def editor_of_model(wildcards):
    """The trained editor where the benchmark's model is one; the baselines need none."""
    return f"results/{wildcards.run}/train/{wildcards.model}/manifest.json" if wildcards.model in EDITORS else []


def pipeline_option(wildcards, input):
    return f"--pipeline {Path(input.editor).parent}" if input.editor else ""
