"""Stages of a run: the files that each rule makes, and the configs that need the rule.

The workflow and `omniedit status` both read this list. A test compares it with the rules of workflow/rules/.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from omniedit.config.schema import SUBJECTS, Config
from omniedit.models.roles import trains_inpainting


@dataclass(frozen=True)
class Stage:
    """Stage of a run: a Snakemake rule and the files its jobs make.

    Args:
        rule: name of the rule.
        output: file below results/{run} that shows that a job is done, with the wildcards that distinguish the jobs.
        log: file below logs/{run}.
        applies: function that returns a true value if a run of this config has the stage; None for every run.
        other_outputs: further files below results/{run} that `snakemake all` makes.
        tasks: values of the wildcard {task}: tasks, names of imported data sets, and groups of derived pairs.
        judges: values of the wildcard {judge}: names of judges of the ensemble.
    """

    rule: str
    output: str
    log: str
    applies: Callable[[Config], object] | None = None
    other_outputs: tuple[str, ...] = ()
    tasks: Callable[[Config], Sequence[str]] = attrgetter("groups")
    judges: Callable[[Config], Sequence[str]] = lambda config: list(config.ensemble_judges)


def _if_proposals_from(source: str) -> Callable[[Config], object]:
    return lambda config: config.learned_tasks and config.proposals.source == source


def _if_teacher_is(teacher: str) -> Callable[[Config], bool]:
    return lambda config: config.trains_student and config.scoring.teacher == teacher


def _finetunes_student(config: Config) -> bool:
    return config.trains_student and bool(config.scoring.finetune.model)


_FROM_PHOTOS = attrgetter("sources.are_photos")
_FROM_ARCHIVES = attrgetter("sources.are_archives")
_HAS_ENSEMBLE = attrgetter("ensemble_judges")
_HAS_GATES = attrgetter("gate_groups")
_HAS_BENCH_SETS = attrgetter("bench.sets")


def _from_files(config: Config) -> bool:
    return config.sources.are_photos and not config.sources.are_archives


def _has_subjects(config: Config) -> bool:
    return SUBJECTS in config.pair_groups


def _ensemble_stage(rule: str, uses_endpoint: bool) -> Stage:
    """Return the scoring stage for the ensemble judges that use an endpoint, or for those that do not."""

    def judges(config: Config) -> list[str]:
        return [name for name, each in config.ensemble_judges.items() if (each.judge == "api") is uses_endpoint]

    output, log = "judges/{judge}/{task}/{shard}.parquet", "score/{judge}/{task}/{shard}.log"
    return Stage(rule, output, log, judges, judges=judges)


def _page(name: str, applies: Callable[[Config], object] | None = None) -> Stage:
    """Return the stage for a page of the report."""
    return Stage(f"report_{name}", f"report/{name}.html", f"report_{name}.log", applies)


STAGES = (
    Stage("index_sources", "sources/index.parquet", "index_sources.log", _from_files, ("sources/bench.parquet",)),
    Stage("pack_sources", "sources/{photos}.tar", "pack_sources/{photos}.log", _from_files),
    Stage(
        "stream_sources",
        "sources/index/{shard}.parquet",
        "stream_sources/{shard}.log",
        _FROM_ARCHIVES,
        ("sources/{shard}.tar", "sources/bench.tar", "sources/bench.parquet"),
    ),
    Stage("gather_index", "sources/index.parquet", "gather_index.log", _FROM_ARCHIVES),
    Stage("propose_shard", "proposals/{photos}.parquet", "propose/{photos}.log", _if_proposals_from("replies")),
    Stage("ask_for_proposals", "proposals/{photos}.parquet", "propose/{photos}.log", _if_proposals_from("api")),
    Stage("generate_proposals", "proposals/{photos}.parquet", "propose/{photos}.log", _if_proposals_from("local")),
    Stage("ground_shard", "objects/{photos}.parquet", "ground/{photos}.log", _FROM_PHOTOS),
    Stage(
        "synthesize_shard",
        "candidates/{task}/{shard}.h5",
        "synthesize/{task}/{shard}.log",
        _FROM_PHOTOS,
        tasks=attrgetter("specialist_tasks"),
    ),
    Stage(
        "import_shard",
        "candidates/{task}/{shard}.h5",
        "import/{task}/{shard}.log",
        attrgetter("data_sets"),
        tasks=attrgetter("data_sets"),
    ),
    Stage("cluster_subjects", "subjects/{shard}.parquet", "cluster_subjects/{shard}.log", _has_subjects),
    Stage(
        "train_experts",
        "candidates/{task}/{shard}.h5",
        "train_experts/{task}/{shard}.log",
        _has_subjects,
        tasks=lambda config: (SUBJECTS,),
    ),
    Stage(
        "score_shard",
        "scores/{task}/{shard}.parquet",
        "score/{task}/{shard}.log",
        lambda config: config.scoring.judge not in ("api", "ensemble"),
    ),
    Stage(
        "ask_shard",
        "scores/{task}/{shard}.parquet",
        "score/{task}/{shard}.log",
        lambda config: config.scoring.judge == "api",
    ),
    _ensemble_stage("score_by_judge", uses_endpoint=False),
    _ensemble_stage("ask_by_judge", uses_endpoint=True),
    Stage("combine_scores", "scores/{task}/{shard}.parquet", "combine/{task}/{shard}.log", _HAS_ENSEMBLE),
    Stage(
        "grow_pairs",
        "candidates/{task}/{shard}.h5",
        "grow/{task}/{shard}.log",
        attrgetter("grow.derived"),
        tasks=attrgetter("grow.derived"),
    ),
    Stage(
        "recaption_shard",
        "candidates/{task}/{shard}.h5",
        "recaption/{task}/{shard}.log",
        attrgetter("grow.recaption"),
        tasks=lambda config: ("recaptioned",),
    ),
    Stage("index_imports", "sources/imports.parquet", "index_imports.log", attrgetter("pair_groups")),
    Stage(
        "score_canary",
        "canary.json",
        "score_canary.log",
        lambda config: config.scoring.canary and not config.ensemble_judges,
    ),
    Stage(
        "score_canary_by_judge",
        "canary/{judge}.json",
        "score_canary/{judge}.log",
        lambda config: config.scoring.canary and config.ensemble_judges,
    ),
    Stage(
        "sign_shard",
        "faults/signatures/{task}/{shard}.parquet",
        "sign/{task}/{shard}.log",
        _HAS_GATES,
        tasks=attrgetter("gate_groups"),
    ),
    Stage("find_faults", "faults/findings.parquet", "find_faults.log", _HAS_GATES),
    Stage("decide_shard", "decisions/{task}/{shard}.parquet", "decide/{shard}.log"),
    Stage("gather_decisions", "decisions/gathered/{block}.parquet", "gather_decisions/{block}.log"),
    *(
        Stage(
            rule,
            "teacher/{task}/{teacher_shard}.parquet",
            "teach/{task}/{teacher_shard}.log",
            _if_teacher_is(teacher),
            tasks=attrgetter("teacher_groups"),
        )
        for rule, teacher in (("teach_shard", "reference"), ("ask_teacher", "api"))
    ),
    Stage(
        "train_student",
        "scorer/manifest.json",
        "train_student.log",
        lambda config: config.trains_student and not config.scoring.finetune.model,
        other_outputs=("replies.parquet",),
    ),
    Stage("finetune_student", "scorer/manifest.json", "train_student.log", _finetunes_student),
    Stage("show_replies", "replies.parquet", "show_replies.log", _finetunes_student),
    Stage("plan_buckets", "buckets/plan.parquet", "plan_buckets.log"),
    Stage("write_buckets", "buckets/parts/{part}/manifest.json", "write_buckets/{part}.log"),
    Stage(
        "seal_buckets",
        "buckets/manifest.json",
        "seal_buckets.log",
        other_outputs=("buckets/{ratio}.zarr/zarr.json", "buckets/{ratio}.zarr/pairs.parquet"),
    ),
    Stage(
        "pretrain_base",
        "train/base/manifest.json",
        "pretrain_base.log",
        lambda config: not config.train.base.model,
        ("train/base.metrics.jsonl",),
    ),
    Stage(
        "train_inpainting",
        "train/inpainting/manifest.json",
        "train_inpainting.log",
        trains_inpainting,
        ("train/inpainting.metrics.jsonl",),
    ),
    Stage(
        "encode_pairs", "train/encoded/{part}/manifest.json", "encode_pairs/{part}.log", attrgetter("train.encode_once")
    ),
    Stage(
        "align_encoder",
        "train/encoder/manifest.json",
        "align_encoder.log",
        lambda config: config.train.instruction_encoder.model is not None,
        ("train/encoder.metrics.jsonl",),
    ),
    Stage(
        "train_editor",
        "train/{editor}/manifest.json",
        "train_editor/{editor}.log",
        other_outputs=("train/{editor}.metrics.jsonl",),
    ),
    Stage(
        "synthesize_bench",
        "bench/set/{task}.h5",
        "synthesize_bench/{task}.log",
        _FROM_PHOTOS,
        tasks=attrgetter("specialist_tasks"),
    ),
    Stage(
        "hold_out_pairs",
        "bench/set/{task}.h5",
        "hold_out_pairs.log",
        lambda config: not config.sources.are_photos,
        ("sources/bench.parquet",),
        tasks=attrgetter("pair_groups"),
    ),
    Stage("bench_edit", "bench/{model}/{task}.h5", "bench_edit/{model}.log", tasks=attrgetter("bench_groups")),
    Stage(
        "bench_score",
        "bench/{model}/{task}.parquet",
        "bench_score/{model}.log",
        tasks=attrgetter("bench_groups"),
    ),
    Stage("export_pairs", "export/{format}/README.md", "export/{format}.log", attrgetter("export.formats")),
    Stage("bench_table", "bench/table3.parquet", "bench_table.log", other_outputs=("bench/table3.md",)),
    Stage(
        "compare_edit",
        "bench/sets/{comparison}/{entry}/edited.{portion}",
        "compare_edit/{comparison}/{entry}.{portion}.log",
        _HAS_BENCH_SETS,
    ),
    Stage(
        "compare_score",
        "bench/sets/{comparison}/{entry}/scores/{bench_judge}.parquet",
        "compare_score/{comparison}/{entry}.{bench_judge}.log",
        _HAS_BENCH_SETS,
    ),
    Stage(
        "compare_measure",
        "bench/sets/{comparison}/{entry}/metrics.parquet",
        "compare_measure/{comparison}/{entry}.log",
        _HAS_BENCH_SETS,
    ),
    Stage(
        "compare_table",
        "bench/sets/{comparison}/table.md",
        "compare_table/{comparison}.log",
        _HAS_BENCH_SETS,
        ("bench/sets/{comparison}/table.csv", "bench/sets/{comparison}/table.tex"),
    ),
    Stage("model_card", "train/{editor}/README.md", "model_card/{editor}.log"),
    Stage("report_gallery", "report/gallery.{task}.html", "report_gallery.log"),
    Stage("report_sheet", "report/pairs.jpg", "report_sheet.log"),
    *(
        _page(name)
        for name in ("summary", "filter", "thresholds", "training", "benchmark", "side_by_side", "provenance")
    ),
    _page("agreement", attrgetter("trains_student")),
    _page("proposals", attrgetter("learned_tasks")),
    _page("throughput"),
    _page("efficiency", lambda config: shutil.which("sacct") is not None),
)
"""All stages in the order of `omniedit status`."""


def select_stages(config: Config) -> list[Stage]:
    """Return the stages that a run of this config has."""
    return [stage for stage in STAGES if stage.applies is None or stage.applies(config)]
