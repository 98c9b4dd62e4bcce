"""Arguments of `omniedit import` and `omniedit export`."""

import argparse
from pathlib import Path

import pytest

from omniedit.cli.export_pairs import add_choice, read_options
from omniedit.cli.import_pairs import parse_columns, read_tasks_map
from omniedit.errors import UserError


def test_columns_option_maps_fields_to_columns() -> None:
    assert parse_columns("source=before,reference.depth=d map, score.clip=c") == {
        **{"source": "before", "reference.depth": "d map", "score.clip": "c"},
    }
    assert parse_columns("") == {}
    for wrong in ("source", "=a", "source=", "source=a,b"):
        with pytest.raises(UserError, match="is not FIELD=COLUMN; give a list such as source=before,edited=after"):
            parse_columns(wrong)


def test_task_map_accepts_only_texts(tmp_path: Path) -> None:
    file = tmp_path / "tasks.yaml"
    file.write_text("swap: object_swap\n'7': seven")
    assert read_tasks_map(file) == {"swap": "object_swap", "7": "seven"}
    file.write_text("7: seven")
    with pytest.raises(UserError, match=r"tasks\.yaml: '7': give a task as text"):
        read_tasks_map(file)


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_choice(parser)
    return parser.parse_args(["--format", "omniedit", *arguments])


def test_export_options_are_parsed() -> None:
    options = read_options(parse("--task", "a, b,", "--top", "10", "--licence", "cc-by,cc0", "--rows-per-file", "5"))
    assert (options.selection.tasks, options.selection.top, options.selection.licences) == (
        ("a", "b"),
        10,
        ("cc-by", "cc0"),
    )
    assert (options.rows_per_file, options.selection.kind) == (5, "accepted")
    assert read_options(parse("--rejected")).selection.kind == "rejected"
    assert read_options(parse("--preference")).selection.kind == "preference"


@pytest.mark.parametrize(
    "arguments", [("--top", "0"), ("--top", "101"), ("--min-score", "11"), ("--rejected", "--preference")]
)
def test_invalid_export_options_are_rejected(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        parse(*arguments)
