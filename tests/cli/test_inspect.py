"""`omniedit inspect`: text, JSON, contact sheet and images, and one line for what there is not."""

import json
from pathlib import Path

import pytest

from helpers.small_run import make_run
from omniedit.cli import main as cli
from omniedit.scoring.human_decisions import Decision, HandDecision, append_by_hand


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_run(tmp_path)


def inspect(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    monkeypatch.setattr("sys.argv", ["omniedit", "inspect", *words])
    cli.main()
    return capsys.readouterr().out


def test_inspect_counts_the_pairs_of_a_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], run: Path
) -> None:
    text = inspect(monkeypatch, capsys, "small")
    assert text.startswith("run small: 9 pairs, 3 scored, 1 accepted, 3 rejected, 5 undecided\n")
    assert inspect(monkeypatch, capsys, str(run)) == text
    counts = json.loads(inspect(monkeypatch, capsys, "small", "--json", "--sheet", "sheet.jpg"))
    assert (counts["run"], counts["pairs"], counts["reason"]["kept"]["pairs"]) == ("small", 9, 1)
    assert Path("sheet.jpg").read_bytes().startswith(b"\xff\xd8\xff")


def test_inspect_shows_one_pair_and_saves_its_images(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], run: Path
) -> None:
    append_by_hand(run / "decisions/human.jsonl", HandDecision("swap-1", Decision.ACCEPT, "ada", "noon", "clean"))
    text = inspect(monkeypatch, capsys, "small", "--pair", "swap-1", "--save", "images")
    assert "Edit 1 of swap." in text and "accept by ada, noon" in text and "images/mask.png" in text
    assert sorted(path.name for path in Path("images").iterdir()) == ["edited.png", "mask.png", "source.png"]
    record = json.loads(inspect(monkeypatch, capsys, "small", "--pair", "import/2", "--json"))
    assert (record["folder"], record["row"], record["by_hand"], record["saved"]) == ("my_set", 2, None, [])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none"], "results/none: no such run"),
        (["small", "--pair", "none"], "'none': no pair of the run has this id"),
        (["small", "--pair", ""], "'': no pair of the run has this id"),
        (["small", "--save", "images"], "--save: give --pair ID"),
        (["small", "--pair", "swap-0", "--sheet", "a.jpg"], "--sheet: shows the whole run; omit --pair"),
        (["small", "--sheet", "a.png"], "a.png: a contact sheet is a JPEG file"),
        (["small", "--sheet", "results"], "results: a contact sheet is a JPEG file"),
    ],
)
def test_invalid_requests_give_one_line(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        inspect(monkeypatch, capsys, *words)
    error = capsys.readouterr().err
    assert ended.value.code == 2 and message in error and error.count("\n") == 1
