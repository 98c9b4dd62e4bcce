"""Tests for `omniedit compare` over HTTP: winners, ranks, bias, cache, budget, and faults of an endpoint."""

import csv
import json
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest

from helpers import vlm_server as server
from helpers.chain import environment
from helpers.vlm_server import MODEL, Handler, Server, serving
from omniedit.cli.compare import read_winners
from omniedit.errors import UserError
from omniedit.imaging.images import decode_image
from omniedit.scoring.pairwise import rubric_digest

EDITORS = {"bright": 200, "middle": 100, "dark": 50}
ITEMS = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write the edits of three editors, each brighter than the next, and a table of items."""
    for name, shade in {"photos": 0, **EDITORS}.items():
        (tmp_path / name).mkdir()
        for item in range(ITEMS):
            pixels = np.full((8, 8, 3), shade + item, np.uint8)
            PIL.Image.fromarray(pixels).save(tmp_path / name / f"{item}.png")
    rows = "".join(f"{item},photos/{item}.png,Make it bright.\n" for item in range(ITEMS))
    (tmp_path / "items.csv").write_text(f"id,source,instruction\n{rows}")
    return tmp_path


def read_shades(body: dict[str, Any]) -> list[int]:
    """Return the shades of source, A and B of a request."""
    urls = [part["image_url"]["url"] for part in body["messages"][0]["content"] if part["type"] == "image_url"]
    return [int(decode_image(b64decode(url.partition(",")[2])).max()) for url in urls]


def prefer_bright(handler: Handler, body: dict[str, Any]) -> None:
    _, a, b = read_shades(body)
    handler.answer(server.completion(json.dumps({"winner": "A" if a > b else "B", "reasoning": "It is brighter."})))


@pytest.fixture
def endpoint() -> Iterator[Server]:
    with serving(prefer_bright) as running:
        yield running


def compare(folder: Path, running: Server, *options: str, inputs: tuple[str, ...] = tuple(EDITORS)) -> Any:
    (folder / "my.yaml").write_text("scoring: { api: { key_env: null, cache: cache, tries: 1 } }\n")
    where = ["--config", "my.yaml", "--url", running.url, "--model", "judge"]
    command = [sys.executable, "-m", "omniedit", "compare", *inputs, *where, *options]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)


FOLDERS = ("--items", "items.csv", "-o", "out.parquet")


def test_editors_are_compared_in_both_orders_and_ranked(folder: Path, endpoint: Server) -> None:
    done = compare(folder, endpoint, *FOLDERS)
    assert done.returncode == 0, done.stderr
    assert len(endpoint.bodies) == 2 * 3 * ITEMS
    rows = pq.read_table(folder / "out.parquet").to_pylist()
    assert [(row["editor_a"], row["editor_b"]) for row in rows[:3]] == [
        *(("bright", "middle"), ("bright", "dark"), ("middle", "dark")),
    ]
    assert {(row["status"], row["winner"], row["answer_ab"], row["answer_ba"]) for row in rows} == {
        ("compared", "A", "A", "A")
    }
    assert {(row["judge"], row["judge_version"], row["prompt_hash"]) for row in rows} == {
        ("api", MODEL, rubric_digest())
    }
    assert [line.split(" | ")[1] for line in done.stdout.splitlines() if line.startswith("| ")][1:] == list(EDITORS)
    assert "Same answer in both orders: 18 of 18 (100.0 %)." in done.stdout
    assert "Position bias: 50.0 % of 36 answers are for the first shown" in done.stdout
    assert "all wins between these groups of editors go one way" in done.stdout


def test_repeated_and_reversed_comparisons_are_answered_from_the_cache(folder: Path, endpoint: Server) -> None:
    compare(folder, endpoint, *FOLDERS, inputs=("bright", "dark"))
    paid = len(endpoint.bodies)
    done = compare(folder, endpoint, *FOLDERS, inputs=("dark", "bright"))
    assert done.returncode == 0 and paid == 2 * ITEMS == len(endpoint.bodies), done.stderr
    assert "12 replies from the cache" in done.stdout


def test_a_judge_that_follows_positions_gives_ties_and_its_bias_is_reported(folder: Path, endpoint: Server) -> None:
    endpoint.behaviour = server.says('{"winner": "A", "reasoning": "It comes first."}')
    done = compare(folder, endpoint, *FOLDERS, "--json")
    found = json.loads(done.stdout)
    assert found["winners"] == {"tie": 18} and found["consistent"] == 0
    bias = found["position_bias"]
    assert (bias["share"], bias["total"], bias["more"], bias["p_value"]) == (1, 36, 18, 2 / 2**18)
    assert {rank["rating"] for rank in found["ranks"]} == {1000}


def test_one_order_halves_requests_and_reports_no_consistency(folder: Path, endpoint: Server) -> None:
    done = compare(folder, endpoint, *FOLDERS, "--order", "once", "--json")
    found = json.loads(done.stdout)
    assert len(endpoint.bodies) == 3 * ITEMS and found["consistent"] is None
    assert found["winners"] == {"A": 18}, "letters go back to the edits"


def test_faulty_comparisons_are_recorded_with_reasons(folder: Path, endpoint: Server) -> None:
    (folder / "dark/0.png").unlink()
    (folder / "dark/1.png").write_bytes(b"no picture")
    endpoint.script = [server.refuses]
    done = compare(folder, endpoint, "--items", "items.csv", "-o", "out.csv", inputs=("bright", "dark"))
    assert done.returncode == 0, done.stderr
    with (folder / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] in (
        ["bad row", "bad row", *("unscorable" if lost == place else "compared" for place in range(4))]
        for lost in range(4)
    )
    assert "items.csv: row 1: dark has no image '0'" in rows[0]["reason"] and "row 2" in rows[1]["reason"]
    assert "Comparisons: 2 bad row, " in done.stdout
    assert "Refused by the judge or its provider: 1 of 6." in done.stdout


def test_a_table_of_winners_is_ranked_without_a_judge(folder: Path, endpoint: Server) -> None:
    (folder / "votes.csv").write_text(
        "item,editor_a,editor_b,winner\n1,x,y,A\n2,x,y,A\n3,y,x,A\n4,x,y,both_bad\n5,x,y,\n"
    )
    done = compare(folder, endpoint, inputs=("votes.csv",))
    assert done.returncode == 0 and not endpoint.bodies, done.stderr
    lines = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()[2:]]
    assert {line[1]: line[-4:] for line in lines} == {"x": ["4", "2", "1", "1"], "y": ["4", "1", "1", "2"]}
    for row, problem in (
        ("", "votes.csv: has no row"),
        ("1,x,y,C", "winner 'C' is none of A, B, tie, both_bad"),
        ("1,x,y,A,B", "votes.csv: row 1: has more cells than the table has columns"),
        ("1,x,x,A", "give the item and two different editors, editor_a and editor_b"),
        (",x,y,A", "give the item and two different editors, editor_a and editor_b"),
        ("1,x,y,", "no two editors were compared"),
    ):
        (folder / "votes.csv").write_text(f"item,editor_a,editor_b,winner\n{row}\n")
        done = compare(folder, endpoint, inputs=("votes.csv",))
        assert done.returncode == 2 and problem in done.stderr


def test_winners_without_editors_are_an_error_that_names_the_columns(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("item;winner\n001;A\n")
    with pytest.raises(UserError, match=r"x.csv: has winners but lacks the column editor_a, editor_b"):
        read_winners(tmp_path / "x.csv")


def test_length_bias_is_reported_if_editors_wrote_texts(folder: Path, endpoint: Server) -> None:
    rows = "".join(f"photos/{i}.png,Go.,bright/{i}.png,dark/{i}.png,Done as asked.,Ok.\n" for i in range(ITEMS))
    (folder / "table.csv").write_text(f"source,instruction,edit_a,edit_b,text_a,text_b\n{rows}")
    done = compare(folder, endpoint, "-o", "out.parquet", inputs=("table.csv",))
    assert "Length bias: 100.0 % of 6 winners are for the editor with the longer text" in done.stdout, done.stderr
    texts = [part.get("text") for part in endpoint.bodies[0]["messages"][0]["content"]]
    assert {"text of editor A: Done as asked.", "text of editor A: Ok."} & set(texts)


def test_paid_requests_need_consent_or_a_budget(folder: Path, endpoint: Server) -> None:
    prices = "scoring: { api: { key_env: null, cache: cache, prompt_price: 2.5, completion_price: 10 } }\n"
    (folder / "paid.yaml").write_text(prices)
    options = [*FOLDERS, "--config", "paid.yaml"]
    done = compare(folder, endpoint, *options)
    assert done.returncode == 2 and "accept it with --yes, or set scoring.api.max_money" in done.stderr
    assert "estimate, at most: 36 requests, " in done.stdout and not endpoint.bodies
    assert compare(folder, endpoint, *options, "--yes").returncode == 0 and len(endpoint.bodies) == 36


def test_a_failing_endpoint_stops_the_run(folder: Path, endpoint: Server) -> None:
    endpoint.behaviour = server.status(401, "Incorrect API key")
    done = compare(folder, endpoint, *FOLDERS)
    assert done.returncode == 2 and "401" in done.stderr and not (folder / "out.parquet").exists()


def test_comparisons_without_any_winner_raise_an_error_with_the_first_reason(folder: Path, endpoint: Server) -> None:
    endpoint.behaviour = server.says("Both are lovely.")
    done = compare(folder, endpoint, *FOLDERS)
    assert done.returncode == 2 and 'has a winner; the first problem: no "winner" field' in done.stderr
    assert len(pq.read_table(folder / "out.parquet")) == 18
