"""Tests for the packages that only some configs need: a run that lacks one stops before its first job."""

import importlib.util
import tomllib
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.chain import REPOSITORY
from helpers.imports import third_party_imports
from omniedit.config.loading import check
from omniedit.run import packages
from omniedit.run.packages import EMBEDDED_MODULES, FEWER_MODULES, missing_of_config, missing_of_jobs
from omniedit.run.preflight import Preflight
from omniedit.specialists.registry import EMBEDDED

CORE = {"PIL", "cv2", "fsspec", "h5py", "numpy", "psutil", "pyarrow", "pydantic", "yaml"}
WITH_TEXT = {"tasks": {"omniedit": {"pairs_per_shard": 0}, "outpaint": {}, "textual_change": {}}}


def job(rule: str, **wildcards: str) -> SimpleNamespace:
    return SimpleNamespace(rule=SimpleNamespace(name=rule), wildcards=SimpleNamespace(**wildcards), input=[], output=[])


@pytest.fixture
def uninstall(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that hides modules from this process."""

    def hide(*names: str) -> None:
        find = importlib.util.find_spec
        monkeypatch.setattr(packages, "find_spec", lambda name: None if name in names else find(name))

    return hide


def test_missing_rapidocr_is_reported_with_the_task_and_the_remedy(uninstall: Any) -> None:
    assert missing_of_config(check(WITH_TEXT)) == []
    uninstall("rapidocr")
    assert missing_of_config(check(WITH_TEXT)) == [
        "error: textual_change needs rapidocr; run: pip install 'omniedit[text]', or set "
        "tasks.textual_change.pairs_per_shard: 0"
    ]


def test_only_jobs_that_are_planned_need_their_packages(uninstall: Any) -> None:
    uninstall("rapidocr")
    config = check(WITH_TEXT)
    planned = [job("synthesize_shard", task="outpaint"), job("score_shard", task="textual_change")]
    assert missing_of_jobs(planned, config) == []
    (line,) = missing_of_jobs([*planned, job("synthesize_bench", task="textual_change")], config)
    assert line.startswith("error: textual_change needs rapidocr")


def test_each_planned_training_needs_deepspeed(uninstall: Any) -> None:
    uninstall("deepspeed")
    line = (
        "error: training needs deepspeed; run: pip install 'omniedit[train]', or end the run with --until seal_buckets"
    )
    config = check(WITH_TEXT)
    assert missing_of_config(config) == [line]
    assert missing_of_jobs([job("seal_buckets"), job("pretrain_base")], config) == []
    scripts = {path.stem for path in (REPOSITORY / "scripts").glob("*.py") if "import Trainer" in path.read_text()}
    assert {rule.replace("train_editor", "train") for rule in packages.TRAINING_RULES} == scripts
    for rule in packages.TRAINING_RULES:
        assert missing_of_jobs([job(rule)], config) == [line]


def test_learned_tasks_and_keys_of_training_name_their_extras(uninstall: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall("bitsandbytes", "diffusers", "torchvision", "wandb", "xformers")
    train = {"optimizer": "adamw8bit", "attention": "xformers", "wandb": "mine"}
    tasks = {"movement": {"specialist": "learned"}}
    judges = {
        "scoring": {"judge": "internvl", "teacher": None},
        "bench": {"judge": "internvl"},
        "proposals": {"source": "local"},
    }
    config = check({"tasks": tasks, "train": train, **judges})
    monkeypatch.setattr(packages, "get_model", lambda role: SimpleNamespace(class_name="Sam2Model"))
    lines = missing_of_jobs([job("synthesize_shard", task="movement"), job("train_editor")], config)
    assert [line.partition(", or ")[0].removeprefix("error: ") for line in lines] == [
        "movement (learned) needs diffusers; run: pip install 'omniedit[pretrained]'",
        "movement (learned, SAM 2) needs torchvision; run: pip install 'omniedit[vision]'",
        "train.optimizer: adamw8bit needs bitsandbytes; run: pip install 'omniedit[quantized]'",
        "train.attention: xformers needs xformers; run: pip install xformers",
        "train.wandb needs wandb; run: pip install 'omniedit[wandb]'",
    ]


@pytest.mark.parametrize(("method", "stops"), [(set(), True), ({"conda"}, False)])
def test_run_with_a_missing_package_stops_unless_jobs_bring_their_own(
    method: set[str], stops: bool, uninstall: Any
) -> None:
    uninstall("rapidocr")
    workflow = SimpleNamespace(
        is_main_process=True,
        touch=False,
        dag=SimpleNamespace(needrun_jobs=lambda: [job("synthesize_shard", task="textual_change")]),
        executor_settings=None,
        deployment_settings=SimpleNamespace(deployment_method=method),
    )
    preflight = Preflight(workflow, check(WITH_TEXT), [], [], [])
    if not stops:
        return preflight.check_plan()
    with pytest.raises(SystemExit, match="textual_change needs rapidocr; run: pip install"):
        preflight.check_plan()


@pytest.mark.parametrize("task", EMBEDDED)
def test_table_lists_every_optional_module_that_an_embedded_specialist_imports(task: Any) -> None:
    module = EMBEDDED[task].partition(":")[0].replace(".", "/")
    imported = third_party_imports({REPOSITORY / f"omniedit/specialists/{module}.py"}) - CORE
    assert imported <= set(FEWER_MODULES.get(task, EMBEDDED_MODULES))


def test_extras_hold_the_modules_that_they_are_named_for() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {extra: " ".join(lines).replace("-", "_") for extra, lines in project.items()}
    assert all(module in named["embedded"] for module in EMBEDDED_MODULES)
    assert all(module in named["text"] for module in FEWER_MODULES["textual_change"])  # type: ignore[index]
    assert all(module in named["pretrained"] for module in packages.LEARNED_MODULES)
