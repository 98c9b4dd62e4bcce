"""Tests of the server of the page: its answers, and rejected requests."""

import io
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from helpers.local_requests import ask, get, serve
from helpers.small_run import HOSTILE, encode, make_run
from omniedit.browsing.catalog import Catalog
from omniedit.browsing.local_server import HttpError
from omniedit.browsing.server import BrowseServer
from omniedit.scoring.human_decisions import Decision, HandDecision, append_by_hand, read_by_hand


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BrowseServer]:
    catalog = Catalog(make_run(tmp_path), "ada")
    catalog.read_shards()
    with serve(BrowseServer(catalog, 0)) as server:
        yield server


def decisions_file(server: BrowseServer) -> Path:
    return server.catalog.run / "decisions/human.jsonl"


def test_run_description_lists_the_values_of_filters(server: BrowseServer) -> None:
    run = get(server, "/api/run")
    assert (run["run"], run["pairs"], run["shards"], run["problems"]) == ("small", 9, {"read": 3, "all": 3}, [])
    assert run["facets"]["task"] == [["object_swap", 5], ["style_transfer", 2], ["visual_depth", 2]]
    assert dict(run["facets"]["reason"])["undecided"] == 5


def test_pairs_are_listed_in_pages(server: BrowseServer) -> None:
    found = get(server, "/api/pairs?order=best&limit=2")
    assert found["total"] == 9 and [row["pair_id"] for row in found["pairs"]] == ["swap-3", "swap-0"]
    found = get(server, "/api/pairs?order=best&limit=200&offset=7")
    assert [row["number"] for row in found["pairs"]] == [7, 8]
    assert get(server, "/api/pairs?task=visual_depth&limit=0") == {"total": 2, "offset": 0, "pairs": []}


@pytest.mark.parametrize(
    "query", ["order=random", "by_hand=maybe", "least=nine", "most=nan", "offset=-1", "limit=201", "limit=1e2"]
)
def test_an_invalid_filter_is_rejected(server: BrowseServer, query: str) -> None:
    status, _, body = ask(server, f"/api/pairs?{query}")
    assert status == 400 and "error" in json.loads(body)


def test_a_pair_has_its_record_outline_and_decision(server: BrowseServer) -> None:
    record = get(server, "/api/pair/1")
    assert (record["pair_id"], record["number"], record["ratio"]) == ("swap-1", 1, "3x2")
    assert record["outline"].startswith("M") and record["by_hand"] is None
    imported = get(server, "/api/pair/7")
    assert imported["instructions"] == [HOSTILE] and imported["outline"] == ""


def test_images_are_sent_as_stored_or_scaled(server: BrowseServer) -> None:
    status, headers, body = ask(server, "/image/6/source/stored")
    assert (status, headers["Content-Type"], body) == (200, "image/jpeg", encode("JPEG", 200))
    status, headers, body = ask(server, "/image/7/source/stored")  # a TIFF, which browsers do not show
    shown = np.asarray(PIL.Image.open(io.BytesIO(body)))
    assert headers["Content-Type"] == "image/png" and (shown == [200, 0, 0]).all() and shown.shape == (48, 64, 3)
    for size in ("thumb", "screen"):
        _, headers, body = ask(server, f"/image/0/edited/{size}")
        assert headers["Content-Type"] == "image/jpeg" and PIL.Image.open(io.BytesIO(body)).size == (60, 40)
    _, headers, body = ask(server, "/image/0/mask/stored")
    assert np.asarray(PIL.Image.open(io.BytesIO(body))).astype(bool).sum() == 150
    _, _, body = ask(server, "/image/8/reference-2/stored")
    assert body == encode("WEBP", 200)


def test_a_cached_image_is_not_sent_again(server: BrowseServer) -> None:
    _, headers, _ = ask(server, "/image/0/edited/screen")
    status, _, body = ask(server, "/image/0/edited/screen", If_None_Match=headers["ETag"])
    assert (status, body) == (304, b"")
    assert ask(server, "/image/1/source/screen", If_None_Match=headers["ETag"])[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/static/page.html",
        "/page.html",
        "/image/0/../stored",
        "/image/0/source/../../../etc/passwd",
        "/image/0/reference-1/stored/",
        "/image/-1/source/stored",
        "/image/0/source/huge",
        "/image/%30/source/stored",
        "/api/pair/1/",
        "/api/pair/x",
        "//etc/passwd",
        "/api/pair/9999999999",
    ],
)
def test_unknown_addresses_are_not_found(server: BrowseServer, path: str) -> None:
    status, _, body = ask(server, path)
    assert status in (400, 404) and set(json.loads(body)) == {"error"}


def test_an_invalid_address_is_rejected(server: BrowseServer) -> None:
    with pytest.raises(HttpError, match="not a valid address"):
        server.get("http://[")


@pytest.mark.parametrize("path", ["/api/pair/9", "/image/9/source/stored", "/image/6/reference-9/stored"])
def test_a_missing_pair_or_image_gives_one_line(server: BrowseServer, path: str) -> None:
    status, _, body = ask(server, path)
    assert status == 409 and "no " in json.loads(body)["error"]
    assert ask(server, "/image/6/mask/stored")[0] == 409


def test_decisions_are_appended_listed_and_withdrawn(server: BrowseServer) -> None:
    given = {"number": 1, "pair_id": "swap-1", "note": f"fine\n{HOSTILE}"}
    for decision, previous, now in (
        ("accept", None, "accept"),
        ("reject", "accept", "reject"),
        ("withdraw", "reject", None),
        ("accept", None, "accept"),
    ):
        status, _, body = ask(server, "/api/decide", given | {"decision": decision})
        answer = json.loads(body)
        assert status == 200 and (answer["previous"], answer["decision"]) == (previous, now)
    assert answer["by_hand"] == {"accepted": 1, "rejected": 0}
    assert len(decisions_file(server).read_text().splitlines()) == 4
    made = get(server, "/api/pair/1")["by_hand"]
    assert (made["decision"], made["who"], made["note"]) == ("accept", "ada", f"fine {HOSTILE}")
    assert made["when"].endswith("+00:00")
    found = get(server, "/api/pairs?by_hand=accepted")
    assert [(row["pair_id"], row["by_hand"]) for row in found["pairs"]] == [("swap-1", "accept")]


def test_decisions_of_other_programs_are_read_and_broken_lines_named(server: BrowseServer) -> None:
    assert get(server, "/api/run")["by_hand"] == {"accepted": 0, "rejected": 0}
    append_by_hand(decisions_file(server), HandDecision("swap-0", Decision.REJECT, "bob", ""))
    with decisions_file(server).open("a") as file:
        file.write("broken\n")
    run = get(server, "/api/run")
    assert run["by_hand"] == {"accepted": 0, "rejected": 1}
    assert len(run["problems"]) == 1 and "human.jsonl: line 2 is skipped" in run["problems"][0]
    assert get(server, "/api/pairs?limit=1")["pairs"][0]["by_hand"] == "reject"


GOOD = {"number": 1, "pair_id": "swap-1", "decision": "accept"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no json", 400),
        (b"[" * 10_000, 400),
        ([], 400),
        ({}, 400),
        (GOOD | {"decision": "delete"}, 400),
        (GOOD | {"decision": ["accept"]}, 400),
        (GOOD | {"number": True}, 400),
        (GOOD | {"number": 1.0}, 400),
        (GOOD | {"note": 7}, 400),
        (GOOD | {"note": "x" * 1001}, 400),
        (GOOD | {"pair_id": "swap-2"}, 409),
        (GOOD | {"pair_id": 1}, 409),
        (GOOD | {"number": 99}, 409),
        (GOOD | {"number": -8}, 409),
    ],
)
def test_invalid_decisions_are_rejected_and_not_written(server: BrowseServer, body: Any, status: int) -> None:
    answer, _, text = ask(server, "/api/decide", body)
    assert answer == status and "error" in json.loads(text)
    assert not decisions_file(server).exists()


def test_no_decision_of_concurrent_browsers_is_lost(server: BrowseServer) -> None:
    def decide(number: int) -> None:
        for decision in ("accept", "reject") * 5:
            assert (
                ask(server, "/api/decide", {"number": number, "pair_id": f"swap-{number}", "decision": decision})[0]
                == 200
            )

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read_by_hand(decisions_file(server))
    assert found.problems == [] and {made.decision for made in found.by_pair.values()} == {Decision.REJECT}
    assert len(decisions_file(server).read_text().splitlines()) == 40


def test_a_vanished_or_rewritten_file_gives_one_line(server: BrowseServer) -> None:
    assert ask(server, "/image/0/source/thumb")[0] == 200
    files = server.catalog.shards
    shutil.copy(files[1].candidates, files[0].candidates.with_suffix(".new")).replace(files[0].candidates)
    for path in ("/image/0/source/thumb", "/image/0/edited/stored"):
        status, _, body = ask(server, path)
        assert status == 409 and "has no pair swap-0; the file was replaced" in json.loads(body)["error"]
    files[0].candidates.unlink()
    status, _, body = ask(server, "/image/0/source/thumb")
    assert status == 409 and "no such file" in json.loads(body)["error"]
    record = get(server, "/api/pair/0")
    assert "no such file" in record["problems"][0] and record["scores"]["o_score"] == 9.5
