"""Tests that the generated schema, the key table and the module of the schema are current."""

from importlib import import_module
from pathlib import Path

from omniedit.config import schema as config_schema
from omniedit.config.docs import README_PATH, SCHEMA_PATH, key_table, readme_with_table, schema

ROOT = Path(__file__).parents[2]


def test_generated_schema_and_key_table_are_current() -> None:
    assert (ROOT / SCHEMA_PATH).read_text() == schema()
    readme = (ROOT / README_PATH).read_text()
    assert readme == readme_with_table(readme)


def test_key_table_lists_every_key_once() -> None:
    keys = [row[0].strip("`") for row in key_table()]
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
