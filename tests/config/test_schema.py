"""Tests that config errors are one line with file, key and allowed values, and that generated files are current."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from omniedit.config import schema as config_schema
from omniedit.config.arguments import read_section
from omniedit.config.docs import README_PATH, SCHEMA_PATH, key_table, readme_with_table, schema
from omniedit.config.loading import check, load
from omniedit.config.schema import Config, SourcesConfig, reply_limit
from omniedit.errors import UserError
from omniedit.models.registry import required_roles
from omniedit.tasks import ANYEDIT_TASKS, COMPLEX_TASKS, NOT_EMBEDDED, OMNIEDIT_TASKS, Task

ROOT = Path(__file__).parents[2]

WRONG = [
    ("sed: 1", "sed: unknown key; allowed here: run, seed, sources, tasks"),
    ("seed: x", 'seed: "x" is not allowed; allowed: a valid integer'),
    (
        "run: 2026-11-28",
        'run: 2026-11-28 is read as a date, but text is needed; put it in quotes: "2026-11-28"',
    ),
    ("run: 123_456", "run: 123456 is read as a number, but text is needed; put it in quotes"),
    (
        "scoring: {api: {model: 4.10}}",
        "scoring.api.model: 4.1 is read as a number, but text is needed; put it in quotes",
    ),
    ("run: no", "run: false is read as true or false, but text is needed; put it in quotes"),
    ("seed: true", "seed: true is not allowed; allowed: a valid integer"),
    (
        "run: a/b",
        "run: \"a/b\" is not allowed; allowed: letters, digits, '_', '.' and '-', starting with a letter or digit",
    ),
    ("filter: {min_score: 11}", "filter.min_score: 11 is not allowed; allowed: less than or equal to 10"),
    ("filter: 9", "filter: 9 is not allowed; allowed: a mapping of keys to values"),
    ("buckets: {base_size: 1000}", "buckets.base_size: 1000 is not allowed; allowed: a multiple of 16"),
    ("sources: {crop: center}", "sources.crop: \"center\" is not allowed; allowed: 'centre' or 'saliency'"),
    ("sources: {kind: folder}", "sources: path is required for every kind except `sample` and `none`, which take none"),
    (
        "sources: {kind: sample, path: /tmp}",
        "sources: path is required for every kind except `sample` and `none`, which take none",
    ),
    ("tasks: {object_swap: {pairs: 3}}", "tasks.object_swap.pairs: unknown key; allowed here: pairs_per_shard"),
    ("tasks: {swap: {}}", "tasks.swap: unknown key; allowed here: object_swap, object_removal"),
    ("train: {text_dropout: 0.9, image_dropout: 0.2}", "train: text_dropout + image_dropout + both_dropout must not"),
    ("scoring: {judge: api}", "scoring: judge: api needs api.url and api.model"),
    (
        "scoring: {api: {url: localhost}}",
        'scoring.api.url: "localhost" is not allowed; allowed: an address that starts with http:// or https://',
    ),
    (
        "scoring: {api: {request: {messages: []}}}",
        "scoring.api: request must not contain messages; the prompt sets them",
    ),
    (
        "scoring: {api: {model: a, request: {model: b}}}",
        "scoring.api: request must not contain model; the key model sets it to a",
    ),
    ("grow: {inverse: 1}", "grow.inverse: 1 is not allowed"),
    (
        "grow: {recaption: true}\nscoring: {judge: student, teacher: reference}",
        "grow.recaption: recorded replies cannot look at edits; give proposals.source api or local",
    ),
    (
        "grow: {composed: true}",
        "scoring.judge: reference cannot score the pairs of grow.composed; give api, vlm, internvl",
    ),
    (
        "grow: {inverse: true}\nimports: {inverse: {format: omniedit, path: x}}",
        "imports: the name 'inverse' is a group of `grow`; give another one",
    ),
    ("proposals: {api: {request: {messages: []}}}", "proposals.api: request must not contain messages"),
    ("scoring: {api: {max_money: 5}}", "scoring.api: max_money needs prompt_price and completion_price"),
    ("seed: x\nrun: ''", "(and 1 more)"),
    ("[1]", "a config is a mapping of keys to values, found list"),
    ("seed: [", "not valid YAML"),
    ("seed: 1\nseed: 2", "not valid YAML: the key 'seed' is given twice at line 2"),
    ("# nothing", "has no keys"),
    ("[" * 5000, "not valid YAML"),
    (f"run: {'a' * 300}", "is not allowed; allowed: String should have at most 100 characters"),
    ("seed: 1e3", 'seed: "1e3" is not allowed; allowed: a valid integer'),
    ("sources: {kind: folder, path: ''}", "sources.path: '' is not a folder"),
    ("train: {base: {layers: 6}}", "train.base: layers is for a base that the run pre-trains; set model: null with it"),
    ("? [a]\n: 1", "not valid YAML"),
    ("train: {sigma_mean: .inf}", "train.sigma_mean: Infinity is not allowed; allowed: a finite number"),
    ("sources: {kind: parquet, path: ''}", "sources.path: is empty; give an archive"),
    ("sources: {kind: webdataset, path: 's3://a/{0..b}.tar'}", "sources.path: 's3://a/{0..b}.tar' needs one range"),
    ("sources: {kind: folder, path: /no/where}", "sources.path: '/no/where' is not a folder"),
    (
        "scoring: {student: {start: /no/where}}",
        "scoring.student.start: '/no/where' has no student: /no/where/config.json is missing; give shipped or",
    ),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_invalid_config_gives_one_line_with_file_key_and_allowed_values(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: ") and told in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("content", "told"), [(None, "no such config file"), (b"\xff\xfe", "not valid YAML: 'utf-8'")])
def test_unreadable_config_file_is_named(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "my.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"^{path}: {told}"):
        load(path)


def test_yaml_anchors_and_merges_are_read(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(
        "tasks:\n  object_swap: &few {pairs_per_shard: 2}\n  style_transfer: {<<: *few, specialist: embedded}"
    )
    assert load(path).tasks.style_transfer.pairs_per_shard == 2


def test_numbers_in_scientific_notation_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("train: {learning_rate: 4e-05, epochs: 1E1}")
    train = load(path).train
    assert (train.learning_rate, train.epochs) == (4e-05, 10.0)


def test_files_are_merged_as_by_snakemake(tmp_path: Path) -> None:
    first, last = tmp_path / "first.yaml", tmp_path / "last.yaml"
    first.write_text("train: {base: {layers: 6}, steps: 7}\nseed: 5")
    last.write_text("train: {base: {model: null}, steps: 8}")
    config = load(first, last)
    assert (config.seed, config.train.steps, config.train.base.layers, config.train.base.model) == (5, 8, 6, None)
    assert config.scoring.student.start == "shipped", "defaults apply below all files"


def test_unreadable_run_config_raises_error(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with pytest.raises(UserError, match=r"config.json: cannot be read as a run's config \(No such file"):
        read_section(Config, path)
    path.write_text('{"run": 3}')
    with pytest.raises(
        UserError, match=r"config.json: run: 3 is read as a number, but text is needed; put it in quotes"
    ):
        read_section(Config, path)
    path.write_text(check({"run": "mine"}).model_dump_json())
    assert read_section(Config, path).run == "mine"


def test_error_names_the_file_that_set_the_key(tmp_path: Path) -> None:
    first, last = tmp_path / "first.yaml", tmp_path / "last.yaml"
    first.write_text("seed: x\nfilter: {min_score: 12}")
    last.write_text("filter: {min_score: 13}")
    merged = {"filter": {"min_score": 13}}
    with pytest.raises(UserError, match=rf"^{last}: filter\.min_score: 13"):
        check(merged, [first, last])
    with pytest.raises(UserError, match=rf"^{first}: seed"):
        check({"seed": "x"}, [first, last])
    with pytest.raises(UserError, match=r"^--config: filter\.min_score: 14"):
        check({"filter": {"min_score": "14"}}, [first, last], {"filter": {"min_score": "14"}})


def test_nested_command_line_values_are_read_as_yaml(tmp_path: Path) -> None:
    photos = tmp_path / "photos: ["
    photos.mkdir()
    overrides = {"filter": {"min_score": "7.5"}, "sources": {"kind": "folder", "path": str(photos)}}
    config = check(overrides, [], overrides)
    assert config.filter.min_score == 7.5 and config.sources.path == str(photos)


def test_task_without_pairs_is_disabled_and_one_must_be_enabled() -> None:
    config = check({"tasks": {"object_swap": {"pairs_per_shard": 0}}})
    assert config.tasks.enabled == tuple(task for task in OMNIEDIT_TASKS if task is not Task.OBJECT_SWAP)
    with pytest.raises(UserError, match="at least one must make pairs"):
        check({"tasks": {task.name: {"pairs_per_shard": 0} for task in OMNIEDIT_TASKS}})


def test_family_stands_for_all_its_types_with_a_specialist() -> None:
    few = {"pairs_per_shard": 2}
    both = check({"tasks": {"anyedit": few}}).tasks
    embedded = tuple(task for task in ANYEDIT_TASKS if task not in NOT_EMBEDDED)
    assert both.enabled == (*OMNIEDIT_TASKS, *embedded) and both[Task("outpaint")].pairs_per_shard == 2
    alone = check({"tasks": {"omniedit": {"pairs_per_shard": 0}, "anyedit": few, "outpaint": {"pairs_per_shard": 5}}})
    assert alone.tasks.enabled == alone.specialist_tasks == alone.groups == embedded
    assert alone.tasks[Task("outpaint")].pairs_per_shard == 5 and alone.tasks[Task("remove")].pairs_per_shard == 2
    single = check({"tasks": {"outpaint": few, "anyedit": {"pairs_per_shard": 0}}}).tasks
    assert single.enabled == (*OMNIEDIT_TASKS, "outpaint")
    complex_ = check({"tasks": {"complex": few, "complex_reasoning": {"pairs_per_shard": 3}}}).tasks
    assert complex_.enabled == (*OMNIEDIT_TASKS, *COMPLEX_TASKS) and complex_[COMPLEX_TASKS[1]].pairs_per_shard == 3
    seven = check({"tasks": {"omniedit": few, "style_transfer": {"pairs_per_shard": 9}}}).tasks
    assert {seven[task].pairs_per_shard for task in OMNIEDIT_TASKS} == {2}


def test_family_with_learned_specialists_stands_for_all_its_types() -> None:
    learned = {"pairs_per_shard": 2, "specialist": "learned"}
    few = {"tasks": {"omniedit": {"pairs_per_shard": 0}, "anyedit": learned}, "learned": {"replies": "replies.jsonl"}}
    config = check(few | JUDGED_BY_A_MODEL)
    assert config.tasks.enabled == config.learned_tasks == ANYEDIT_TASKS
    roles = {"editing", "ip_adapter", "depth", "controlnet_depth", "semantic", "style", "inpainting", "generation"}
    assert roles <= set(required_roles(config))


def test_config_without_anyedit_types_has_only_the_seven_keys() -> None:
    assert tuple(check({}).model_dump()["tasks"]) == OMNIEDIT_TASKS
    shown = check({"tasks": {"outpaint": {}}}).model_dump()
    assert shown["tasks"]["outpaint"] == {"pairs_per_shard": 8, "specialist": "embedded"} and check(shown) == check(
        {"tasks": {"outpaint": {}}}
    )


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (
            {"visual_depth": {}},
            "tasks: visual_depth: has no embedded specialist: no estimate .*; give specialist: learned",
        ),
        ({"referring_segmentation": {}}, "tasks: referring_segmentation: has no embedded specialist: .* import coco"),
        ({"complex": {"specialist": "learned"}}, "tasks: complex_.*: has no learned specialist; give specialist: emb"),
        ({"outpaint": {"specialist": "learned"}}, r"reference cannot score .* learned specialists \(tasks.outpaint"),
        ({"outpaint": {"pairs_per_shard": -1}}, r"tasks.outpaint.pairs_per_shard: -1 is not allowed; allowed: gr"),
        ({"outpaint": None}, "tasks.outpaint: null is not allowed; allowed: a mapping"),
        ({"anyedit": None}, "tasks.remove: null is not allowed; allowed: a mapping"),
        ({"everything": {}}, "tasks.everything: unknown key; allowed here: object_swap, object_removal"),
        (3, "tasks: 3 is not allowed; allowed: a mapping of keys to values"),
    ],
)
def test_type_without_a_specialist_is_an_error_with_its_remedy(tasks: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check({"tasks": tasks})


def test_imported_data_set_may_have_the_name_of_a_type_that_the_run_does_not_make() -> None:
    data = {"imports": {"remove": {"format": "anyedit", "path": str(ROOT)}}, **JUDGED_BY_A_MODEL}
    assert "remove" in check(data).groups
    with pytest.raises(UserError, match="imports: the name 'remove' is a task"):
        check(data | {"tasks": {"remove": {"pairs_per_shard": 1}}})


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


JUDGED_BY_A_MODEL = {"scoring": {"judge": "internvl", "teacher": None}, "bench": {"judge": "internvl"}}
ENDPOINT = {"url": "https://example.org/v1", "model": "gpt"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"scoring": {"teacher": None}}, "scoring.judge: reference cannot score the pairs of learned specialists"),
        ({"scoring": {"judge": "internvl"}}, "scoring.teacher: reference cannot score .*; give api, or null"),
        ({"bench": {"judge": "reference"}}, r"bench.judge: reference .*\(tasks.object_swap.specialist\); give api"),
    ],
)
def test_reference_judge_is_rejected_for_learned_specialists(change: dict, told: str) -> None:
    values = {"tasks": {"object_swap": {"specialist": "learned"}}, "learned": {"replies": "replies.jsonl"}}
    assert check(values | JUDGED_BY_A_MODEL).tasks.learned
    with pytest.raises(UserError, match=told):
        check(values | JUDGED_BY_A_MODEL | change)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bench": {"judge": "api"}}, "bench.judge: api needs scoring.api.url and scoring.api.model"),
        ({"bench": {"judge": "student"}, "scoring": {"teacher": None}}, "bench.judge: student needs a scoring.teacher"),
    ],
)
def test_benchmark_judge_requires_its_settings(change: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        check(change)
    assert check({"bench": {"judge": "api"}, "scoring": {"api": ENDPOINT}}).judges == {
        "scoring.judge": "reference",
        "scoring.teacher": "reference",
        "bench.judge": "api",
    }


def test_generated_schema_and_key_table_are_current() -> None:
    assert (ROOT / SCHEMA_PATH).read_text() == schema()
    readme = (ROOT / README_PATH).read_text()
    assert readme == readme_with_table(readme)


def test_key_table_lists_every_key_once() -> None:
    keys = [row.split("`")[1] for row in key_table()]
    assert len(keys) == len(set(keys))
    assert {
        "run",
        "seed",
        "sources.path",
        "tasks.<task>.pairs_per_shard",
        "filter.min_score",
        "train.base.steps",
    } <= set(keys)


def test_schema_module_exports_every_section() -> None:
    modules = ("bench", "endpoint", "scoring", "sources", "tasks", "training")
    sections = {
        name: value
        for module in modules
        for name, value in vars(import_module(f"omniedit.config.{module}")).items()
        if name.endswith("Config")
    }
    assert len(sections) > 20 and sections.items() <= vars(config_schema).items()
    constants = (
        "PROPOSER SHIPPED SHIPPED_STUDENT DEFECTS_VERSION VIEWS_VERSION REPLY_LIMITS JudgeName LocalPath Section"
    )
    functions = "api_key reply_limit student_folder"
    assert all(hasattr(config_schema, name) for name in f"{constants} {functions}".split())


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


PLAIN_STUDENT = {"judge": "student"}
OWN_ENDPOINT = {"judge": "api", "api": {"url": "https://u:p@example.org/v1", "model": "gpt", "key_env": "OWN_KEY"}}


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
def test_an_ensemble_has_what_it_needs(changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        check({"scoring": {"judge": "ensemble", **changes}})


def test_an_ensembles_judges_bring_their_endpoints_and_roles() -> None:
    judges = {"a": {"judge": "vlm", "vlm": {"model": "qwen25_vl"}}, "b": OWN_ENDPOINT}
    config = check(
        {"scoring": {"judge": "ensemble", "ensemble": {"judges": judges}}, "filter": {"max_disagreement": 2}}
    )
    assert [api.key_env for api in config.endpoints] == ["OWN_KEY"] and config.judging_roles == ["qwen25_vl"]
    with pytest.raises(UserError, match="max_disagreement: only several judges disagree"):
        check({"filter": {"max_disagreement": 2}})
    unused = check({"scoring": {"ensemble": {"judges": judges}}})
    assert unused.endpoints == [] and unused.judging_roles == [], "the run's judge is another one"
