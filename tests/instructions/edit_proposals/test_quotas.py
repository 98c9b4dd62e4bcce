"""Quotas: proposals are accepted or rejected by the proposals alone."""

import json
from collections import Counter

from omniedit.config.schema import QuotasConfig
from omniedit.instructions.edit_proposals.classes import PHRASINGS, RemovalProposal, SwapProposal, facets
from omniedit.instructions.edit_proposals.paraphrase_check import PhotoObject
from omniedit.instructions.edit_proposals.prompt_builder import DraftEdit, digest
from omniedit.instructions.edit_proposals.proposer import ProposalDraft
from omniedit.instructions.edit_proposals.quotas import apply_quotas
from omniedit.instructions.edit_proposals.table import CLASSES
from omniedit.tasks import Task

SAID = {phrasing: f"Remove the thing, {phrasing}." for phrasing in PHRASINGS}


def draft(source_id: str, name: str, paraphrases: dict[str, str] = SAID) -> ProposalDraft:
    proposal = RemovalProposal(instructions=[paraphrases["plain"]], object=f"red {name}", background="a lawn")
    return ProposalDraft(
        source_id, DraftEdit(Task.OBJECT_REMOVAL, proposal, PhotoObject(name, f"red {name}")), paraphrases, "m-1"
    )


def test_quota_limits_the_share_of_each_object() -> None:
    drafts = [draft(f"p{number}", "dog" if number % 2 else "cat") for number in range(12)]
    rows = apply_quotas([*drafts, draft("q", "owl")], QuotasConfig(object=0.25), {Task.OBJECT_REMOVAL: 16})
    assert [row["source_id"] for row in rows] == [f"p{number}" for number in range(12)] + ["q"]
    kept = Counter(row["name"] for row in rows if row["refused"] is None)
    assert kept == {"dog": 4, "cat": 4, "owl": 1}
    refused = Counter((row["stage"], row["refused"]) for row in rows if row["refused"])
    assert refused == {("quotas", f"the quota of object '{name}' is full"): 2 for name in ("dog", "cat")}


def test_first_proposals_of_photos_precede_second_ones() -> None:
    drafts = [draft(photo, "dog") for photo in "aabbccdd"]
    rows = apply_quotas(drafts, QuotasConfig(object=0.5), {Task.OBJECT_REMOVAL: 8})
    assert [row["refused"] is None for row in rows] == [True, False] * 4


def test_accepted_proposals_do_not_depend_on_photo_order() -> None:
    drafts = [draft(f"p{number}", "dog") for number in range(9)]
    quotas, wanted = QuotasConfig(object=0.5), {Task.OBJECT_REMOVAL: 6}
    kept = [
        {row["source_id"]: row["proposal"] for row in apply_quotas(these, quotas, wanted) if row["refused"] is None}
        for these in (drafts, drafts[::-1])
    ]
    assert kept[0] == kept[1] and len(kept[0]) == 3


def test_quota_always_accepts_at_least_one() -> None:
    (row,) = apply_quotas([draft("a", "dog")], QuotasConfig(object=0.01), {Task.OBJECT_REMOVAL: 1})
    assert row["refused"] is None


def test_phrasings_come_first_equally_often_and_none_is_lost() -> None:
    short_only = {"plain": SAID["plain"], "short": SAID["short"]}
    drafts = [draft(f"p{number}", "dog", short_only if number % 3 == 0 else SAID) for number in range(30)]
    rows = apply_quotas(drafts, QuotasConfig(object=1), {Task.OBJECT_REMOVAL: 30})
    first = Counter(row["phrasings"][0] for row in rows)
    assert set(first) == set(PHRASINGS) and set(first.values()) <= {5, 6, 7}
    for row, each in zip(rows, drafts, strict=True):
        assert json.loads(row["proposal"])["instructions"] == [each.instructions[p] for p in row["phrasings"]]
        assert set(row["phrasings"]) == set(each.instructions)
        assert (row["name"], row["model"], row["prompt_hash"]) == ("dog", "m-1", digest())


def test_proposals_are_counted_by_the_facets_they_name() -> None:
    swap = SwapProposal(instructions=["Do it."], object="old red car on the left", new_object="a cart full of hay")
    assert list(facets(swap, "car")) == [("object", "car"), ("new_object", "cart")]
    assert next(facets(swap, ""))[1] == "old red car on the left"
    prompts = {"source_prompt": "a", "target_prompt": "b"}
    attribute = CLASSES[Task.ATTRIBUTE_MODIFICATION](
        instructions=["Do it."], object="car", attribute="colour", value="Blue", **prompts
    )
    assert list(facets(attribute, "car")) == [("object", "car"), ("attribute", "colour"), ("value", "blue")]
    quotas = set(QuotasConfig.model_fields)
    assert {"object", "new_object", "attribute", "value", "environment", "style"} == quotas
