"""Tests of recaptioning by a local endpoint over HTTP: provenance, checks of the reply, and retries."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers import vlm_server as server
from helpers.derivable_pairs import BOX, make_pair
from helpers.vlm_server import MODEL, Server, serving
from omniedit.config.schema import EndpointConfig, ProposalsConfig
from omniedit.instructions.language_model import open_model
from omniedit.instructions.recaption import (
    NOTHING_CHANGED,
    Recaptioner,
    needs_recaption,
    possible_tasks,
    prompt_digest,
    read_change,
)
from omniedit.pairs import EditPair, Rejection
from omniedit.tasks import OMNIEDIT_TASKS, Task

GOOD = {
    "changed": True,
    "task": "object_removal",
    "instruction": "Remove the dog on the left.",
    "wordings": ["Get rid of the left dog.", "remove the dog on the left", "Add a dog."],
}


def reply(**changes: Any) -> str:
    return json.dumps(GOOD | changes)


@pytest.fixture
def endpoint() -> Iterator[Server]:
    with serving(server.says(reply())) as running:
        yield running


def rewrite(endpoint: Server, cache: Path, *pairs: EditPair, tries: int = 2) -> list[EditPair | Rejection]:
    api = EndpointConfig(url=endpoint.url, model="judge", key_env=None, cache=str(cache), tries=1)
    config = ProposalsConfig(source="api", api=api, tries=tries)
    with open_model(config) as model:
        return Recaptioner(model, config).rewrite(pairs)


def swap(**more: Any) -> EditPair:
    return make_pair("object_swap", "Replace the dog with a cat.", "Swap dog and cat.", **more)


def test_new_instruction_comes_first_and_the_old_one_is_recorded(endpoint: Server, tmp_path: Path) -> None:
    pair = swap(truth={"object": "dog", "box": BOX}, known_truth=True, session="s", turn=1)
    (new,) = rewrite(endpoint, tmp_path, pair)
    assert isinstance(new, EditPair)
    assert new.instructions == ("Remove the dog on the left.", "Get rid of the left dog.")
    assert (new.task, new.pair_id, new.session) == (Task.OBJECT_REMOVAL, f"{pair.pair_id}-recaptioned", None)
    assert new.source is pair.source and new.edited is pair.edited and new.mask is pair.mask
    assert new.provenance == {
        **{name: value for name, value in pair.provenance.items() if name not in ("truth", "known_truth")},
        "derived": {"from": pair.pair_id, "how": "recaptioned"},
        "recaptioned": {"from": "Replace the dog with a cat.", "by": MODEL, "prompt_hash": prompt_digest()},
    }


def test_prompt_shows_both_images_and_the_old_instruction(endpoint: Server, tmp_path: Path) -> None:
    rewrite(endpoint, tmp_path, swap())
    (body,) = endpoint.bodies
    parts = body["messages"][-1]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert len(urls) == len(set(urls)) == 2
    assert "Replace the dog with a cat." in parts[-1]["text"] and "style_transfer" not in parts[-1]["text"]


def test_retry_lists_the_flaws(endpoint: Server, tmp_path: Path) -> None:
    endpoint.script = [server.says(reply(instruction="Replace the dog with a cat!"))]
    (new,) = rewrite(endpoint, tmp_path, swap())
    assert isinstance(new, EditPair) and len(endpoint.bodies) == 2
    assert "the instruction repeats the earlier one" in str(endpoint.bodies[1])


def test_unusable_reply_rejects_the_pair_with_a_reason(endpoint: Server, tmp_path: Path) -> None:
    endpoint.behaviour = server.says("I cannot see it.")
    (new,) = rewrite(endpoint, tmp_path, swap())
    assert isinstance(new, Rejection) and new.source_id == swap().pair_id
    assert new.reason.startswith("no usable instruction: no JSON object") and len(endpoint.bodies) == 2


def test_refusal_is_not_retried(endpoint: Server, tmp_path: Path) -> None:
    endpoint.behaviour = server.refuses
    (new,) = rewrite(endpoint, tmp_path, swap())
    assert isinstance(new, Rejection) and "the model refuses" in new.reason and len(endpoint.bodies) == 1


def test_unchanged_pair_is_rejected_without_a_retry(endpoint: Server, tmp_path: Path) -> None:
    endpoint.behaviour = server.says('{"changed": false}')
    assert rewrite(endpoint, tmp_path, swap()) == [Rejection(swap().pair_id, NOTHING_CHANGED)]
    assert len(endpoint.bodies) == 1


def test_repeated_call_sends_no_request(endpoint: Server, tmp_path: Path) -> None:
    first, again = (rewrite(endpoint, tmp_path, swap()) for _ in range(2))
    assert len(endpoint.bodies) == 1
    assert [vars(pair)["instructions"] for pair in first] == [vars(pair)["instructions"] for pair in again]


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"changed": "yes"}, "changed"),
        ({"task": "style_transfer"}, "'style_transfer' is not one of the kinds of edit"),
        ({"task": "../../etc"}, "is not one of the kinds of edit"),
        ({"instruction": None}, "no instruction"),
        ({"instruction": ""}, "instruction"),
        ({"instruction": "!!!"}, "no letter or digit"),
        ({"instruction": "x" * 201}, "instruction"),
        ({"instruction": "Add a dog on the left."}, "does not ask for object removal"),
        ({"instruction": "Do not remove the dog."}, "negates"),
        ({"wordings": "Remove it."}, "wordings"),
        ({"wordings": [1]}, "wordings"),
    ],
)
def test_invalid_reply_has_a_flaw(changes: dict[str, Any], flaw: str) -> None:
    parsed = read_change(reply(**changes), "Replace the dog.", possible_tasks(swap()))
    assert parsed.parts == () and flaw in str(parsed.flaws[0])


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", '{"changed": true}', "{" * 5000, "\ud800", '{"changed": null}']
)
def test_hostile_replies_never_raise(text: str) -> None:
    parsed = read_change(text, "Replace the dog.", OMNIEDIT_TASKS)
    assert parsed.parts == () and parsed.flaws


def test_masked_pair_allows_only_local_tasks() -> None:
    assert possible_tasks(swap()) == tuple(task for task in OMNIEDIT_TASKS if task.is_local)
    everywhere = make_pair("action_change", "Let it sit.", left=None)
    assert possible_tasks(everywhere) == (*OMNIEDIT_TASKS, "action_change")


@pytest.mark.parametrize(
    ("scores", "needs"),
    [((2, 9, 9), True), ((5, 7, 7), True), ((6, 9, 9), False), ((2, 6, 9), False), ((2, 9, 6), False)],
)
def test_good_edits_of_the_wrong_object_need_recaptioning(scores: tuple[float, ...], needs: bool) -> None:
    row = dict(zip(("sc_score_1", "sc_score_2", "pq_score"), scores, strict=True))
    assert needs_recaption(row) is needs


def test_unscorable_pair_needs_no_recaptioning() -> None:
    assert not needs_recaption(dict.fromkeys(("sc_score_1", "sc_score_2", "pq_score")))
