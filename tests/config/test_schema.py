"""Tests of the whole config: sections that depend on each other, judges, endpoints, defaults."""

import re
from pathlib import Path

import pytest
import yaml

from omniedit.config.loading import check, load
from omniedit.config.schema import Config, SourcesConfig, reply_limit
from omniedit.errors import UserError
from omniedit.models.registry import required_roles
from omniedit.tasks import OMNIEDIT_TASKS, Task

JUDGED_BY_A_MODEL = {"scoring": {"judge": "internvl", "teacher": None}, "bench": {"judge": "internvl"}}
ENDPOINT = {"url": "https://example.org/v1", "model": "gpt"}
PLAIN_STUDENT = {"judge": "student"}
OWN_ENDPOINT = {"judge": "api", "api": {"url": "https://u:p@example.org/v1", "model": "gpt", "key_env": "OWN_KEY"}}
ROOT = Path(__file__).parents[2]


def test_learned_task_needs_replies_unless_it_is_disabled() -> None:
    task = {"specialist": "learned", "pairs_per_shard": 4}
    with pytest.raises(
        UserError, match=r"learned.replies is needed, or another .* since tasks.style_transfer.specialist is"
    ):
        check({"tasks": {"style_transfer": task}, **JUDGED_BY_A_MODEL})
    config = check({"tasks": {"style_transfer": task}, "learned": {"replies": "replies.jsonl"}, **JUDGED_BY_A_MODEL})
    assert config.tasks.learned == (Task.STYLE_TRANSFER,)
    assert {"style", "style_configs", "judge"} == set(required_roles(config))
    assert check({"tasks": {"style_transfer": {**task, "pairs_per_shard": 0}}}).tasks.learned == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scoring": {"teacher": None}}, "scoring.judge: reference cannot score the pairs of learned specialists"),
        ({"scoring": {"judge": "internvl"}}, "scoring.teacher: reference cannot score .*; give api, or null"),
        ({"bench": {"judge": "reference"}}, r"bench.judge: reference .*\(tasks.object_swap.specialist\); give api"),
    ],
)
def test_reference_judge_is_rejected_for_learned_specialists(change: dict, message: str) -> None:
    values = {"tasks": {"object_swap": {"specialist": "learned"}}, "learned": {"replies": "replies.jsonl"}}
    assert check(values | JUDGED_BY_A_MODEL).tasks.learned
    with pytest.raises(UserError, match=message):
        check(values | JUDGED_BY_A_MODEL | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bench": {"judge": "api"}}, "bench.judge: api needs scoring.api.url and scoring.api.model"),
        ({"bench": {"judge": "student"}, "scoring": {"teacher": None}}, "bench.judge: student needs a scoring.teacher"),
    ],
)
def test_benchmark_judge_requires_its_settings(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(change)
    assert check({"bench": {"judge": "api"}, "scoring": {"api": ENDPOINT}}).judges == {
        "scoring.judge": "reference",
        "scoring.teacher": "reference",
        "bench.judge": "api",
    }


def test_default_config_is_valid_and_names_every_task() -> None:
    path = ROOT / "config/config.yaml"
    assert load(path).run == "mini"
    assert set(yaml.safe_load(path.read_text())["tasks"]) == set(OMNIEDIT_TASKS)


def test_ablations_must_differ_from_the_editor_and_be_known_architectures() -> None:
    assert check({"train": {"ablations": ["controlnet"]}}).train.editors == ("editnet", "controlnet")
    with pytest.raises(UserError, match="must differ from each other and from model editnet"):
        check({"train": {"ablations": ["editnet"]}})
    with pytest.raises(UserError, match=r"train\.model: \"unet\" is not allowed; allowed: 'editnet', 'controlnet'"):
        check({"train": {"model": "unet"}})


def test_tilde_in_a_path_expands_to_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    sources = SourcesConfig(kind="folder", path="~/photos")
    assert sources.path == str(tmp_path / "photos")


def test_image_column_is_allowed_only_for_parquet() -> None:
    assert SourcesConfig(kind="parquet", path="a.parquet", image_column="src_img").image_column == "src_img"
    with pytest.raises(ValueError, match="image_column is only for kind `parquet`"):
        SourcesConfig(kind="folder", path="a", image_column="src_img")


def test_budgets_need_a_limit_on_reply_length() -> None:
    api = {"url": "http://host/v1", "model": "m", "key_env": None, "max_tokens": 1000, "request": {"max_tokens": None}}
    with pytest.raises(ValueError, match="max_tokens and max_money need a limit on replies"):
        Config.model_validate({"run": "mine", "scoring": {"api": api}})
    api["request"] = {"max_tokens": None, "max_completion_tokens": 500, "n": 2}
    assert Config.model_validate({"run": "mine", "scoring": {"api": api}}).scoring.api.max_tokens == 1000
    assert reply_limit({"max_tokens": None, "max_completion_tokens": 500, "n": 2}, 400) == 1000
    assert (reply_limit({}, 400), reply_limit({"max_tokens": None}, 400)) == (400, None)


def test_password_in_an_address_is_not_part_of_the_fingerprint() -> None:
    api = {"url": "http://bob:hunter2@host/v1", "model": "m", "key_env": None}
    scoring = Config.model_validate({"run": "mine", "scoring": {"judge": "api", "api": api}}).scoring
    assert "hunter2" not in scoring.api.fingerprint and "http://***@host/v1" in scoring.api.fingerprint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ensemble": {"judges": {"a": PLAIN_STUDENT}}}, "judge: ensemble needs two or more judges in ensemble.judges"),
        ({"ensemble": {"judges": {"a": PLAIN_STUDENT, "b/c": PLAIN_STUDENT}}}, "the name 'b/c' may have only letters"),
        ({"ensemble": {"judges": {"a": PLAIN_STUDENT, "b": {"judge": "api"}}}}, "ensemble.judges.b: api needs api.url"),
        (
            {"ensemble": {"judges": {"a": PLAIN_STUDENT, "b": PLAIN_STUDENT}, "min_judges": 3}},
            "min_judges: 3 is more than the 2",
        ),
        (
            {"teacher": None, "ensemble": {"judges": {"a": PLAIN_STUDENT, "b": OWN_ENDPOINT}}},
            "scoring.ensemble.judges.a.judge: student needs a scoring.teacher",
        ),
    ],
)
def test_ensembles_require_their_settings(changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        check({"scoring": {"judge": "ensemble", **changes}})


def test_judges_of_an_ensemble_add_their_endpoints_and_roles() -> None:
    judges = {"a": {"judge": "vlm", "vlm": {"model": "qwen25_vl"}}, "b": OWN_ENDPOINT}
    config = check(
        {"scoring": {"judge": "ensemble", "ensemble": {"judges": judges}}, "filter": {"max_disagreement": 2}}
    )
    assert [api.key_env for api in config.endpoints] == ["OWN_KEY"] and config.judging_roles == ["qwen25_vl"]
    with pytest.raises(UserError, match="max_disagreement: applies only to several judges"):
        check({"filter": {"max_disagreement": 2}})
    unused = check({"scoring": {"ensemble": {"judges": judges}}})
    assert unused.endpoints == [] and unused.judging_roles == [], "the run's judge is another one"
