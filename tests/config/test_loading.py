"""Tests that config files are merged, checked and named in one-line errors."""

from pathlib import Path

import pytest

from omniedit.config.arguments import read_section
from omniedit.config.loading import check, load
from omniedit.config.schema import Config
from omniedit.errors import UserError

WRONG = [
    ("sed: 1", "sed: unknown key; allowed here: run, seed, sources, tasks"),
    ("seed: x", 'seed: "x" is not allowed; allowed: a valid integer'),
    (
        "run: 2026-11-28",
        'run: 2026-11-28 is read as a date, but text is needed; put it in quotes: "2026-11-28"',
    ),
    ("run: 123_456", 'run: 123_456 is read as a number, but text is needed; put it in quotes: "123_456"'),
    (
        "scoring: {api: {model: 4.10}}",
        'scoring.api.model: 4.10 is read as a number, but text is needed; put it in quotes: "4.10"',
    ),
    ("run: no", 'run: no is read as true or false, but text is needed; put it in quotes: "no"'),
    ("run: 007", 'run: 007 is read as a number, but text is needed; put it in quotes: "007"'),
    ("run: 0x10", 'run: 0x10 is read as a number, but text is needed; put it in quotes: "0x10"'),
    ("seed: &loop [*loop]", "not valid YAML: a value that contains itself at line 1, column 7"),
    (
        "gates: {benchmarks: [/no/such]}",
        "gates.benchmarks.0: '/no/such' is not a folder; give a folder with the images",
    ),
    ("on: 1", "my.yaml: the key true is not text; put it in quotes"),
    ("train: {1: 2}", "my.yaml: train: the key 1 is not text; put it in quotes"),
    ("[" * 3000, "not valid YAML: nested too deeply"),
    ("tasks: {object_swap: &loop [*loop]}", "not valid YAML: a value that contains itself at line 1, column 22"),
    ("run: 2024-13-45", "not valid YAML: '2024-13-45' cannot be read (month must be in 1..12); put it in quotes"),
    (f"seed: {'9' * 5000}", f"not valid YAML: '{'9' * 40}' cannot be read"),
    ('run: "\\ud800"', "not valid YAML: '\\ud800' cannot be read"),
    (f"scoring: {{student: {{start: {'x' * 3000}}}}}", "scoring.student.start: File name too long"),
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
    (
        "proposals: {api: {request: {api_key: abc}}}",
        "proposals.api: request.api_key holds a key or a password; keep it",
    ),
    ("filter.min_score: 8", "filter.min_score: unknown key; nest it, as in filter: {min_score: ...}, or --config '"),
    ("scoring: {api: {max_money: 5}}", "scoring.api: max_money needs prompt_price and completion_price"),
    ("seed: x\nrun: ''", "(and 1 more)"),
    ("[1]", "a config must be a mapping of keys to values, not list"),
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


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_invalid_config_gives_one_line_with_file_key_and_allowed_values(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: ") and message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no such config file"), (b"\xff\xfe", "not valid YAML: 'utf-8'")]
)
def test_unreadable_config_file_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "my.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"^{path}: {message}"):
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
    with pytest.raises(UserError, match=r"^--config: filter\.min_score: unknown key"):
        check({"filter.min_score": "14"}, [first, last], {"filter.min_score": "14"})


def test_nested_command_line_values_are_read_as_yaml(tmp_path: Path) -> None:
    photos = tmp_path / "photos: ["
    photos.mkdir()
    overrides = {"filter": {"min_score": "7.5"}, "sources": {"kind": "folder", "path": str(photos)}}
    config = check(overrides, [], overrides)
    assert config.filter.min_score == 7.5 and config.sources.path == str(photos)
