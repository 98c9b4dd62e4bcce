"""Review of proposals: the next question, the table, undo, and a review that goes on later."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.bench_files import write_image
from omniedit.errors import UserError
from omniedit.evaluation.bench.sets.freeze import read_draft
from omniedit.evaluation.bench.sets.proposal_review import Review, Verdict
from omniedit.evaluation.bench.sets.set_proposals import BenchProposal
from omniedit.storage.parquet import read_csv

PROPOSALS = [
    BenchProposal("b.png", "style_transfer", "Paint it."),
    BenchProposal("b.png", "object_swap", "Swap the cat.", "m", "a cat", "a dog", 1),
    BenchProposal("b.png", "object_swap", "Swap the tree.", "m", "", "", 1),
    BenchProposal("a.png", "object_removal", reason="no object"),
    BenchProposal("c.png", "", reason="not an image"),
]


def open_review(tmp_path: Path, proposals: list[BenchProposal] | None = None) -> Review:
    for seed, name in enumerate(("a.png", "b.png")):
        write_image(tmp_path / name, seed)
    return Review(PROPOSALS if proposals is None else proposals, tmp_path, tmp_path / "table.csv")


def decide(review: Review, verdict: Verdict, instruction: str = "") -> dict[str, Any]:
    return review.decide(review.describe()["turn"], verdict, instruction)


def current(review: Review) -> tuple[str, str, int] | None:
    slot = review.describe()["slot"]
    return slot and (slot["photo"], slot["instruction"], slot["more"])


def table(review: Review) -> list[tuple[str, str, str]]:
    return [(row["photo"], row["task"], row["instruction"]) for row in read_csv(review.table)]


def test_photos_and_tasks_are_reviewed_in_turn_until_all_are_decided(tmp_path: Path) -> None:
    review = open_review(tmp_path)
    assert current(review) == ("b.png", "Swap the cat.", 1)
    decide(review, Verdict.REJECT)
    assert current(review) == ("b.png", "Swap the tree.", 0) and review.describe()["done"] == 0
    decide(review, Verdict.ACCEPT, "Swap the tree.")
    assert current(review) == ("b.png", "Paint it.", 0)
    decide(review, Verdict.ACCEPT, "Paint it\nin oil.")
    assert current(review) == ("a.png", "", 0)
    decide(review, Verdict.REJECT)
    assert current(review) is None
    assert {name: review.describe()[name] for name in ("done", "total", "accepted")} == {
        "done": 3,
        "total": 3,
        "accepted": 2,
    }
    assert table(review) == [
        ("b.png", "object_swap", "Swap the tree."),
        ("b.png", "style_transfer", "Paint it in oil."),
    ]


def test_build_reads_the_reviewed_table(tmp_path: Path) -> None:
    review = open_review(tmp_path)
    decide(review, Verdict.ACCEPT, "Swap the cat.")
    decide(review, Verdict.ACCEPT, "=Paint it.")
    first, second = read_draft(review.table, tmp_path).rows
    assert (first["source_caption"], first["target_caption"], first["objects"]) == ("a cat", "a dog", 1)
    assert second["instruction"] == "=Paint it." and "objects" not in second


def test_undo_repeats_the_question_and_removes_the_row(tmp_path: Path) -> None:
    review = open_review(tmp_path)
    decide(review, Verdict.ACCEPT, "Swap the bird.")
    assert len(table(review)) == 1
    state = review.undo(review.describe()["turn"])
    assert state["before"] == "Swap the bird." and current(review) == ("b.png", "Swap the cat.", 1)
    assert table(review) == [] and not state["can_undo"]
    assert review.undo(state["turn"])["turn"] == state["turn"]


def test_leaving_out_a_photo_removes_its_instructions_until_undone(tmp_path: Path) -> None:
    review = open_review(tmp_path)
    decide(review, Verdict.ACCEPT, "Swap the cat.")
    decide(review, Verdict.LEAVE_OUT)
    assert table(review) == [] and current(review) == ("a.png", "", 0)
    review.undo(review.describe()["turn"])
    assert len(table(review)) == 1 and current(review) == ("b.png", "Paint it.", 0)


def test_a_repeated_decision_counts_once(tmp_path: Path) -> None:
    review = open_review(tmp_path)
    turn = review.describe()["turn"]
    first = review.decide(turn, Verdict.REJECT)
    assert review.decide(turn, Verdict.REJECT) == first and current(review) == ("b.png", "Swap the tree.", 0)


def test_a_review_resumes_where_it_stopped_even_with_new_proposals(tmp_path: Path) -> None:
    review = open_review(tmp_path)
    decide(review, Verdict.REJECT)
    decide(review, Verdict.ACCEPT, "Swap the tree.")
    decide(review, Verdict.REJECT)
    assert current(open_review(tmp_path)) == ("a.png", "", 0)
    more = [
        *PROPOSALS,
        BenchProposal("b.png", "style_transfer", "Draw it."),
        BenchProposal("b.png", "object_swap", "New."),
    ]
    again = open_review(tmp_path, more)
    assert current(again) == ("b.png", "Draw it.", 0) and len(table(again)) == 1


def test_a_table_changed_by_hand_is_not_overwritten(tmp_path: Path) -> None:
    review = open_review(tmp_path)
    decide(review, Verdict.ACCEPT, "Swap the cat.")
    changed = review.table.read_text().replace("cat.", "cow.")
    review.table.write_text(changed)
    with pytest.raises(UserError, match="has changed since the review"):
        open_review(tmp_path)
    assert review.table.read_text() == changed


def test_broken_lines_of_the_log_are_skipped(tmp_path: Path) -> None:
    review = open_review(tmp_path)
    decide(review, Verdict.REJECT)
    with review.log.open("a") as log:
        log.write('{"verdict": "perhaps"}\n[1]\n{"verdict": "reject", "photo": 3}\nno json\n')
    assert current(open_review(tmp_path)) == ("b.png", "Swap the tree.", 0)
    assert json.loads(review.log.read_text().splitlines()[0])["proposed"] == "Swap the cat."


def test_an_empty_instruction_cannot_be_accepted(tmp_path: Path) -> None:
    review = open_review(tmp_path)
    for text in ("", " \n ", "x" * 2001):
        with pytest.raises(ValueError, match="an instruction has 1 to"):
            decide(review, Verdict.ACCEPT, text)
    assert not review.log.exists()


def test_a_folder_without_the_photos_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'b.png': no such file.*give the folder for which"):
        Review(PROPOSALS, tmp_path, tmp_path / "table.csv")
