"""`omniedit rate` on the command line: the server, results and exports."""

import csv
import json
import re
import socket
from pathlib import Path

import pytest

from helpers.rated_edits import EDITORS, make_edits, make_table
from helpers.served_command import serve_until_signals
from helpers.small_run import make_run
from omniedit.cli import main as cli
from omniedit.evaluation.people.answers import Answer, AnswerStore


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr("sys.argv", ["omniedit", "rate", *map(str, words)])
    cli.main()


def fail(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> str:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, *words)
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1
    return error


@pytest.fixture
def rated_table(tmp_path: Path) -> Path:
    """Return a table whose edits two raters have rated and compared: the first editor is better."""
    table = make_table(tmp_path)
    with AnswerStore(tmp_path / "edits.ratings.sqlite") as store:
        numbers = store.add_edits(make_edits(tmp_path))
        for name in ("ada", "bob"):
            rater = store.join(name)
            for place, number in enumerate(numbers):
                store.add(rater, str(place), Answer(number, sc=1.0 - place % 2 / 2, pq=0.5 if name == "bob" else 1.0))
            for first in (1, 3):
                store.add(rater, f"pair {first}", Answer(first, first + 1, winner="A"))
    return table


def test_results_are_printed_and_written(
    rated_table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, rated_table, "--results")
    text = capsys.readouterr().out
    assert text.startswith("12 ratings of 6 edits of 3 images by 2 raters, 2 for each edit")
    assert re.search(r"\| 1 \| secret-one \| 0\.75 \| 1\.00 \| 0\.85 \| 1\.00 \| 3 \| 6 \|", text)
    run(monkeypatch, rated_table, "--results", "--json", "--editors", EDITORS[1])
    figures = json.loads(capsys.readouterr().out)
    assert [row["editor"] for row in figures["editors"] if row["task"] == "all"] == [EDITORS[1]]
    assert figures["outdated"] == 6
    for suffix in (".csv", ".md", ".json"):
        run(monkeypatch, rated_table, "--results", "-o", rated_table.with_name(f"table{suffix}"))
    with rated_table.with_name("table.csv").open() as file:
        assert [float(row["acc"]) for row in csv.DictReader(file) if row["task"] == "all"] == [1, 0]
    assert rated_table.with_name("table.md").read_text() == text and json.loads(
        rated_table.with_name("table.json").read_text()
    )
    run(monkeypatch, rated_table, "--results", "--pairwise")
    assert re.search(r"\| 1 \| secret-one \|.*\| 4 \| 4 \| 0 \| 0 \|", capsys.readouterr().out)


def test_exports_are_read_by_agree_and_compare(
    rated_table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = rated_table.with_name("out.csv")
    run(monkeypatch, rated_table, "--export", out)
    assert capsys.readouterr().out == f"{out}: 12 ratings\n"
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "pair_id": "item-0",
        "rater": "ada",
        "sc": "1.0",
        "pq": "1.0",
        "task": "swap",
        "model": EDITORS[0],
    }
    run(monkeypatch, rated_table, "--export", rated_table.with_name("hub"))
    assert sorted(path.name for path in rated_table.with_name("hub").glob("*/*")) == [
        "ada.tsv",
        "ada.tsv",
        "bob.tsv",
        "bob.tsv",
    ]
    run(monkeypatch, rated_table, "--pairwise", "--export", out)
    capsys.readouterr()
    monkeypatch.setattr("sys.argv", ["omniedit", "compare", str(out)])
    cli.main()
    assert "| 1 | secret-one |" in capsys.readouterr().out


def test_conflicting_arguments_give_one_line(
    rated_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, problem in (
        ([rated_table, "--json"], "are for --results"),
        ([rated_table, "--pairwise", "--checks", "1"], "omit --pairwise"),
        ([rated_table, "--results", "-o", tmp_path / "table.txt"], "unknown format; give .md, .json or .csv"),
        ([rated_table, "--results", "--pairwise", "-o", tmp_path / "table.csv"], "unknown format; give .md, .json"),
        ([rated_table, "--results", "--store", tmp_path / "none"], "no such file; no rating of this input yet"),
        ([rated_table, "--pairwise", "--export", tmp_path / "hub"], "unknown table format"),
        ([rated_table, "--editors", "x"], "--editors: no edit belongs to 'x'"),
        ([rated_table, "--checks", "9"], "there are only 3 items"),
        ([rated_table, "--host", "192.0.2.1"], "give another --host or --port"),
        ([rated_table, "--store", rated_table], "not a database"),
        ([tmp_path / "nowhere", "--results"], "no such run"),
    ):
        assert problem in fail(monkeypatch, capsys, *words), words


def test_the_command_serves_a_run_and_its_link_survives_a_restart(tmp_path: Path) -> None:
    make_run(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    links = set()
    for line in serve_until_signals(tmp_path, "rate", "small", "--port", str(port), "--limit", "4", "--checks", "1"):
        link, _, rest = line.partition("  ")
        assert rest == "asks about 5 edits; answers are in results/small/ratings.sqlite; Ctrl-C ends it\n"
        links.add(link)
    assert len(links) == 1 and re.fullmatch(rf"http://127\.0\.0\.1:{port}/[0-9a-f]{{24}}/", links.pop())
