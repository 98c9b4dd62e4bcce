"""Fuzz of the readers: any text gives ratings, scores, rows or one `UserError`, never another exception."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.errors import UserError
from omniedit.evaluation.agreement import read_judged, read_ratings
from omniedit.evaluation.agreement.comparison import agreement_lines, compare, threshold_lines
from omniedit.evaluation.agreement.viescore_protocol import VIESCORE
from omniedit.evaluation.reward_benches.records import read_records
from omniedit.evaluation.reward_benches.registry import BENCHES

CELL = st.one_of(
    st.sampled_from(
        ["[0.5, 1]", "[1,0]", "", "null", "[1]", "NaN", "[NaN, 1]", '"[3, 5]"', "7", "-1", "[[1], 2]", "{}"]
    ),
    st.text(max_size=6),
)
ROWS = st.lists(st.lists(CELL, max_size=4), max_size=6)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.integers(), max_size=4)
)


def read_or_refuse(read: Callable[[Path], object], name: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            read(path)
        except UserError as error:
            assert str(error).startswith(str(path))


@given(ROWS)
def test_tables_of_ratings(rows: list[list[str]]) -> None:
    text = "\n".join(["uid\tA\tB", *("\t".join(row) for row in rows)])
    read_or_refuse(lambda path: read_ratings(path.parent, "pair_id"), "rater.tsv", text)


@given(ROWS)
def test_tables_of_scores(rows: list[list[str]]) -> None:
    text = "\n".join(["task,model,uid,sc_scores,pq_scores", *(",".join(["t", "m", *row]) for row in rows)])
    read_or_refuse(lambda path: read_judged(path, "pair_id"), "s.csv", text)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["id", "human_vote", "model_vote", "scores", "score", "key", "results"]), VALUES
        ),
        max_size=5,
    )
)
def test_rows_of_reward_benches(rows: list[dict[str, object]]) -> None:
    def measure(path: Path) -> None:
        for bench in BENCHES.values():
            bench.measure(read_records([path]))

    read_or_refuse(measure, "votes_3pair.json", json.dumps(rows))


@pytest.mark.parametrize("raters", [1, 2, 3])
@pytest.mark.parametrize(
    "ratings", [["[0, 0]"] * 4, ["[1, 1]", "[0, 0]", "", "null"], ["[0, 1]", "[1, 0]", "[0.5, 0.5]", "[1, 1]"]]
)
def test_ties_everywhere_and_few_raters_give_an_output(tmp_path: Path, raters: int, ratings: list[str]) -> None:
    (tmp_path / "swap").mkdir()
    for rater in range(raters):
        cells = "".join(f"p{n}\t{cell}\n" for n, cell in enumerate(ratings))
        (tmp_path / f"swap/rater{rater}.tsv").write_text(f"uid\tA\n{cells}")
    rows = "".join(f'swap,A,p{n},"[5, 5]","[5, 5]"\n' for n in range(4))
    (tmp_path / "s.csv").write_text(f"task,model,uid,sc_scores,pq_scores\n{rows}")
    found = compare(tmp_path / "s.csv", tmp_path, "pair_id", VIESCORE, None)
    assert found.rows[-1].judge == dict.fromkeys(("sc", "pq", "o"))
    assert all("nan" not in line for line in [*agreement_lines(found), *threshold_lines(found, by_task=True)])
