"""Judges of `omniedit score`: a judge of pairs, and an ensemble."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from helpers import vlm_server as server
from helpers.vlm_server import Handler, serving
from omniedit.cli.score import score_table
from omniedit.cli.score_judges import pair_marker
from omniedit.config.schema import ScoringConfig
from omniedit.errors import UserError
from omniedit.pairs import EditPair
from omniedit.scoring import Score, Unscorable
from omniedit.scoring.examples import Example
from omniedit.scoring.rubric_registry import edit_rubric, load_rubric

EDITING = load_rubric("viescore_editing")


def test_a_judge_of_pairs_judges_examples_of_one_size_under_its_own_rubric() -> None:
    class Student:
        name, batch_size, prompt_hash = "student", 4, edit_rubric().digest

        def judge(self, pairs: list[EditPair]) -> list[Score | Unscorable]:
            assert pairs, "a judge is asked about pairs"
            return [Score(8, 2, 8, pair.instruction) for pair in pairs]

    square, wide = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 16, 3), np.uint8)
    mark = pair_marker(Student(), edit_rubric())
    good, uneven = (Example({"source": square, "edited": edited}, {"instruction": "Go."}) for edited in (square, wide))
    marks, refused = mark([good, uneven])
    assert not isinstance(marks, Unscorable)
    assert (marks.scores, marks.o_score) == ({"success": 8, "restraint": 2, "quality": 8}, 4)
    assert refused == Unscorable("source 8 x 8 and edited 16 x 8 differ in size; make them equal")
    assert mark([uneven]) == [refused]
    with pytest.raises(UserError, match="supports only the rubric 'edit'"):
        pair_marker(Student(), EDITING)


def answer_by_judge(handler: Handler, body: dict[str, Any]) -> None:
    """Refuse the second row as `strict`, and give other scores as `kind`."""
    parts = body["messages"][0]["content"]
    if body["model"] == "strict" and parts[-1].get("text") == "instruction: Remove the dog.":
        return server.refuses(handler, body)
    score = 4 if body["model"] == "strict" else 9
    handler.answer(server.completion(json.dumps({"score": [score, 9, score], "reasoning": body["model"]})))


def ensemble(folder: Path, url: str, **more: Any) -> ScoringConfig:
    judges = {
        model: {
            "judge": "api",
            "api": {"url": url, "model": model, "key_env": None, "cache": str(folder / "cache")} | more,
        }
        for model in ("strict", "kind")
    }
    together = {"judges": judges, "average": "mean", "min_judges": 1}
    return ScoringConfig.model_validate({"judge": "ensemble", "ensemble": together})


def test_an_ensemble_writes_each_judges_score_and_their_disagreement(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    with serving(answer_by_judge) as running:
        score_table(table, out, edit_rubric(), "ensemble", None, ensemble(tmp_path, running.url))
        requests = len(running.bodies)
        score_table(table, tmp_path / "again.csv", edit_rubric(), "ensemble", None, ensemble(tmp_path, running.url))
        assert len(running.bodies) == requests == 4, "a second run asks nothing"
    rows = pq.read_table(out).to_pylist()
    assert [row["status"] for row in rows] == ["scored", "bad row", "bad row", "bad row", "scored"]
    first, last = rows[0], rows[4]
    assert (first["o_strict"], first["o_kind"], first["o_score"], first["disagreement"]) == (4, 9, 6.5, 5)
    assert (first["judge"], first["reasoning"]) == ("ensemble", "strict (4.0): strict kind (9.0): kind")
    assert (last["o_strict"], last["o_kind"], last["o_score"], last["disagreement"]) == (None, 9, 9, 0)
    assert rows[1]["o_kind"] is None and "column edited" in rows[1]["reasoning"]


def test_an_ensemble_needs_suitable_judges_and_consent_to_costs(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    with pytest.raises(UserError, match="--judge ensemble needs --config with two or more judges"):
        score_table(table, out, edit_rubric(), "ensemble", None, ScoringConfig())
    with pytest.raises(UserError, match="scoring: costs money"):
        score_table(table, out, edit_rubric(), "ensemble", None, ensemble(tmp_path, "http://x/v1", prompt_price=1.0))
    judges = {"truth": {"judge": "reference"}, "tiny": {"judge": "student"}}
    measuring = ScoringConfig.model_validate({"judge": "ensemble", "ensemble": {"judges": judges}})
    with pytest.raises(UserError, match=r"judges\.truth: the judge `reference` measures only pairs of a run"):
        score_table(table, out, edit_rubric(), "ensemble", None, measuring)
    taken = tmp_path / "taken.csv"
    taken.write_text("source,edited,instruction,o_kind\na,b,c,1\n")
    with pytest.raises(UserError, match="has a column o_kind, which is reserved for a score"):
        score_table(taken, out, edit_rubric(), "ensemble", None, ensemble(tmp_path, "http://x/v1"))
