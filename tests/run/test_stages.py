"""Tests that the stages of a run are those of the workflow's rules."""

import re
from pathlib import Path

import pytest

from omniedit.config.schema import Config
from omniedit.run.stages import STAGES, Stage, select_stages

RULES = Path(__file__).parents[2] / "workflow/rules"
RULE = re.compile(
    r"^ *(?:use rule (?P<like>\w+) as|rule) (?P<name>\w+)[^\n]*:\n(?P<body>.*?)(?=^ *(?:use )?rule |\Z)", re.M | re.S
)
PART_OF_STREAM_SOURCES = "stream_first_sources"
MODELS = {"fetch_models", "fetch_model"}
"""Rules whose outputs belong to no run."""


def read_rules() -> dict[str, str]:
    """Return the text of each rule, with the text of the rule it inherits from."""
    found = {m["name"]: m for path in RULES.glob("*.smk") for m in RULE.finditer(path.read_text())}
    return {name: m["body"] + (found[m["like"]]["body"] if m["like"] else "") for name, m in found.items()}


def test_every_rule_is_a_stage() -> None:
    assert {stage.rule for stage in STAGES} | MODELS | {PART_OF_STREAM_SOURCES} == set(read_rules())


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.rule)
def test_stage_names_the_output_and_log_of_its_rule(stage: Stage) -> None:
    body = read_rules()[stage.rule].replace("{{", "{").replace("}}", "}")
    assert f"results/{{run}}/{stage.output}" in body
    assert f'"logs/{{run}}/{stage.log}"' in body
    more = read_rules()[PART_OF_STREAM_SOURCES] if stage.rule == "stream_sources" else ""
    for path in stage.other_outputs:
        assert path.rpartition("/")[2] in body + more


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({}, {"index_sources", "score_shard", "teach_shard", "train_student", "pretrain_base", "report_agreement"}),
        ({"sources": {"kind": "webdataset", "path": "."}}, {"stream_sources", "gather_index"}),
        ({"scoring": {"teacher": None}}, {"score_shard"}),
        ({"grow": {"inverse": True}}, {"grow_pairs"}),
        ({"train": {"encode_once": True, "base": {"model": "shipped"}}}, {"encode_pairs"}),
    ],
)
def test_config_selects_the_stages_of_a_run(changes: dict, rules: set[str]) -> None:
    config = Config.model_validate({"run": "mine", **changes})
    stages = select_stages(config)
    chosen = {stage.rule for stage in stages}
    assert rules <= chosen
    assert ("index_sources" in chosen) != ("stream_sources" in chosen)
    assert ("teach_shard" in chosen) == ("train_student" in chosen) == ("scoring" not in changes)
    assert len({(stage.output, *stage.tasks(config)) for stage in stages}) == len(stages)


def test_derived_pairs_are_judged_but_never_used_as_lessons() -> None:
    values = {"grow": {"inverse": True, "composed": True}, "scoring": {"judge": "student", "teacher": "reference"}}
    config = Config.model_validate({"run": "mine", "gates": {"pairs": "all"}, **values})
    stages = {stage.rule: stage.tasks(config) for stage in select_stages(config)}
    assert stages["grow_pairs"] == ("inverse", "composed")
    assert {"inverse", "composed"} <= set(stages["score_shard"]) and {"inverse"} <= set(stages["decide_shard"])
    assert not {"inverse", "composed"} & {*stages["teach_shard"], *stages["sign_shard"], *stages["bench_edit"]}
