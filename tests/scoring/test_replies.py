"""Replies side by side: which pairs are chosen, and what of them is stored."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.config.schema import DEFECTS_VERSION
from omniedit.imaging.images import decode_image
from omniedit.pairs import EditPair, write_shard
from omniedit.scoring import Score, Unscorable
from omniedit.scoring.replies import MAX_SIDE, REPLIES_SCHEMA, choose_lessons, read_lessons, reply_row
from omniedit.scoring.student.teacher import TEACHER_SCHEMA
from omniedit.storage.parquet import read_rows, write_rows
from omniedit.tasks import Task

LESSONS = st.lists(
    st.tuples(st.integers(0, 30).map(str), st.sampled_from("abc"), st.sampled_from(["", "blur", "blocks"])), unique=True
)


def rows(lessons: list[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [{"pair_id": task + pair, "task": task, "defect": defect} for pair, task, defect in lessons]


def test_chosen_lessons_alternate_between_tasks_and_defects() -> None:
    lessons = [(str(n), task, defect) for task in "ab" for n in range(9) for defect in ("", "blocks", "blur")]
    assert choose_lessons(rows(lessons), 6) == [
        *(("a0", ""), ("a0", "blocks"), ("b0", ""), ("a0", "blur"), ("a1", ""), ("a1", "blocks")),
    ]


@given(LESSONS, st.integers(1, 9))
def test_lessons_are_chosen_once_up_to_the_available_number(lessons: list[tuple[str, str, str]], count: int) -> None:
    chosen = choose_lessons(rows(lessons), count)
    assert len(set(chosen)) == len(chosen) == min(count, len(lessons))
    assert choose_lessons(rows(lessons[::-1]), count) == chosen, "the order of the rows decides nothing"
    if any(defect == "" for _, _, defect in lessons):
        assert chosen[0][1] == ""


@pytest.fixture
def files(tmp_path: Path) -> tuple[list[Path], list[Path]]:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 600, 300, 3), np.uint8)
    provenance = {"source_id": "sea", "ratio": "9x16"}
    pairs = [EditPair(f"p{n}", Task.STYLE_TRANSFER, ("Paint it.",), *pixels, None, provenance) for n in range(2)]
    write_shard(tmp_path / "0.h5", Task.STYLE_TRANSFER, "embedded", 0, pairs)
    about = {"judge": "api", "prompt_hash": "0", "defects_version": DEFECTS_VERSION, "status": "scored"}
    scores = {"sc_score_1": 8.0, "sc_score_2": 9.0, "pq_score": 2.0, "o_score": 4.0, "reasoning": "A seam."}
    lessons = [{**about, **scores, "pair_id": f"p{n}", "defect": defect} for n in range(2) for defect in ("", "blur")]
    write_rows(tmp_path / "0.parquet", lessons, TEACHER_SCHEMA)
    return [tmp_path / "0.h5"], [tmp_path / "0.parquet"]


def test_rows_contain_both_replies_and_small_images(files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    found = read_lessons(*files, [("p1", "blur"), ("p0", ""), ("lost", "")])
    assert [(pair.pair_id, lesson.defect) for pair, lesson in found] == [("p1", "blur"), ("p0", "")]
    student = Score(7, 7, 7, "Blurred.")
    made = [reply_row(*found[0], student), reply_row(*found[1], Unscorable('no "score" field'))]
    write_rows(tmp_path / "replies.parquet", made, REPLIES_SCHEMA)
    blurred, plain = read_rows(tmp_path / "replies.parquet")
    assert (blurred["teacher_o_score"], blurred["student_o_score"]) == (4, 7)
    assert (blurred["teacher_reasoning"], blurred["student_reasoning"]) == ("A seam.", "Blurred.")
    assert (plain["student_o_score"], plain["student_reasoning"]) == (None, 'no "score" field')
    assert decode_image(plain["source"], "source").shape == (MAX_SIDE, MAX_SIDE // 2, 3)
    assert blurred["edited"] != plain["edited"], "the pair is shown with its defect"
