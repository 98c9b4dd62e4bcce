"""Fuzz of the readers: any text gives ratings, scores, rows or one `UserError`, never another exception."""

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.errors import UserError
from omniedit.evaluation.agreement import read_judged, read_ratings
from omniedit.evaluation.agreement.raters_protocol import RATERS
from omniedit.evaluation.agreement.report import agreement_lines, compare, threshold_lines
from omniedit.evaluation.agreement.viescore_protocol import VIESCORE
from omniedit.evaluation.compare_scores import is_scores
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
def test_arbitrary_tables_of_ratings_raise_only_user_errors(rows: list[list[str]]) -> None:
    text = "\n".join(["uid\tA\tB", *("\t".join(row) for row in rows)])
    read_or_refuse(lambda path: read_ratings(path.parent, "pair_id"), "rater.tsv", text)


@given(ROWS)
def test_arbitrary_tables_of_scores_raise_only_user_errors(rows: list[list[str]]) -> None:
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
def test_arbitrary_rows_of_reward_benches_raise_only_user_errors(rows: list[dict[str, object]]) -> None:
    def measure(path: Path) -> None:
        for bench in BENCHES.values():
            bench.measure(read_records([path]))

    read_or_refuse(measure, "votes_3pair.json", json.dumps(rows))


@pytest.mark.parametrize("raters", [1, 2, 3])
@pytest.mark.parametrize(
    "ratings", [["[0, 0]"] * 4, ["[1, 1]", "[0, 0]", "", "null"], ["[0, 1]", "[1, 0]", "[0.5, 0.5]", "[1, 1]"]]
)
def test_ties_and_few_raters_still_give_a_result(tmp_path: Path, raters: int, ratings: list[str]) -> None:
    (tmp_path / "swap").mkdir()
    for rater in range(raters):
        cells = "".join(f"p{n}\t{cell}\n" for n, cell in enumerate(ratings))
        (tmp_path / f"swap/rater{rater}.tsv").write_text(f"uid\tA\n{cells}")
    rows = "".join(f'swap,A,p{n},"[5, 5]","[5, 5]"\n' for n in range(4))
    (tmp_path / "s.csv").write_text(f"task,model,uid,sc_scores,pq_scores\n{rows}")
    found = compare(tmp_path / "s.csv", tmp_path, "pair_id", VIESCORE, None)
    assert found.rows[-1].judge == dict.fromkeys(("sc", "pq", "o"))
    assert all("nan" not in line for line in [*agreement_lines(found), *threshold_lines(found, by_task=True)])


def test_raters_with_different_scales_are_named(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("\n".join(["pair_id,status,sc_score,pq_score,o_score", *ROWS_OF_SCORES]))
    for top, is_noted in ((10, True), (1, False)):
        rows = [f"p{n},a,{n % 2},1\np{n},b,{n % 2 * top},1" for n in range(12)]
        (tmp_path / "r.csv").write_text("\n".join(["pair_id,rater,sc,pq", *rows]))
        found = compare(tmp_path / "s.csv", tmp_path / "r.csv", "pair_id", RATERS, None)
        note = "raters use different scales (a to 1, b to 10)"
        assert any(line.startswith(note) for line in agreement_lines(found)) is is_noted


ROWS_OF_SCORES = [f"p{n},scored,{n % 10},{n % 7},{n % 5}" for n in range(12)]


@pytest.mark.parametrize(
    "raters, note",
    [
        ({"a": 12, "b": 3}, "fewer than 10 images are rated by b (3)"),
        ({"a": 12}, "people -: a task with a single rater"),
        ({"a": 12, "constant": 12}, "-: no correlation, because all scores or ratings are equal"),
    ],
)
def test_missing_and_uncertain_figures_are_named(tmp_path: Path, raters: dict[str, int], note: str) -> None:
    (tmp_path / "s.csv").write_text("\n".join(["pair_id,status,sc_score,pq_score,o_score", *ROWS_OF_SCORES]))
    rows = [f"p{n},{name},{int(name != 'constant' and n % 2)},1" for name in raters for n in range(raters[name])]
    (tmp_path / "r.csv").write_text("\n".join(["pair_id,rater,sc,pq", *rows]))
    found = compare(tmp_path / "s.csv", tmp_path / "r.csv", "pair_id", RATERS, None)
    assert any(line.startswith(note) for line in agreement_lines(found))


@pytest.mark.parametrize(
    "scores, ratings, problem",
    [
        ("p0,scored,1,1,80", "p0,a,1,1", "s.csv: row 1: column o_score: '80' must be a number from 0 to 10"),
        ("p0,unscorable,,,", "p0,a,1,1", "s.csv: none of its 1 rows has a score"),
        ("p0,scored,1,1,1", "", "r.csv: has no rating"),
        ("p0,scored,1,1,1", "p0,a,0,5,1", "r.csv: row 1: has more cells than the table has columns"),
        ("p0,scored,9,5,9,5", "p0,a,1,1", "s.csv: row 1: has more cells than the table has columns"),
        ("p0,scored,1,1,1", "p0,a,1,1\np0,,0,0", "r.csv: row 2: column rater is empty; fill it in"),
        (",scored,1,1,1", "p0,a,1,1", "s.csv: row 1: column pair_id is empty; fill it in"),
    ],
)
def test_tables_without_a_usable_score_are_named(tmp_path: Path, scores: str, ratings: str, problem: str) -> None:
    (tmp_path / "s.csv").write_text(f"pair_id,status,sc_score,pq_score,o_score\n{scores}\n")
    (tmp_path / "r.csv").write_text(f"pair_id,rater,sc,pq\n{ratings}\n")
    with pytest.raises(UserError, match=re.escape(problem)):
        compare(tmp_path / "s.csv", tmp_path / "r.csv", "pair_id", RATERS, None)


RATINGS = "pair_id,rater,sc,pq\n" + "".join(f"00{n},{rater},{n % 3 / 2},1\n" for n in range(4) for rater in "ab")


@pytest.mark.parametrize(
    "text",
    [
        RATINGS,
        "\ufeff" + RATINGS.replace(",", ";"),
        "sep=;\r\n" + RATINGS.replace(",", ";").replace("\n", "\r\n"),
        '"sep=\t"\n' + RATINGS.replace(",", "\t"),
        RATINGS.replace(",", " , ", 3) + ",,,\n,,,\n",
        RATINGS + "009,a,NaN,1\n009,b,1,NA\n",
    ],
)
def test_tables_of_spreadsheets_and_pandas_give_the_same_ratings(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.csv").write_text(text, encoding="utf-8", newline="")
    read = [(each.key[0], each.rater, each.scores["sc"]) for each in read_ratings(tmp_path / "r.csv", "pair_id")]
    assert read == [(f"00{n}", rater, n % 3 / 2) for n in range(4) for rater in "ab"]


def test_ratings_are_read_from_parquet(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"pair_id": ["001"] * 2, "rater": [1, 2], "sc": [0.5, None], "pq": [1, 1]}), tmp_path / "r.parquet"
    )
    assert not is_scores(tmp_path / "r.parquet")
    (rating,) = read_ratings(tmp_path / "r.parquet", "pair_id")
    assert (rating.key, rating.rater, rating.scores["pq"]) == (("001", "", ""), "1", 1)


def test_pairs_without_a_name_in_two_parquet_tables_do_not_match(tmp_path: Path) -> None:
    ratings = pa.table({"pair_id": ["a", None], "rater": ["x", "x"], "sc": [1, 1], "pq": [1, 1]})
    pq.write_table(ratings, tmp_path / "r.parquet")
    with pytest.raises(UserError, match=r"r\.parquet: row 2: column pair_id is empty"):
        read_ratings(tmp_path / "r.parquet", "pair_id")


def test_ids_that_lost_their_leading_zeros_are_shown(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("pair_id,status,sc_score,pq_score,o_score\n001,scored,1,1,1\n")
    (tmp_path / "r.csv").write_text("pair_id,rater,sc,pq\n1,a,1,1\n")
    with pytest.raises(UserError, match="they begin with '001' and '1'"):
        compare(tmp_path / "s.csv", tmp_path / "r.csv", "pair_id", RATERS, None)
