"""Tests of many prompts at once: concurrent, rate-limited, retried, within budget, and never paid for twice."""

import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from helpers import vlm_server as server
from helpers.clock import Clock
from helpers.vlm_server import Server, serving
from omniedit.config.schema import EndpointConfig
from omniedit.errors import UserError
from omniedit.vlm import Client, Endpoint, Prompt, Reply
from omniedit.vlm.budget import Budget, Prices, estimate
from omniedit.vlm.cache import Cache
from omniedit.vlm.client import open_client
from omniedit.vlm.ledger import Ledger
from omniedit.vlm.limits import RateLimiter
from omniedit.vlm.messages import PromptImage, Usage
from omniedit.vlm.retries import Retries

PROMPTS = [Prompt((f"Prompt {number}. ".ljust(3000),), max_tokens=50) for number in range(12)]
OF_ONE = Usage(1, 1000, 50)
"""Usage that the server reports for a reply, equal to the estimate for a prompt."""


@pytest.fixture
def slow() -> Iterator[Server]:
    with serving(server.slowly(0.1, "Well.")) as running:
        yield running


def client(running: Server, cache: Path, **parts: object) -> Client:
    retries = Retries(tries=2, sleep=lambda seconds: None)
    return Client(Endpoint(running.url, "judge"), Cache(cache), retries=retries, **parts)  # type: ignore[arg-type]


def test_requests_run_concurrently_up_to_the_limit(tmp_path: Path) -> None:
    """Hold every reply until four requests are open."""
    four = threading.Barrier(4)

    def together(handler: server.Handler, body: dict) -> None:
        four.wait(300)
        server.says("Well.")(handler, body)

    with serving(together) as running, client(running, tmp_path, concurrency=4) as asking:
        answers = asking.ask(PROMPTS)
    assert [answer.text for answer in answers if isinstance(answer, Reply)] == ["Well."] * len(PROMPTS)
    assert running.most_at_once == 4


@pytest.mark.parametrize("retry_after", ["86400", "9" * 400])
def test_a_wait_of_a_day_ends_the_job_and_holds_no_other_request(tmp_path: Path, retry_after: str) -> None:
    clock = Clock()
    limits = RateLimiter(clock=clock, sleep=clock.sleep)
    with (
        serving(server.status(429, "Quota.", Retry_After=retry_after)) as running,
        client(running, tmp_path, concurrency=4, limits=limits) as asking,
        pytest.raises(UserError, match="asks to wait"),
    ):
        asking.ask(PROMPTS)
    limits.wait(1)
    assert clock() == Clock()()


def test_answers_keep_the_order_of_the_prompts(tmp_path: Path) -> None:
    def echo(handler: server.Handler, body: dict) -> None:
        handler.answer(server.completion(body["messages"][0]["content"][0]["text"]))

    with serving(echo) as running, client(running, tmp_path) as asking:
        assert [answer.text for answer in asking.ask(PROMPTS)] == [prompt.parts[0] for prompt in PROMPTS]  # type: ignore[union-attr]


def test_rerun_sends_no_request_and_equal_prompts_are_sent_once(slow: Server, tmp_path: Path) -> None:
    with client(slow, tmp_path) as first:
        answers = first.ask([*PROMPTS[:4], *PROMPTS[:4]])
    assert len(slow.bodies) == 4 and first.budget.spent == Usage(4, 4000, 200)
    with client(slow, tmp_path, budget=Budget(max_requests=1)) as again:
        assert again.ask([*PROMPTS[:4], *PROMPTS[:4]]) == answers
    assert len(slow.bodies) == 4 and again.budget.spent == Usage() and again.from_cache == 8


def test_budget_stops_the_run_and_paid_replies_stay_cached(slow: Server, tmp_path: Path) -> None:
    prices = Prices(prompt=2.0, completion=8.0)
    with (
        client(slow, tmp_path, concurrency=2, budget=Budget(max_money=0.0125, prices=prices)) as asking,
        pytest.raises(UserError, match=r"budget of 0\.0125 in money .* raise max_money and run again") as error,
    ):
        asking.ask(PROMPTS)
    paid = len(slow.bodies)
    assert 0 < paid < len(PROMPTS) and paid * prices.money(OF_ONE) <= 0.0125
    assert f"spent: {paid} requests" in str(error.value) or f"{paid - 1} requests" in str(error.value)
    with client(slow, tmp_path) as richer:
        richer.ask(PROMPTS)
    assert len(slow.bodies) == len(PROMPTS)


@pytest.mark.parametrize("limits", [{"max_requests": 3}, {"max_tokens": 3 * 1050}])
def test_budgets_limit_requests_and_tokens(limits: dict[str, int], slow: Server, tmp_path: Path) -> None:
    with client(slow, tmp_path, concurrency=1, budget=Budget(**limits)) as asking, pytest.raises(UserError):
        asking.ask(PROMPTS)
    assert len(slow.bodies) == 3


def test_budget_reserves_the_reply_length_set_by_request_options(slow: Server, tmp_path: Path) -> None:
    """Prompt and reply together take 1,000 + 4,000 tokens, so a budget of 13,000 covers two requests."""
    for options, requests in (({"max_tokens": None, "max_completion_tokens": 4000}, 2), ({"max_tokens": 4000}, 2)):
        slow.behaviour = lambda handler, _: handler.answer(server.completion("Well.", completion_tokens=4000))
        slow.bodies.clear()
        with (
            Client(
                Endpoint(slow.url, "judge", options=options),
                Cache(tmp_path / str(len(options))),
                budget=Budget(max_tokens=13_000),
            ) as asking,
            pytest.raises(UserError, match=r"budget of 13,000 in tokens|budget of 13000 in tokens"),
        ):
            asking.ask(PROMPTS)
        assert len(slow.bodies) == requests


def test_budget_reserves_more_after_a_larger_bill(tmp_path: Path) -> None:
    budget = Budget(max_tokens=10_000)
    reserved = budget.reserve(OF_ONE)
    budget.settle(reserved, Usage(1, 4000, 200))
    assert budget.reserve(OF_ONE) == Usage(1, 4000, 200)
    with pytest.raises(UserError):
        budget.reserve(OF_ONE)


def test_cached_error_is_requested_again(tmp_path: Path) -> None:
    Cache(tmp_path).put("ab" * 32, Reply("", "m", "error"))
    assert Cache(tmp_path).get("ab" * 32) is None


def test_lost_reply_counts_as_billed_and_a_failed_request_does_not(slow: Server, tmp_path: Path) -> None:
    most = estimate(PROMPTS[0], 1000)
    for fault, spent in ((server.cuts_off, most + OF_ONE), (server.status(503, "Busy."), Usage(1) + OF_ONE)):
        slow.script = [fault]
        with client(slow, tmp_path / str(spent.tokens)) as asking:
            asking.ask(PROMPTS[:1])
        assert asking.budget.spent == spent


def test_unreachable_endpoint_stops_the_run_but_one_failed_prompt_does_not(slow: Server, tmp_path: Path) -> None:
    def answers_but_one(handler: server.Handler, body: dict) -> None:
        bad = "Prompt 3." in str(body)
        handler.answer(b"{}" if bad else server.completion("Well."), 500 if bad else 200)

    slow.behaviour = server.status(500, "Oops.")
    with (
        client(slow, tmp_path) as asking,
        pytest.raises(
            UserError, match=r"none of 12 requests was answered; first reason: no reply after 2 attempts; .*Oops"
        ),
    ):
        asking.ask(PROMPTS)
    slow.behaviour = answers_but_one
    with client(slow, tmp_path) as asking:
        answers = asking.ask(PROMPTS)
        assert [number for number, answer in enumerate(answers) if not isinstance(answer, Reply)] == [3]
        slow.behaviour = server.hangs_up
        with pytest.raises(UserError, match="none of 1 requests was answered"):
            asking.ask(PROMPTS)
    slow.behaviour = answers_but_one
    with client(slow, tmp_path) as again:
        answers = again.ask(PROMPTS)
        assert [isinstance(answer, Reply) for answer in answers].count(False) == 1 and again.answered == 0
        (alone,) = again.ask(PROMPTS[3:4])
        assert not isinstance(alone, Reply)


def test_rejected_prompt_stops_the_run_only_before_any_answer(slow: Server, tmp_path: Path) -> None:
    slow.behaviour = server.status(400, "Unknown field.")
    with client(slow, tmp_path) as asking, pytest.raises(UserError, match="Unknown field"):
        asking.ask(PROMPTS[:1])
    with client(slow, tmp_path) as asking:
        slow.script = [server.says("Well.")]
        asking.ask(PROMPTS[1:2])
        (answer,) = asking.ask(PROMPTS[:1])
        assert not isinstance(answer, Reply) and answer.rejected
    with client(slow, tmp_path) as again:
        answers = again.ask(PROMPTS[:2])
        assert [isinstance(answer, Reply) for answer in answers] == [False, True] and again.from_cache == 1


def test_refused_connection_raises_error(tmp_path: Path) -> None:
    with serving(server.says("Well.")) as gone:
        pass
    with client(gone, tmp_path) as asking, pytest.raises(UserError, match=r"no connection: .*refused"):
        asking.ask(PROMPTS[:1])


def test_jobs_of_a_run_share_its_budget(tmp_path: Path) -> None:
    clock = Clock()
    mine = Budget(max_requests=3, ledger=Ledger(tmp_path, clock))
    theirs = Budget(max_requests=3, ledger=Ledger(tmp_path, clock))
    for budget in (mine, theirs):
        budget.reserve(OF_ONE)
        budget.settle(OF_ONE, OF_ONE)
        clock.now += 60
    mine.reserve(OF_ONE)
    mine.settle(OF_ONE, OF_ONE)
    mine.close()
    clock.now += 60
    with pytest.raises(UserError, match=r"budget of 3 in requests .* spent: 3 requests"):
        theirs.reserve(OF_ONE)


def test_pending_reservations_count() -> None:
    budget = Budget(max_requests=1)
    budget.reserve(OF_ONE)
    with pytest.raises(UserError):
        budget.reserve(OF_ONE)
    budget.settle(OF_ONE, Usage())
    budget.reserve(OF_ONE)


def test_estimate_counts_texts_images_and_a_full_reply() -> None:
    image = PromptImage(None)  # type: ignore[arg-type]
    assert estimate(Prompt(("x" * 300, image, image), max_tokens=50), 1000) == Usage(1, 2100, 50)
    assert Prices(2.0, 8.0).money(Usage(1, 2100, 50)) == pytest.approx(0.0046)


def test_cached_reply_is_complete_and_a_damaged_one_is_ignored(tmp_path: Path) -> None:
    cache, reply, digest = Cache(tmp_path), Reply("text", "m", "length", "no", OF_ONE), "ab" * 32
    assert cache.get(digest) is None
    cache.put(digest, reply)
    (file,) = tmp_path.rglob("*.json")
    whole = file.read_text()
    assert cache.get(digest) == reply
    for damaged in (whole.replace("text", "tent"), whole[:-5], "", "{}"):
        file.write_text(damaged)
        assert cache.get(digest) is None
    other = tmp_path / "cd" / file.name
    other.parent.mkdir()
    other.write_text(whole)
    assert cache.get("cd" + digest[2:]) is None


def test_concurrent_writes_of_the_same_replies_leave_them_intact(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(write_replies, [tmp_path] * 2))
    assert all(Cache(tmp_path).get(f"{number:064x}") == Reply(str(number), "m") for number in range(50))
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 50


def write_replies(folder: Path) -> None:
    for number in range(50):
        Cache(folder).put(f"{number:064x}", Reply(str(number), "m"))


def test_api_key_is_read_only_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, slow: Server, tmp_path: Path
) -> None:
    config = EndpointConfig(url=slow.url, model="judge", key_env="MY_KEY", cache=str(tmp_path))
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(UserError, match="environment variable MY_KEY is unset or empty"):
        open_client(config)
    monkeypatch.setenv("MY_KEY", "\u201csk-secret\u201d")
    with pytest.raises(UserError, match="MY_KEY contains a character that no API key has"):
        open_client(config)
    monkeypatch.setenv("MY_KEY", "sk-secret")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cache: .*file/replies: cannot be written"):
        open_client(config.model_copy(update={"cache": str(tmp_path / "file")}))
    with open_client(config) as asking:
        asking.ask(PROMPTS[:1])
    assert slow.keys == ["Bearer sk-secret"]
    assert all("sk-secret" not in file.read_text() for file in tmp_path.rglob("*.json"))
    with open_client(config.model_copy(update={"key_env": None, "cache": str(tmp_path / "other")})) as asking:
        asking.ask(PROMPTS[:1])
    assert slow.keys[-1] is None
