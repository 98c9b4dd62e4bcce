"""Shipped tables: the C parser reads what PyYAML's own does."""

from pathlib import Path

import pytest
import yaml

import omniedit
from omniedit.storage.yaml_tables import parse_yaml

PACKAGE = Path(omniedit.__file__).parent
TABLES = ("scoring/rubrics/rubrics.yaml", "instructions/edit_proposals/operations.yaml", "instructions/clues.yaml")


@pytest.mark.parametrize("table", [*TABLES, "exchange/task_names.yaml"])
def test_a_shipped_table_has_the_values_of_the_slow_parser(table: str) -> None:
    text = (PACKAGE / table).read_text(encoding="utf-8")
    assert parse_yaml(text) == yaml.safe_load(text)
