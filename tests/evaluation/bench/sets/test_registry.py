"""Tests of the registry: every benchmark has a protocol, and published figures name cells of its table."""

from pathlib import Path

import pytest

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem
from omniedit.evaluation.bench.protocol import to_columns
from omniedit.evaluation.bench.sets import anyedit, i2e, imgedit, kris, magicbrush, reason_edit
from omniedit.evaluation.bench.sets.averages import MEAN_OF_GROUPS, MEAN_OF_ITEMS
from omniedit.evaluation.bench.sets.published import load_published
from omniedit.evaluation.bench.sets.registry import BENCHMARKS
from omniedit.evaluation.bench.sets.rise import CATEGORIES
from omniedit.scoring.prompts.reader import READERS
from omniedit.scoring.rubric_registry import load_rubric

MEANS = {MEAN_OF_GROUPS, MEAN_OF_ITEMS, "mean of scores", "mean of understanding", magicbrush.LAST_TURNS}
TYPES = {*imgedit.TYPES, *kris.DIMENSIONS, *CATEGORIES.values(), *i2e.DIMENSIONS, *reason_edit.SCENES}
ROWS = MEANS | TYPES | {f"mean of {name}" for name in anyedit.GROUPS}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_protocols_name_existing_rubrics_and_prompts(name: str) -> None:
    protocol = BENCHMARKS[name].protocol
    assert protocol.columns and protocol.missing.endswith(".") and protocol.aggregate([]) is not None
    assert protocol.prompts is None or protocol.prompts in READERS
    assert protocol.rubric is None or load_rubric(protocol.rubric).questions
    assert protocol.prompts or protocol.rubric or protocol.metrics


@pytest.mark.parametrize("name", BENCHMARKS)
def test_published_figures_are_cells_of_the_table(name: str) -> None:
    for published in load_published(name):
        assert published.values and published.address.startswith("https://") and published.source
        assert {row for row, _ in published.values} <= ROWS
        assert {column for _, column in published.values} <= set(BENCHMARKS[name].protocol.columns)


def test_only_omniedit_ships() -> None:
    assert [name for name, each in BENCHMARKS.items() if each.ships] == ["omniedit"]
    with pytest.raises(UserError, match=r"KRIS-Bench does not ship; give the folder KRIS_Bench"):
        BENCHMARKS["kris"].read(None)


def test_an_invalid_path_error_states_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file or folder; give the folder EditData"):
        BENCHMARKS["i2e-original"].read(tmp_path / "absent")
    with pytest.raises(UserError, match="scores of its own scripts cannot be read"):
        BENCHMARKS["anyedit"].read_recorded(tmp_path)


def test_a_packed_benchmark_is_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "test.zip").touch()
    for path in (tmp_path, tmp_path / "test.zip"):
        for name in ("magicbrush", "gedit-en", "anyedit"):
            with pytest.raises(UserError, match=rf"test\.zip: unpack it, and give {BENCHMARKS[name].path[:20]}"):
                BENCHMARKS[name].read(path)


def test_columns_of_an_item_override_extra_columns() -> None:
    item = BenchItem(
        "1", "add", "add a cat", lambda: b"", extra={"task": "other", "language": "en"}, session="s", turn=2
    )
    assert to_columns(item) == {"item_id": "1", "task": "add", "session": "s", "turn": 2, "language": "en"}
