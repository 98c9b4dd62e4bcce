"""Tests for the proposals page: counts over files, and messages for files without proposals."""

import re
from collections import Counter
from pathlib import Path

import pytest

from omniedit.instructions.edit_proposals.classes import RemovalProposal, StyleProposal
from omniedit.instructions.edit_proposals.table import ProposalRow, proposal_in, rejection_row, usable, write_proposals
from omniedit.reporting.proposals import ProposalTally, count_concepts_in_half, evenness, proposals_page, reason_kind
from omniedit.tasks import Task


def removal(source_id: str, name: str, *phrasings: str) -> ProposalRow:
    proposal = RemovalProposal(
        instructions=[f"Remove the {name}, {p}." for p in phrasings], object=f"red {name}", background="a <b>lawn"
    )
    return usable(source_id, Task.OBJECT_REMOVAL, proposal, name=name, phrasings=list(phrasings), model="m-1")


def write_shards(folder: Path, *shards: list[ProposalRow]) -> list[Path]:
    paths = [folder / f"{number}.parquet" for number in range(len(shards))]
    for path, rows in zip(paths, shards, strict=True):
        write_proposals(path, rows)
    return paths


def rows_for(page: str) -> dict[str, list[str]]:
    """Return the cells of table rows, by the first cell."""
    rows = [re.findall(r">([^<>\n]*)</td>", row) for row in re.findall(r"<tr.*?</tr>", page, re.S)]
    return {row[0]: row[1:] for row in rows if row}


def test_tasks_refusals_and_names_are_counted_over_shards(tmp_path: Path) -> None:
    paths = write_shards(
        tmp_path,
        [
            removal("a", "dog", "polite", "plain"),
            removal("a", "dog", "plain", "short", "polite"),
            rejection_row("a", Task.OBJECT_REMOVAL, "quotas", "the quota of object 'dog' is full"),
        ],
        [
            removal("b", "cat", "plain"),
            rejection_row("b", Task.OBJECT_REMOVAL, "quotas", "the quota of object 'the cat' is full"),
            rejection_row("b", Task.OBJECT_REMOVAL, "edits", "background 'a cat' names the object"),
            rejection_row("b", Task.OBJECT_REMOVAL, "wordings", "short paraphrase: it does not name the object 'cat'"),
            rejection_row("c", None, "things", "no JSON object: Expecting value: line 1 column 1 (char 0)"),
        ],
    )
    tally = ProposalTally.of(paths)
    assert (tally.photos, tally.usable, tally.named["object"]) == (3, {Task.OBJECT_REMOVAL: 3}, {"dog": 2, "cat": 1})
    assert tally.first == {(Task.OBJECT_REMOVAL, "polite"): 1, (Task.OBJECT_REMOVAL, "plain"): 2}
    page = proposals_page("mini", tally)
    counts, _, balance = page.partition("Balance over concepts")
    assert rows_for(counts)["Object removal"] == ["3", "1", "2", "2.0", "1"]
    assert rows_for(balance)["Object removal"] == ["2", "1", "dog", "67 %", "0.92"]
    assert rows_for(page)["quotas"] == ["Object removal", "the quota of object ... is full", "2"]
    assert rows_for(page)["things"][1:] == ["no JSON object: Expecting value: line # column # (char #)", "1"]
    shown = dict(re.findall(r"<dt>(.+?)</dt><dd>(.+?)</dd>", page))
    assert shown == {"photos": "3", "usable": "3", "rejected": "3", "distinct objects": "2", "proposed by": "m-1"}
    assert page.count("<img") == 3 and "Remove the dog, polite." in page


def test_examples_are_of_different_photos(tmp_path: Path) -> None:
    rows = [removal(photo, "dog", "plain") for photo in "aaabbcdef"]
    page = proposals_page("mini", ProposalTally.of(write_shards(tmp_path, rows)))
    assert page.count("<li>") == 3


def test_recorded_replies_are_shown_with_their_known_fields_only(tmp_path: Path) -> None:
    row = usable("a", Task.STYLE_TRANSFER, StyleProposal(instructions=["Paint it.", "Ink it."], style="a <sketch>"))
    page = proposals_page("mini", ProposalTally.of(write_shards(tmp_path, [row])))
    assert "recorded replies" in page and "Paint it." in page and "<sketch>" not in page


def test_page_without_proposals_states_so(tmp_path: Path) -> None:
    page = proposals_page("mini", ProposalTally.of(write_shards(tmp_path, [])))
    assert "Nothing was proposed." in page and "No proposal can be used." in page and "<img" not in page


def test_reasons_are_grouped_without_quoted_words_and_numbers() -> None:
    assert reason_kind("the quota of object 'dog' is full") == reason_kind("the quota of object 'grey cat' is full")
    assert reason_kind("instructions: 0: too long") != reason_kind("object: too long")


def test_balance_is_one_for_equal_shares_and_falls_with_a_dominant_concept() -> None:
    even, uneven = Counter(dict.fromkeys("abcd", 5)), Counter({"a": 97, "b": 1, "c": 1, "d": 1})
    assert evenness(even) == pytest.approx(1) and evenness(uneven) < 0.2 and evenness(Counter(a=3)) == 1
    assert (count_concepts_in_half(even), count_concepts_in_half(uneven)) == (2, 1)


def test_types_of_anyedit_are_listed_like_tasks(tmp_path: Path) -> None:
    proposal = proposal_in(Task("color_alter"), {"instructions": ["Red."], "object": "cup", "value": "red"})
    page = proposals_page(
        "mini", ProposalTally.of(write_shards(tmp_path, [usable("a", Task("color_alter"), proposal)]))
    )
    assert rows_for(page.partition("Balance over concepts")[0])["Color alter"][0] == "1"
    assert rows_for(page.partition("Balance over concepts")[2])["Color alter"][0] == "2"
