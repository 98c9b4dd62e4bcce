"""Checked config, wildcard constraints and helper functions of all stages.

REQUIRED INPUTS: config/config.yaml of the source; config/config.yaml of the working folder, --configfile and --config
    override it, in this order.
OUTPUTS: none. A wrong key, type or value stops Snakemake here with one line, before the first job.
"""

import json
import sys

from omniedit.architectures import BASELINES
from omniedit.aspect import RATIOS
from omniedit.config.loading import origin
from omniedit.config.schema import DEFECTS_VERSION, PretrainingOptions, SUBJECTS, VIEWS_VERSION
from omniedit.models.roles import trains_inpainting
from omniedit.redaction import redact_values
from omniedit.run.parsing import read_run
from omniedit.run.stages import select_stages
from omniedit.scoring.rubric_registry import judge_fingerprint
from omniedit.storage.shard_paths import number_of_blocks

RUN = read_run(workflow, config)
CONFIG = RUN.config

SHARDS = [f"{shard:05d}" for shard in range(CONFIG.sources.shards)]
TEACHER_SHARDS = SHARDS[: CONFIG.scoring.teacher_shards]
BLOCKS = [f"{block:05d}" for block in range(number_of_blocks(len(SHARDS)))]
PARTS = [f"{part:05d}" for part in range(CONFIG.buckets.parts)]
GROUPS = list(CONFIG.groups)
FIRST_GROUPS = list(CONFIG.first_groups)
BENCH_GROUPS = list(CONFIG.bench_groups)
MEMBERS = list(CONFIG.ensemble_judges)
TEACHER_GROUPS = list(CONFIG.teacher_groups)
# Pattern of the tasks that specialists make pairs for; it matches nothing if the run starts from pairs.
SPECIALIST_TASKS = "|".join(CONFIG.specialist_tasks) or "(?!)"
EDITORS = list(CONFIG.train.editors)
MODELS = [*EDITORS, *BASELINES]
COMPARISONS = list(CONFIG.bench.sets)
ENTRIES = list(CONFIG.compared_editors)
STAGES = select_stages(CONFIG)


wildcard_constraints:
    run=re.escape(CONFIG.run),
    task="|".join(map(re.escape, GROUPS)),
    shard=r"\d{5}",
    teacher_shard=r"\d{5}",
    judge="|".join(map(re.escape, MEMBERS)) or "(?!)",
    block=r"\d{5}",
    part=r"\d{5}",
    editor="|".join(EDITORS),
    model="|".join(MODELS),
    comparison="|".join(map(re.escape, COMPARISONS)) or "(?!)",
    entry="|".join(map(re.escape, ENTRIES)),
    bench_judge="|".join(map(re.escape, CONFIG.bench.judge_names)),
    portion="|".join(CONFIG.bench.portions),


def expand_run(path, task=GROUPS, judge=MEMBERS):
    """Expand every wildcard to all its values in the run; {teacher_shard} are the shards that the teacher scores.

    {task} are the tasks that specialists make pairs for, the names of imported data sets and the groups of derived
    pairs, or those given.
    """
    return expand(
        path,
        run=CONFIG.run,
        task=task,
        shard=SHARDS,
        photos=[*SHARDS, "bench"],
        teacher_shard=TEACHER_SHARDS,
        judge=judge,
        block=BLOCKS,
        part=PARTS,
        editor=EDITORS,
        model=MODELS,
        ratio=list(RATIOS),
        format=CONFIG.export.formats,
        comparison=COMPARISONS,
        entry=ENTRIES,
        bench_judge=CONFIG.bench.judge_names,
        portion=CONFIG.bench.portions,
    )


onstart:
    RUN.preflight.check_plan()


def all_results(wildcards):
    """Return every file of the run, not only the last ones: Snakemake remakes only requested files."""
    return [
        path
        for stage in STAGES
        for path in expand_run(
            [f"results/{{run}}/{path}" for path in (stage.output, *stage.other_outputs)],
            stage.tasks(CONFIG),
            stage.judges(CONFIG),
        )
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


def run_pattern(path):
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


def shards_option(wildcards):
    """Return the options that fill a pattern (`run_pattern`, `omniedit.storage.shard_paths`)."""
    return f"--tasks {' '.join(GROUPS)} --shards {len(SHARDS)}"


def blocks_option(wildcards):
    """Return the option that fills {block} of a pattern."""
    return f"--blocks {len(BLOCKS)}"


def get_indexes(wildcards):
    """Return the indexes of the photos and of the imported pairs' sources."""
    names = ["index"] * CONFIG.sources.are_photos + ["imports"] * bool(CONFIG.pair_groups)
    return [f"results/{wildcards.run}/sources/{name}.parquet" for name in names]
