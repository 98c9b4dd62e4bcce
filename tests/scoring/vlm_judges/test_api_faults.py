"""Faults of an endpoint: one that concerns a pair makes it unscorable, one that concerns all pairs ends the run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import vlm_server as server
from helpers.api_pairs import GOOD, HEALTHY, KEY, PAIRS, judge_at
from helpers.chain import REPOSITORY, SHOWN
from helpers.vlm_server import Behaviour, Handler, serving
from omniedit.errors import UserError
from omniedit.scoring import Unscorable

FAULTS: dict[str, tuple[list[Behaviour], Behaviour]] = {
    "answers late": ([], server.slowly(0.2, GOOD)),
    "429 with Retry-After: 7, then a good reply": (
        [server.status(429, "Slow down.", Retry_After="7")],
        server.says(GOOD),
    ),
    "500, then a good reply": ([server.status(500, "Oops.")], server.says(GOOD)),
    "500 always": ([], server.status(500, "Oops.")),
    "cuts its reply off": ([], server.cuts_off),
    "closes the connection": ([], server.hangs_up),
    "never answers": ([], server.is_silent),
    "sends its answer too slowly": ([], server.drips),
    "HTML in place of JSON": ([], server.is_garbage),
    "an error with status 200": ([], server.status(200, "The provider failed.")),
    "a reply without scores": ([], server.says("A lovely picture!")),
    "scores beyond 10": ([], server.says('{"score": [80, 90, 70]}')),
    "a refusal": ([], server.refuses),
    "a content filter": ([], server.filters),
    "a content filter, status 400": ([], server.filters_the_prompt),
    "finish reason SAFETY or RECITATION": ([], server.ends("SAFETY", None)),
    "stop reason refusal": ([], server.ends("refusal")),
    "an empty reply": ([], server.ends("stop")),
    "a reply that ends while thinking, in a separate field": (
        [],
        server.ends("length", None, reasoning_content="Let me see."),
    ),
    "an answer in parts": ([], server.ends("stop", [{"type": "thinking"}, {"type": "text", "text": GOOD}])),
    "an error in the choice, then a good reply": ([server.fails_within], server.says(GOOD)),
    "400, an unsupported request": ([], server.status(400, "Unknown field.")),
    "401, a wrong key": ([], server.status(401, f"Incorrect API key: {KEY}")),
    "404, no such model": ([], server.status(404, "No such model.")),
    "429, no credit left": ([], server.status(429, "Quota exceeded.", "insufficient_quota")),
    "429 with Retry-After: 3600": ([], server.status(429, "Daily limit.", Retry_After="3600")),
}


TOO_LATE = ("never answers", "sends its answer too slowly")


def patience(fault: str) -> float:
    """Return the seconds that a request may take: few only for faults that exceed them on purpose."""
    return 2 if fault in TOO_LATE else 60


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_handled_as_documented(
    fault: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    seen = f"| {fault} | {fault_of_one_pair(fault, tmp_path / 'one')} | {fault_of_all_pairs(fault, tmp_path / 'all')} |"
    record_property(SHOWN, seen)
    assert KEY not in seen and all(KEY not in file.read_text() for file in tmp_path.rglob("*.json"))
    assert seen in (REPOSITORY / "docs/judging.md").read_text().splitlines()


def fault_of_one_pair(fault: str, cache: Path) -> str:
    """Return the record of a pair whose requests meet the fault, next to a pair that is answered well."""
    script, behaviour = list(FAULTS[fault][0]), FAULTS[fault][1]
    requests, slept = 0, list[float]()

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        nonlocal requests
        if HEALTHY.instruction in body["messages"][0]["content"][-1]["text"]:
            return server.says(GOOD)(handler, body)
        requests += 1
        (script.pop(0) if script else behaviour)(handler, body)

    with serving(behave) as running:
        judge = judge_at(running.url, cache, timeout_s=patience(fault), sleep=slept.append)
        judge.client.limits.pause = lambda seconds: None  # type: ignore[method-assign]
        try:
            verdict, _ = judge.judge([PAIRS[0], HEALTHY])
        except UserError as error:
            return f"the run ends: {error}".replace(running.url, "URL")
    if isinstance(verdict, Unscorable):
        return f"unscorable: {verdict.reason}"
    return f"scored by request {requests}" + (", at least 7 s later" if slept and slept[0] >= 7 else "")


def fault_of_all_pairs(fault: str, cache: Path) -> str:
    """Return whether a run continues if all its requests meet the fault."""
    script, behaviour = FAULTS[fault]
    with serving(behaviour) as running:
        running.script = list(script)
        judge = judge_at(running.url, cache, timeout_s=patience(fault))
        judge.client.limits.pause = lambda seconds: None  # type: ignore[method-assign]
        try:
            judge.judge(PAIRS[:2])
        except UserError:
            return "ends"
    return "continues"
