"""Tests of the benchmarks' workflows: what their Snakefiles import exists, and units get the files that they read."""

import re
from pathlib import Path

import pytest

from benchmarks.ablation.settings import GROUPS, SETTINGS, base_setting, unit_inputs, units

ROOT = Path(__file__).parents[2]
IMPORT = re.compile(r"^from benchmarks\S* import [^(\n]+$|^from benchmarks\S* import \([^)]+\)", re.MULTILINE)


@pytest.mark.parametrize("file", sorted((ROOT / "benchmarks").glob("*/Snakefile")), ids=lambda file: file.parent.name)
def test_every_name_that_a_snakefile_imports_exists(file: Path) -> None:
    """No linter reads Snakefiles, so a function that only they use is easily deleted as unused."""
    lines = IMPORT.findall(file.read_text())
    assert len(lines) == file.read_text().count("\nfrom benchmarks")
    for line in lines:
        exec(line, {})


def test_a_unit_reads_its_base_its_initial_weights_and_portraits() -> None:
    folder = "results/ablation"
    assert unit_inputs("cpu", "editnet", "filtered") == {"base": f"{folder}/cpu/base"}
    assert unit_inputs("routing_11", "editnet", "eleven_tasks") == {"base": f"{folder}/size_medium/base"}
    assert unit_inputs("portraits", "editnet", "filtered") == {
        "base": f"{folder}/shipped/base",
        "start": f"{folder}/refined/units/editnet-filtered-0",
        "portraits": f"{folder}/portraits.npz",
    }


def test_the_ablation_of_routing_compares_equal_trainings_on_7_11_and_25_tasks() -> None:
    assert [SETTINGS[name].editor for name in GROUPS["routing"]] == [SETTINGS["routing_7"].editor] * 3
    assert [len(SETTINGS[name].tested) for name in GROUPS["routing"]] == [7, 11, 25]
    kinds = (("seven_tasks", "size_medium"), ("eleven_tasks", "size_medium"), ("twenty_five_types", "size_small"))
    for name, (data, base) in zip(GROUPS["routing"], kinds, strict=True):
        assert {each for _, each in units(name)} == {data} and base_setting(name) == base
        assert {each for _, each in units(f"{name}_gpu")} == {data}
        assert len(units(name)) == 5
        shape, own = SETTINGS[base], SETTINGS[name]
        assert (own.layers, own.heads, own.head_dim) == (shape.layers, shape.heads, shape.head_dim)
