"""Judge `api` over HTTP: its requests, its reading of replies, and its handling of every fault of an endpoint."""

import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers import vlm_server as server
from helpers.api_pairs import GOOD, PAIRS, judge_at, make_pair
from helpers.vlm_server import MODEL, Handler, Server, serving
from omniedit.imaging.images import decode_image
from omniedit.pairs import EditPair, Reference
from omniedit.scoring import Score, Unscorable
from omniedit.scoring.reply_form import plain_form
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.scoring.score_table import score_row
from omniedit.scoring.vlm_judges.api import ApiJudge, read_reply
from omniedit.tasks import Task
from omniedit.vlm import Reply


@pytest.fixture
def good() -> Iterator[Server]:
    with serving(server.says(GOOD)) as running:
        yield running


def contents(server: Server) -> list[list[dict[str, Any]]]:
    return [body["messages"][0]["content"] for body in server.bodies]


def test_each_pair_is_sent_once_with_the_fixed_text_first(good: Server, tmp_path: Path) -> None:
    verdicts = judge_at(good.url, tmp_path).judge(PAIRS)
    assert verdicts == [Score(8, 9, 7, "Fine.", MODEL)] * len(PAIRS)
    for parts in contents(good):
        assert parts[0]["text"] == edit_rubric().text
        assert [part.get("text") for part in parts[1:]] == [
            "source:",
            None,
            "edited:",
            None,
            "instruction: Make it night.",
        ]


def test_viescore_asks_two_questions_and_takes_each_minimum(tmp_path: Path) -> None:
    def answer(handler: Handler, body: dict[str, Any]) -> None:
        images = sum(part["type"] == "image_url" for part in body["messages"][0]["content"])
        semantic = '{"score": [9, 4], "reasoning": "Over-edited."}'
        perceptual = '{"score": [10, 9], "reasoning": "Clean."}'
        handler.answer(server.completion(semantic if images == 2 else perceptual))

    with serving(answer) as running:
        (verdict,) = judge_at(running.url, tmp_path, "viescore_editing").judge(PAIRS[:1])
        assert verdict == Score(9, 4, 9, "Over-edited. Clean.", MODEL)
        assert isinstance(verdict, Score) and verdict.o_score == 6
        (quality,) = [parts for parts in contents(running) if len(parts) == 3]
        assert quality[1]["text"] == "edited:"


def test_a_missing_answer_makes_the_pair_unscorable(tmp_path: Path) -> None:
    def half(handler: Handler, body: dict[str, Any]) -> None:
        semantic = len(body["messages"][0]["content"]) > 3
        handler.answer(server.completion('{"score": [9, 4]}' if semantic else "I cannot tell."))

    with serving(half) as running:
        (verdict,) = judge_at(running.url, tmp_path, "viescore_editing").judge(PAIRS[:1])
    assert verdict == Unscorable("no \"score\" field in 'I cannot tell.'")


def rubric_at(url: str, folder: Path, rubric: dict[str, Any]) -> ApiJudge:
    """Return a judge that asks a rubric of a file."""
    (folder / "mine.yaml").write_text(yaml.safe_dump(rubric, sort_keys=False))
    return judge_at(url, folder / "cache", str(folder / "mine.yaml"))


OWN: dict[str, Any] = {
    "range": [0, 25],
    "questions": [
        {
            "text": "Judge: <instruction>",
            "images": {"source": "", "edited": "After:"},
            "words": ["instruction"],
            "scores": ["success", "restraint", "quality"],
            "texts": ["knowledge"],
        }
    ],
    "sc": ["success", "restraint"],
    "pq": ["quality"],
}


def test_passes_have_different_seeds_and_their_mean_and_spread_are_stored(tmp_path: Path) -> None:
    def answer(handler: Handler, body: dict[str, Any]) -> None:
        scores = [[25, 25, 25], [10, 20, 10], "none", [20, 10, 10]][body["seed"]]
        handler.answer(server.completion(json.dumps({"score": scores, "reasoning": str(body["seed"])})))

    with serving(answer) as running:
        judge = rubric_at(running.url, tmp_path, OWN | {"passes": 4, "temperature": 0.5})
        (verdict,) = judge.judge(PAIRS[:1])
        assert sorted((body["seed"], body["temperature"]) for body in running.bodies) == [(n, 0.5) for n in range(4)]
        assert judge.judge(PAIRS[:1]) == [verdict] and len(running.bodies) == 4, "each pass is cached"
        assert judge.estimate([{"instruction": "Go."}]).requests == 4
    assert isinstance(verdict, Score)
    assert (verdict.sc_score, verdict.pq_score, verdict.o_score) == (6, 6, 6), "means of 10, 4 and 4"
    assert verdict.o_spread == pytest.approx(12**0.5) and verdict.reasoning == "0"
    row = score_row("p0", verdict, judge)
    assert json.loads(str(row["details"])) == {
        "scores": {"success": 55 / 3, "restraint": 55 / 3, "quality": 15},
        "texts": {"knowledge": ""},
        "passes": 3,
    }
    assert row["o_spread"] == verdict.o_spread and row["o_score"] == 6


def test_a_single_pass_sends_no_seed_and_decodes_greedily(good: Server, tmp_path: Path) -> None:
    judge_at(good.url, tmp_path).judge(PAIRS[:1])
    assert "seed" not in good.bodies[0] and good.bodies[0]["temperature"] == 0


def test_texts_and_labels_of_a_rubric_file_fill_their_places(tmp_path: Path) -> None:
    reply = '{"score": [20, 10, 25], "reasoning": "Fine." "knowledge": "Night is dark."}'
    with serving(server.says(reply)) as running:
        (verdict,) = rubric_at(running.url, tmp_path, OWN).judge(PAIRS[:1])
        shown = [part.get("text") for part in contents(running)[0]]
    assert shown == ["Judge: Make it night.", None, "After:", None]
    assert verdict == Score(8, 4, 10, "Fine.", MODEL)
    assert isinstance(verdict, Score)
    details = {"scores": {"success": 20, "restraint": 10, "quality": 25}, "texts": {"knowledge": "Night is dark."}}
    assert json.loads(verdict.details) == details


def test_each_task_has_its_own_question_and_a_task_without_one_is_not_sent(tmp_path: Path) -> None:
    tasks = {"environment_change": {"questions": [OWN["questions"][0] | {"text": "Is it night?"}]}}
    rubric = {name: value for name, value in OWN.items() if name != "questions"} | {"tasks": tasks}
    other = EditPair("q", Task.OBJECT_REMOVAL, ("Remove it.",), PAIRS[0].source, PAIRS[0].edited, None, {})
    with serving(server.says('{"score": [25, 25, 25]}')) as running:
        night, removal = rubric_at(running.url, tmp_path, rubric).judge([PAIRS[0], other])
        assert [parts[0]["text"] for parts in contents(running)] == ["Is it night?"]
    assert night == Score(10, 10, 10, "", MODEL)
    assert removal == Unscorable(
        "rubric 'mine' has no question about the task 'object_removal'; it has: environment_change"
    )


def test_the_overall_score_follows_the_rule_of_the_rubric(tmp_path: Path) -> None:
    with serving(server.says('{"score": [20, 10, 25]}')) as running:
        judge = rubric_at(running.url, tmp_path, OWN | {"overall": {"mean": ["success", "restraint", "quality"]}})
        (verdict,) = judge.judge(PAIRS[:1])
    assert isinstance(verdict, Score) and verdict.o_score == pytest.approx(22 / 3)
    assert verdict.sc_score == 4
    assert score_row("p0", verdict, judge)["o_score"] == verdict.o_score


def test_a_missing_image_makes_the_pair_unscorable_with_the_reason(good: Server, tmp_path: Path) -> None:
    question = OWN["questions"][0] | {"images": ["source", "subject", "edited"], "scores": ["a", "b", "c"]}
    rubric = {"questions": [question], "sc": ["a"], "pq": ["c"]}
    verdicts = rubric_at(good.url, tmp_path, rubric).judge(PAIRS[:1])
    assert verdicts == [Unscorable("rubric 'mine' needs the image 'subject', which the example lacks")]
    assert not good.bodies
    pair = replace(PAIRS[0], references=(Reference("subject", PAIRS[1].source),))
    assert rubric_at(good.url, tmp_path, rubric).judge([pair]) == [Score(8, 8, 7, "Fine.", MODEL)]


def test_large_images_are_downscaled_by_their_longer_side(good: Server, tmp_path: Path) -> None:
    judge = judge_at(good.url, tmp_path)
    judge.max_side = 64
    judge.judge([make_pair(0, side=100)])
    urls = [part["image_url"]["url"] for part in contents(good)[0] if "image_url" in part]
    assert [decode_image(b64decode(url.partition(",")[2])).shape for url in urls] == [(32, 64, 3)] * 2


def test_a_truncated_reply_is_unscorable_with_the_reason(tmp_path: Path) -> None:
    def cut(handler: Handler, _: dict[str, Any]) -> None:
        handler.answer(server.completion('{"reasoning": "Let me think about', "length"))

    with serving(cut) as running:
        (verdict,) = judge_at(running.url, tmp_path).judge(PAIRS[:1])
    assert isinstance(verdict, Unscorable) and verdict.reason.endswith("; the reply was cut off at the token limit")


def test_a_reply_that_is_truncated_after_thinking_is_unscorable() -> None:
    """Check that the limit, which may fall within the thinking right after an imitated answer, leaves no score."""
    reply = "<think>It says </think>" + GOOD
    for reason, is_scored in (("stop", True), ("length", False)):
        reading = read_reply(Reply(reply, "v1", reason), plain_form(3))
        assert isinstance(reading, Unscorable) is not is_scored


@pytest.mark.parametrize(("end", "is_scored"), [("", False), ("**", True), ("\n", True), (".", True)])
def test_a_possibly_truncated_number_is_not_a_score(tmp_path: Path, end: str, is_scored: bool) -> None:
    scores = {"a": {"key": "Success"}, "b": {"key": "Quality"}}
    question = OWN["questions"][0] | {"reply": "lines", "scores": scores, "texts": []}

    def cut(handler: Handler, _: dict[str, Any]) -> None:
        handler.answer(server.completion(f"Success: 9\nQuality: 1{end}", "length"))

    with serving(cut) as running:
        rubric = {"questions": [question], "sc": ["a"], "pq": ["b"]}
        (verdict,) = rubric_at(running.url, tmp_path, rubric).judge(PAIRS[:1])
    assert isinstance(verdict, Score) is is_scored
    assert is_scored or "cut off at the token limit" in str(verdict)


def test_the_version_of_the_answering_model_is_stored(good: Server, tmp_path: Path) -> None:
    judge = judge_at(good.url, tmp_path)
    (verdict,) = judge.judge(PAIRS[:1])
    row = score_row("p0", verdict, judge)
    assert (row["judge"], row["judge_version"], row["prompt_hash"]) == ("api", MODEL, edit_rubric().digest)
    assert score_row("p0", Unscorable("no"), judge)["judge_version"] == ""


def test_the_estimate_is_at_least_the_billed_amount(good: Server, tmp_path: Path) -> None:
    judge = judge_at(good.url, tmp_path)
    judge.judge(PAIRS)
    spent, estimate = judge.client.budget.spent, judge.estimate([{"instruction": "Make it night."}] * len(PAIRS))
    assert spent.requests == estimate.requests == len(PAIRS)
    assert spent.tokens <= estimate.tokens <= 4 * spent.tokens
