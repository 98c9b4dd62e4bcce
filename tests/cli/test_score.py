"""Tests for `omniedit score`: each row gets scores or a reason, and a run that cannot start gives an error."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest
import yaml

from helpers import vlm_server as server
from helpers.chain import environment
from helpers.vlm_server import MODEL, Handler, Server, serving
from omniedit.cli.score import score_table
from omniedit.config.schema import ApiConfig, ScoringConfig
from omniedit.errors import UserError
from omniedit.scoring.prompts.reader import choose_rubric
from omniedit.scoring.rubric_registry import edit_rubric, load_rubric
from omniedit.storage.parquet import read_csv

EDITING = load_rubric("viescore_editing")


def answer(handler: Handler, body: dict[str, Any]) -> None:
    parts = body["messages"][0]["content"]
    if parts[-1].get("text") == "instruction: Remove the dog.":
        return server.refuses(handler, body)
    scores = "[9, 4]" if len(parts) > 3 else "[10, 9]"
    handler.answer(server.completion(f'{{"score": {scores}, "reasoning": "So it is."}}'))


@pytest.fixture
def endpoint() -> Iterator[Server]:
    with serving(answer) as running:
        yield running


def asking(running: Server, folder: Path, **keys: Any) -> ScoringConfig:
    api = ApiConfig(url=running.url, model="judge", key_env=None, cache=str(folder / "cache"), **keys)
    return ScoringConfig(judge="api", api=api)


def test_each_row_has_scores_or_a_reason(table: Path, endpoint: Server, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    score_table(table, out, EDITING, "api", None, asking(endpoint, tmp_path))
    rows = pq.read_table(out).to_pylist()
    assert [row["my_id"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["status"] for row in rows] == ["scored", "bad row", "bad row", "bad row", "unscorable"]
    scores = {name: rows[0][name] for name in (*EDITING.scores, "sc_score", "pq_score", "o_score")}
    assert list(scores.values()) == [9, 4, 10, 9, 4, 9, 6]
    assert (rows[0]["judge"], rows[0]["judge_version"], rows[0]["prompt_hash"]) == ("api", MODEL, EDITING.digest)
    assert rows[1]["reasoning"] == (
        f"{table}: row 2: column edited: pictures/lost.png: no such file; paths are relative to the table's folder"
    )
    assert "row 3: column edited: pictures/broken.png: not a jpeg, png" in rows[2]["reasoning"]
    assert "row 4: column instruction is empty" in rows[3]["reasoning"]
    assert "refuses" in rows[4]["reasoning"] and rows[4]["o_score"] is None


def test_a_second_run_sends_no_request_and_csv_has_the_same_scores(
    table: Path, endpoint: Server, tmp_path: Path
) -> None:
    score_table(table, tmp_path / "scores.parquet", EDITING, "api", None, asking(endpoint, tmp_path))
    requests = len(endpoint.bodies)
    score_table(table, tmp_path / "scores.csv", EDITING, "api", None, asking(endpoint, tmp_path))
    assert len(endpoint.bodies) == requests == 4
    with (tmp_path / "scores.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    kept = pq.read_table(tmp_path / "scores.parquet").to_pylist()
    assert [list(row) for row in written] == [list(row) for row in kept]
    assert [row["o_score"] for row in written] == ["6.0", "", "", "", ""]


def test_cells_are_escaped_against_formulas_and_read_back_unchanged(endpoint: Server, tmp_path: Path) -> None:
    """Check that neither instructions nor a model's text can run in the spreadsheet that opens the scores."""
    PIL.Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "-a.png")
    endpoint.behaviour = lambda handler, body: handler.answer(
        server.completion('{"score": [9, 4], "reasoning": "=HYPERLINK(1)"}')
    )
    values = ["=1+1", "+1-2", "-5.5", "@SUM(A1)", "-cat", "'=quoted", "'plain", "1e400", "-inf", "\uff1d1"]
    lines = [["source", "edited", "instruction", "=odd"], *(["-a.png", "-a.png", "-Make it night.", v] for v in values)]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    rows = read_csv(tmp_path / "t.csv")
    score_table(tmp_path / "t.csv", tmp_path / "s.csv", EDITING, "api", None, asking(endpoint, tmp_path))
    with (tmp_path / "s.csv").open(newline="") as file:
        written = list(csv.reader(file))
    risky = [cell for line in written for cell in line if cell[:1] in {*"=+-@\t\r\n\uff1d"}]
    assert risky == ["-5.5"]
    again = read_csv(tmp_path / "s.csv")
    assert [row["=odd"] for row in again] == [row["=odd"] for row in rows]
    assert {row["instruction"] for row in again} == {"-Make it night."}
    assert {row["source"] for row in again} == {"-a.png"}
    assert {row["reasoning"] for row in again} == {"=HYPERLINK(1) =HYPERLINK(1)"}, "of both requests"
    score_table(tmp_path / "t.csv", tmp_path / "s.parquet", EDITING, "api", None, asking(endpoint, tmp_path))
    assert pq.read_table(tmp_path / "s.parquet")["instruction"].to_pylist() == ["-Make it night."] * len(values)


def test_a_cell_of_any_length_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"a,b\n{'x' * 200_000},y\n")
    assert read_csv(tmp_path / "t.csv") == [{"a": "x" * 200_000, "b": "y"}]


def test_paid_requests_need_consent_or_a_budget(
    table: Path, endpoint: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = {"prompt_price": 2.5, "completion_price": 10.0}
    with pytest.raises(UserError, match=r"accept it with --yes, or set scoring\.api\.max_money"):
        score_table(table, tmp_path / "s.csv", EDITING, "api", None, asking(endpoint, tmp_path, **prices))
    assert not endpoint.bodies
    assert "estimate, at most: 10 requests, " in capsys.readouterr().out
    with pytest.raises(UserError, match=r"budget of 0\.02 in money"):
        score_table(
            table, tmp_path / "s.csv", EDITING, "api", None, asking(endpoint, tmp_path, **prices, max_money=0.02)
        )
    assert 0 < len(endpoint.bodies) < 4 and not (tmp_path / "s.csv").exists()
    score_table(table, tmp_path / "s.csv", EDITING, "api", None, asking(endpoint, tmp_path, **prices), agreed=True)
    assert len(endpoint.bodies) == 4 and (tmp_path / "s.csv").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file"),
        ("", "has no row below the line with the column names"),
        ("source,edited\na,b\n", "lacks the column instruction: rubric 'edit' needs source, edited, instruction"),
        (
            "source,edited,instruction,o_score\na,b,c,1\n",
            "has a column o_score, which is reserved for a score; rename it",
        ),
        ('source,edited,instruction\na,b,"c', "not CSV in UTF-8 from line 2 on: unexpected end of data"),
    ],
)
def test_an_unreadable_table_raises_an_error_that_names_the_problem(
    tmp_path: Path, text: str | None, message: str
) -> None:
    path = tmp_path / "t.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message):
        score_table(path, tmp_path / "out.csv", edit_rubric(), "api", None, ScoringConfig())


def test_an_impossible_file_name_is_a_bad_row(table: Path, endpoint: Server, tmp_path: Path) -> None:
    text = table.read_text()
    first_source = text.splitlines()[1].split(",")[text.splitlines()[0].split(",").index("source")]
    table.write_text(text.replace(first_source, "A" * 300 + ".png", 1))
    with pytest.raises(UserError, match=r"table\.csv: none of 5 rows .*; the first problem: .*no such file"):
        score_table(table, tmp_path / "s.parquet", EDITING, "api", None, asking(endpoint, tmp_path))
    first, *others = pq.read_table(tmp_path / "s.parquet").to_pylist()
    assert "no such file" in first["reasoning"] and len(others) == len(text.splitlines()) - 2 > 0


def test_an_unwritable_output_is_reported_before_any_request(table: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    for name in ("folder.csv", "file/out.csv", f"{'a' * 300}.csv"):
        with pytest.raises(UserError, match="cannot be written"):
            score_table(table, tmp_path / name, edit_rubric(), "api", None, ScoringConfig())
    before = table.read_bytes()
    with pytest.raises(UserError, match="is the table itself"):
        score_table(table, table, edit_rubric(), "api", None, ScoringConfig())
    assert table.read_bytes() == before


def test_an_extra_cell_makes_a_bad_row(table: Path, endpoint: Server, tmp_path: Path) -> None:
    text = table.read_text().replace('"Make it night, please."', "Make it night, please.")
    table.write_text(text)
    with pytest.raises(UserError, match="none of 5 rows could be scored"):
        score_table(table, tmp_path / "s.parquet", EDITING, "api", None, asking(endpoint, tmp_path))
    assert "row 1: has more cells than" in pq.read_table(tmp_path / "s.parquet").to_pylist()[0]["reasoning"]


def test_the_command_accepts_a_config_and_an_address(table: Path, endpoint: Server, tmp_path: Path) -> None:
    config = {"scoring": {"api": {"url": "http://127.0.0.1:1", "model": "judge", "key_env": None}}}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "omniedit", "score", str(table), "-o", "s.csv", "--rubric", "viescore_editing"]
    command += ["--config", "my.yaml", "--url", endpoint.url]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "s.csv: 3 bad row, 1 scored, 1 unscorable; mean O 6.00" in done.stdout


IMGEDIT = """Rate it.
Brief reasoning: A short explanation.
{0}: A number from 1 to 5.
{1}: A number from 1 to 5.
{2}: A number from 1 to 5.
editing instruction is : <edit_prompt>.
"""


def test_official_prompts_of_a_checkout_are_chosen_by_task(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkout").mkdir()
    prompts = {"adjust": IMGEDIT.format("A", "B", "C and D"), "style": IMGEDIT.format("Style", "Content", "Quality")}
    (tmp_path / "checkout/prompts.json").write_text(json.dumps(prompts))
    tasks = ["adjust", "style", "style", "style", "dance"]
    lines = table.read_text().replace("lost.png", "b.png").splitlines()
    table.write_text("\n".join(f"{line},{task}" for line, task in zip(lines, ["task", *tasks], strict=True)))

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        keys = (
            ("A", "B", "C and D")
            if "C and D:" in body["messages"][0]["content"][0]["text"]
            else ("Style", "Content", "Quality")
        )
        handler.answer(server.completion("Brief reasoning: So.\n" + "\n".join(f"{key}: 4" for key in keys)))

    rubric = choose_rubric(None, tmp_path / "checkout", None)
    with serving(answer) as running:
        score_table(table, tmp_path / "s.parquet", rubric, "api", None, asking(running, tmp_path))
        texts = [body["messages"][0]["content"][0]["text"] for body in running.bodies]
    assert len(texts) == 2 and any("instruction is : Make it night, please." in text for text in texts)
    rows = pq.read_table(tmp_path / "s.parquet").to_pylist()
    assert [row["status"] for row in rows] == ["scored", "scored", "bad row", "bad row", "bad row"]
    assert [rows[0][name] for name in ("score_1", "score_2", "score_3", "sc_score", "o_score")] == [4, 4, 4, 7.5, 7.5]
    assert rows[1]["reasoning"] == "So." and rows[1]["rubric"] == "imgedit"
    assert "rubric 'imgedit' has no task 'dance'; it has: adjust, style" in rows[4]["reasoning"]


def test_a_rubric_with_tasks_needs_the_task_column(table: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**TASKS, "pq": ["a"], "sc": ["a"]}))
    with pytest.raises(UserError, match="lacks the column task: rubric 'mine' needs task"):
        score_table(
            table,
            tmp_path / "s.csv",
            choose_rubric(str(tmp_path / "mine.yaml"), None, None),
            "api",
            None,
            ScoringConfig(),
        )


TASKS = {"tasks": {"add": {"questions": [{"text": "?", "images": ["source"], "scores": ["a"]}]}}}


def test_passes_option_adds_spread_and_number_of_passes(table: Path, tmp_path: Path) -> None:
    def answer(handler: Handler, body: dict[str, Any]) -> None:
        score = 6 + 2 * body["seed"]
        handler.answer(server.completion(json.dumps({"score": [score, score, score], "reasoning": "So."})))

    with serving(answer) as running:
        rubric = choose_rubric("edit", None, 2)
        score_table(table, tmp_path / "s.parquet", rubric, "api", None, asking(running, tmp_path))
    first = pq.read_table(tmp_path / "s.parquet").to_pylist()[0]
    assert (first["o_score"], first["passes"], first["success"]) == (7, 2, 7)
    assert first["o_spread"] == pytest.approx(2**0.5)
    assert first["prompt_hash"] != edit_rubric().digest


@pytest.mark.parametrize("judge", ["student", "internvl"])
def test_an_unsupported_rubric_is_rejected_before_the_judge_loads(table: Path, tmp_path: Path, judge: str) -> None:
    with pytest.raises(UserError, match="use --judge api"):
        score_table(table, tmp_path / "s.csv", choose_rubric("edit", None, 3), judge, Path("shipped"), ScoringConfig())
