"""Subjects in the DAG: a dry run plans one job of experts for each shard, and the chain behind them."""

from pathlib import Path

import pytest

from helpers.chain import REPOSITORY, checkout, environment
from helpers.preloaded import run_snakemake
from omniedit.config.loading import load
from omniedit.config.schema import Config
from omniedit.models.registry import required_roles

SUTI = REPOSITORY / "config/suti.yaml"


def test_dry_run_plans_a_job_of_experts_per_shard_and_the_chain_to_the_report(tmp_path: Path) -> None:
    root = checkout(tmp_path, {"sources": {"shards": 40}, "subjects": {"per_shard": 1}})
    options = ["--configfile", str(SUTI), "small.yaml", "--cores", "2", "--dry-run", "--quiet", "rules"]
    done = run_snakemake([*options, "all"], root, environment())
    assert done.returncode == 0, done.stderr[-2000:]
    jobs = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
    assert jobs["cluster_subjects"] == jobs["train_experts"] == jobs["score_shard"] == "40"
    assert jobs["hold_out_pairs"] == jobs["train_editor"] == jobs["report_summary"] == "1"
    assert not {"index_sources", "synthesize_shard", "import_shard"} & set(jobs)


def test_the_config_has_at_least_40_subjects_and_all_skills() -> None:
    config = load(SUTI)
    assert config.subjects.per_shard * config.sources.shards >= 40
    assert len(config.subjects.tasks) == 6 and config.groups == ("subjects",)


def test_learned_experts_fetch_their_base_and_filters() -> None:
    subjects = {"source": "cut_outs", "features": "metrics_dino", "text_features": "metrics_clip"}
    expert = {"kind": "lora", "base": "generation"}
    judged = {"judge": "internvl", "teacher": None}
    config = Config.model_validate({"subjects": subjects | {"expert": expert}, "scoring": judged})
    assert {"metrics_dino", "metrics_clip", "generation"} <= set(required_roles(config))


LORA = {"kind": "lora", "base": "shipped"}
ROWS = {"source": "rows", "path": "rows.parquet", "expert": LORA}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"subjects": {"source": "rows"}}, "path is required for source `rows`"),
        ({"subjects": {"source": "rows", "path": "a.parquet"}}, "rendered needs source cut_outs"),
        ({"subjects": {"expert": {"kind": "lora"}}}, "kind lora needs a base"),
        ({"subjects": {"source": "cut_outs", "captions": "model"}}, "captions: model needs source rows"),
        ({"subjects": {"source": "cut_outs", "prompts": "model"}}, "prompts: model needs expert.kind lora"),
        ({"subjects": {**ROWS, "image_column": "url"}}, "'url' has two meanings; name another column"),
        ({"subjects": {**ROWS, "text_column": "licence"}}, "'licence' has two meanings; name another column"),
        ({"subjects": {"expert": {**LORA, "token": "a b"}}}, "token: 'a b' is not one word; give one, such as sks"),
        ({"subjects": {"min_text": 0.3}}, "min_text needs text_features, the role of a CLIP"),
        ({"subjects": {"max_similarity": 0.6}}, "max_similarity must be more than min_similarity"),
        (
            {
                "subjects": {"source": "cut_outs", "prompts": "model", "expert": {"kind": "lora", "base": "shipped"}},
                "scoring": {"judge": "internvl", "teacher": None},
            },
            "recorded replies write no captions or prompts",
        ),
        ({"train": {"instruction_encoder": {"width": 100}}}, "width 100 is not a multiple of heads, 8"),
        (
            {"subjects": {"source": "cut_outs", "expert": {"kind": "lora", "base": "shipped"}}},
            "reference cannot score the pairs of learned experts",
        ),
        ({"sources": {"kind": "none"}}, "or give imports or subjects"),
    ],
)
def test_an_invalid_combination_is_named(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config.model_validate(values)
