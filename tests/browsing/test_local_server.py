"""Server of all local pages: requests it must not answer, for each page."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers.local_requests import ask, serve
from helpers.rated_edits import make_edits
from helpers.small_run import make_run
from omniedit.browsing.catalog import Catalog
from omniedit.browsing.local_server import ALL_NETWORKS, LOOPBACK, MAX_BODY_BYTES, LocalServer, check_address
from omniedit.browsing.rating.server import RatingServer
from omniedit.browsing.server import BrowseServer
from omniedit.errors import UserError
from omniedit.evaluation.people.answers import AnswerStore
from omniedit.evaluation.people.questions import Session, make_questions
from omniedit.scoring.human_decisions import read_by_hand


class Browsing:
    """Page of `omniedit browse`, with a pair and a decision."""

    change, body = "/api/decide", {"number": 1, "pair_id": "swap-1", "decision": "accept"}
    reads = ("/", "/page.js", "/page.css", "/base.js", "/base.css", "/icon.svg", "/api/run", "/image/0/source/stored")

    def __init__(self, root: Path) -> None:
        self.catalog = Catalog(make_run(root), "ada")
        self.catalog.read_shards()
        self.server: LocalServer = BrowseServer(self.catalog, 0)

    def count_changes(self) -> int:
        return len(read_by_hand(self.catalog.run / "decisions/human.jsonl").by_pair)


class Rating:
    """Page of `omniedit rate`, with a rater and an answer."""

    change = "/api/answer"

    def __init__(self, root: Path, host: str = "127.0.0.1") -> None:
        self.store = AnswerStore(root / "ratings.sqlite")
        questions = make_questions(self.store, make_edits(root / "edits"), pairwise=False)
        session = Session(self.store, questions, None, 0)
        ticket = session.join("ada")["questions"][0]["ticket"]
        self.server: LocalServer = RatingServer(session, 0, host)
        self.body = {"rater": "ada", "token": "1", "ticket": ticket, "sc": 1, "pq": 0.5}
        pages = ("/", "/page.js", "/page.css", "/base.js", "/base.css", "/icon.svg", "/api/mode")
        self.reads = (*pages, "/api/state?rater=ada", f"/image/{ticket}/source")

    def count_changes(self) -> int:
        return len(self.store.read_answers())


@contextmanager
def open_page(page: Any) -> Iterator[Any]:
    with serve(page.server):
        yield page


@pytest.fixture(params=[Browsing, Rating])
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with open_page(request.param(tmp_path)) as page:
        yield page


@pytest.mark.parametrize("host", ["example.org", "example.org:80", "127.0.0.1.example.org", "10.0.0.1", ""])
def test_requests_under_a_foreign_host_name_are_rejected(page: Any, host: str) -> None:
    for path in page.reads:
        assert ask(page.server, path, Host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9000", "127.0.0.1:9000", "[::1]:9000"])
def test_a_tunnel_may_have_another_port(page: Any, host: str) -> None:
    assert ask(page.server, page.reads[-2], Host=host)[0] == 200
    assert ask(page.server, page.change, page.body, Host=host, Origin=f"http://{host}")[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1"}, 403),
        ({"Content-Type": "text/plain"}, 403),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 403),
        ({"Host": "example.org", "Origin": "http://example.org"}, 403),
        ({"Content-Length": "-1"}, 413),
        ({"Content-Length": str(MAX_BODY_BYTES + 1)}, 413),
        ({"Content-Length": "many"}, 413),
    ],
)
def test_requests_of_other_sites_change_nothing(page: Any, headers: dict, status: int) -> None:
    assert ask(page.server, page.change, page.body, **headers)[0] == status
    assert page.count_changes() == 0
    assert ask(page.server, page.change, page.body)[0] == 200
    assert page.count_changes() == 1


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "//etc/passwd",
        "/page.html",
        "/static/page.js",
        "/%2e%2e/page.js",
        "/base.js/",
        "/nothing",
        "/?/..",
    ],
)
def test_no_path_leads_to_a_file(page: Any, path: str) -> None:
    status, _, body = ask(page.server, path)
    assert status == (200 if path.startswith("/?") else 404)
    assert status == 200 or set(json.loads(body)) == {"error"}
    assert ask(page.server, path, page.body)[0] == 404


def test_every_response_forbids_foreign_scripts_and_sources(page: Any) -> None:
    for path in (*page.reads, "/none"):
        _, headers, body = ask(page.server, path)
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; ") and "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert b"https://" not in body and int(headers["Content-Length"]) == len(body)
    assert ask(page.server, page.reads[-2], method="PUT")[0] == 501


def test_requests_without_the_token_find_nothing(tmp_path: Path) -> None:
    with open_page(Rating(tmp_path)) as page:
        token = page.server.prefix
        assert len(token) == 25
        for wrong in ("", token[:-1], token + "0", f"{token[:-1]}z", f"/x{token}"):
            for path in page.reads:
                assert ask(Prefixed(page.server, wrong), path)[0] == 404
            assert ask(Prefixed(page.server, wrong), page.change, page.body)[0] == 404
        assert page.count_changes() == 0
        assert b"open the whole link" in ask(page.server, "")[2]


class Prefixed:
    """Server as seen with another token."""

    def __init__(self, server: LocalServer, prefix: str) -> None:
        self.server_port, self.origin, self.prefix = server.server_port, server.origin, prefix


def test_a_page_for_other_machines_needs_only_its_token(tmp_path: Path) -> None:
    with open_page(Rating(tmp_path, ALL_NETWORKS)) as page:
        assert page.server.address.startswith("http://127.0.0.1:")
        assert ask(page.server, "/", Host="raters.example.org:8000")[0] == 200
        assert ask(Prefixed(page.server, ""), "/", Host="raters.example.org:8000")[0] == 404
        assert ask(page.server, page.change, page.body, Origin="http://elsewhere.example.org")[0] == 403


def test_a_taken_port_is_reported_with_a_remedy() -> None:
    with LocalServer(0) as server:
        with pytest.raises(UserError, match=rf"^{LOOPBACK}:{server.server_port}: Address already in use; give another"):
            check_address(LOOPBACK, server.server_port)
        port = server.server_port
    check_address(LOOPBACK, port)
