"""Tests of proposals for photos by a local endpoint that makes mistakes, over HTTP."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from helpers import vlm_server as server
from helpers.chain import SAMPLE
from helpers.proposal_replies import THINGS, answering
from helpers.vlm_server import MODEL, Server, serving
from omniedit.config.schema import EndpointConfig, ProposalsConfig
from omniedit.imaging.images import Image, resize_to_fit
from omniedit.instructions.edit_proposals.classes import PHRASINGS
from omniedit.instructions.edit_proposals.prompt_builder import text
from omniedit.instructions.edit_proposals.proposer import ProposalDraft, Proposer, shuffle_indices
from omniedit.instructions.edit_proposals.quotas import apply_quotas
from omniedit.instructions.edit_proposals.table import ProposalRow, read_proposals, write_proposals
from omniedit.instructions.language_model import open_model
from omniedit.sources.photo import Photo
from omniedit.tasks import OMNIEDIT_TASKS, Task

SIDE = 96


@pytest.fixture(scope="module")
def photos() -> list[Photo]:
    def read(path: Path) -> Image:
        return resize_to_fit(cv2.imread(str(path))[..., ::-1].astype(np.uint8), SIDE)

    return [Photo(path.stem, read(path), "1x1") for path in sorted(SAMPLE.glob("*.jpg"))]


@pytest.fixture
def endpoint(photos: list[Photo]) -> Iterator[Server]:
    with serving(answering({photo.source_id: photo.image for photo in photos})) as running:
        yield running


def config(url: str, cache: Path, **more: Any) -> ProposalsConfig:
    api = EndpointConfig(url=url, model="judge", key_env=None, cache=str(cache), tries=1)
    return ProposalsConfig(source="api", api=api, **more)


def propose_all(
    options: ProposalsConfig, photos: list[Photo], tasks: tuple[Task, ...] = tuple(OMNIEDIT_TASKS)
) -> tuple[list[ProposalDraft], list[ProposalRow]]:
    with open_model(options) as model:
        outcomes = Proposer(model, options, tasks).propose(photos)
    return [draft for drafts, _ in outcomes for draft in drafts], [row for _, rows in outcomes for row in rows]


def of(photos: list[Photo], *names: str) -> list[Photo]:
    return [photo for photo in photos if photo.source_id in names]


def questions(running: Server, name: str) -> list[list[dict[str, Any]]]:
    """Return the message parts of all requests with a prompt, first attempts and retries."""
    options = [body["messages"][0]["content"] for body in running.bodies]
    return [parts for parts in options if parts[0]["text"].startswith(text(name))]


def test_every_photo_gets_edits_of_every_suitable_task(endpoint: Server, photos: list[Photo], tmp_path: Path) -> None:
    drafts, rows = propose_all(config(endpoint.url, tmp_path), photos)
    for photo in photos:
        of_photo = [draft for draft in drafts if draft.source_id == photo.source_id]
        suits = set(OMNIEDIT_TASKS) if THINGS[photo.source_id] else {Task.ENVIRONMENT_CHANGE, Task.STYLE_TRANSFER}
        assert {draft.edit.task for draft in of_photo} == suits
        expressions = {expression for _, expression in THINGS[photo.source_id]}
        assert {draft.edit.thing.expression for draft in of_photo if draft.edit.thing} <= expressions
        for draft in of_photo:
            assert draft.model == MODEL and draft.instructions["plain"] == draft.edit.proposal.instructions[0]
            kept = [p for p in PHRASINGS if p != "indirect" or draft.edit.task is not Task.OBJECT_ADDITION]
            assert list(draft.instructions) == kept
    refused = {(row["stage"], row["task"]): row["refused"] for row in rows}
    assert refused == {
        ("edits", Task.OBJECT_REMOVAL): "background 'an orange floor in warm light and a bean bag' names the object",
        ("wordings", Task.OBJECT_ADDITION): refused[("wordings", Task.OBJECT_ADDITION)],
    }
    assert refused[("wordings", Task.OBJECT_ADDITION)].startswith("indirect paraphrase: it does not name the object")


def test_retry_repeats_the_prompt_with_the_reply_and_its_flaws(
    endpoint: Server, photos: list[Photo], tmp_path: Path
) -> None:
    drafts, rows = propose_all(config(endpoint.url, tmp_path), of(photos, "two_dogs"), (Task.OBJECT_REMOVAL,))
    first, again = questions(endpoint, "objects")
    assert len(first) == 2 and again[:2] == first
    assert again[2]["text"].startswith('your reply: {"objects": [{"name": "dog", "expression": "brown dog"}')
    assert again[3]["text"].count("expression 'brown dog' does not distinguish it from the others of its kind") == 2
    assert rows == [] and [draft.edit.proposal.truth["object"] for draft in drafts] == [
        e for _, e in THINGS["two_dogs"]
    ]


def test_tries_are_limited_and_other_photos_continue(endpoint: Server, photos: list[Photo], tmp_path: Path) -> None:
    unusable = of(photos, "rocky_path", "fig_in_bowl")
    drafts, rows = propose_all(config(endpoint.url, tmp_path, tries=1), unusable, (Task.OBJECT_SWAP,))
    assert len(questions(endpoint, "edits")) == 2 and {draft.source_id for draft in drafts} == {"fig_in_bowl"}
    (row,) = rows
    assert (row["source_id"], row["task"], row["stage"]) == ("rocky_path", Task.OBJECT_SWAP, "edits")
    assert row["refused"].startswith("no JSON object") and row["refused"].endswith("cut off at its maximum length")
    drafts, rows = propose_all(config(endpoint.url, tmp_path, tries=2), unusable, (Task.OBJECT_SWAP,))
    assert rows == [] and {draft.source_id for draft in drafts} == {"rocky_path", "fig_in_bowl"}


def test_refusal_is_recorded_and_not_retried(endpoint: Server, photos: list[Photo], tmp_path: Path) -> None:
    endpoint.script = [server.refuses]
    drafts, rows = propose_all(config(endpoint.url, tmp_path), of(photos, "fig_in_bowl"), (Task.OBJECT_SWAP,))
    assert drafts == [] and len(endpoint.bodies) == 1
    assert [(row["stage"], row["task"]) for row in rows] == [("things", None)]
    assert rows[0]["refused"] == 'the model refuses: "I can\'t help with that."'


def test_rerun_sends_no_request(endpoint: Server, photos: list[Photo], tmp_path: Path) -> None:
    first = propose_all(config(endpoint.url, tmp_path), photos)
    options = len(endpoint.bodies)
    assert propose_all(config(endpoint.url, tmp_path), photos) == first and len(endpoint.bodies) == options


def test_image_is_sent_at_no_more_than_the_maximum_side(endpoint: Server, photos: list[Photo], tmp_path: Path) -> None:
    small = config(endpoint.url, tmp_path)
    small = small.model_copy(update={"api": small.api.model_copy(update={"max_side": 64})})
    endpoint.behaviour = server.says('{"objects": []}')
    drafts, rows = propose_all(small, of(photos, "fig_in_bowl"), (Task.OBJECT_SWAP,))
    assert (drafts, rows) == ([], []) and len(endpoint.bodies) == 1
    assert len(str(endpoint.bodies[0])) < 64 * 64 * 3 * 2


def test_proposal_file_is_reproducible_and_readable_by_specialists(
    endpoint: Server, photos: list[Photo], tmp_path: Path
) -> None:
    options = config(endpoint.url, tmp_path / "cache")
    for name in ("first", "second"):
        drafts, rows = propose_all(options, photos)
        write_proposals(
            tmp_path / name, [*apply_quotas(drafts, options.quotas, dict.fromkeys(OMNIEDIT_TASKS, 100)), *rows]
        )
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    for task in OMNIEDIT_TASKS:
        found = read_proposals(tmp_path / "first", task)
        assert sum(map(len, found.values())) == sum(draft.edit.task is task for draft in drafts)
        assert all(len(each.instructions) >= 4 for proposals in found.values() for each in proposals)


def test_photos_are_requested_until_every_task_has_enough_proposals(
    endpoint: Server, photos: list[Photo], tmp_path: Path
) -> None:
    options = config(endpoint.url, tmp_path, spare=1.5)
    drafts, _ = propose_all(options, of(photos, "fig_in_bowl", "forest_stream"))
    with open_model(options) as model:
        proposer = Proposer(model, options, tuple(OMNIEDIT_TASKS))
    of_each = Counter(draft.edit.task for draft in drafts)
    assert (of_each[Task.OBJECT_SWAP], of_each[Task.STYLE_TRANSFER]) == (2, 4)
    assert proposer.has_enough_drafts(drafts, dict.fromkeys(OMNIEDIT_TASKS, 1))
    assert not proposer.has_enough_drafts(drafts, dict.fromkeys(OMNIEDIT_TASKS, 2))
    assert proposer.has_enough_drafts(drafts, {**dict.fromkeys(OMNIEDIT_TASKS, 1), Task.STYLE_TRANSFER: 2})


def test_photo_order_is_shuffled_and_stable_for_subsets() -> None:
    names = [f"p{number:03d}" for number in range(100)]
    order = [names[place] for place in shuffle_indices(names)]
    assert order != names and sorted(order) == names
    assert [name for name in order if name in names[:50]] == [names[place] for place in shuffle_indices(names[:50])]
