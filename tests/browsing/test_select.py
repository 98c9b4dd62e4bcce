"""Selection of pairs: every filter alone and together, and the order by score."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.small_run import make_run
from omniedit.browsing.pair_index import INDEX_SCHEMA, join_tables, stream_index
from omniedit.browsing.run_files import list_shards
from omniedit.browsing.select import ORDERS, IndexQuery, select
from omniedit.scoring.human_decisions import Decision, HandDecision

BY_HAND = {
    "swap-1": HandDecision("swap-1", Decision.ACCEPT, "", ""),
    "style-0": HandDecision("style-0", Decision.REJECT, "", ""),
    "elsewhere": HandDecision("elsewhere", Decision.ACCEPT, "", ""),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    run: Path = make_run(tmp_path_factory.mktemp("run"))
    return join_tables([table for table, _ in stream_index(list_shards(run))])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (IndexQuery(), "swap-0 swap-1 swap-2 swap-3 style-0 style-1 import/0 import/1 import/2"),
        (IndexQuery(task="object_swap"), "swap-0 swap-1 swap-2 swap-3 import/0"),
        (IndexQuery(reason="undecided", task="style_transfer"), "style-0 style-1"),
        (IndexQuery(judge="reference", least=5), "swap-0 swap-3"),
        (IndexQuery(least=4, most=9.5), "swap-0 swap-1"),
        (IndexQuery(ratio="unknown"), "import/0 import/1 import/2"),
        (IndexQuery(text="PHOTO1"), "swap-1 swap-3 style-1"),
        (IndexQuery(text="swap-"), "swap-0 swap-1 swap-2 swap-3"),
        (IndexQuery(text=".*"), ""),
        (IndexQuery(by_hand="accepted"), "swap-1"),
        (IndexQuery(by_hand="rejected"), "style-0"),
        (IndexQuery(by_hand="none", task="object_swap"), "swap-0 swap-2 swap-3 import/0"),
        (IndexQuery(task="object_swap", order="best"), "swap-3 swap-0 swap-1 swap-2 import/0"),
        (IndexQuery(task="object_swap", order="worst"), "swap-1 swap-0 swap-3 swap-2 import/0"),
        (IndexQuery(task="no such task"), ""),
    ],
)
def test_pairs_are_filtered_and_sorted(index: pa.Table, query: IndexQuery, found: str) -> None:
    assert index["pair_id"].take(pa.array(select(index, query, BY_HAND))).to_pylist() == found.split()


@given(
    scores=st.lists(st.none() | st.floats(0, 10), max_size=20),
    order=st.sampled_from(ORDERS),
    least=st.none() | st.floats(0, 10),
)
def test_every_order_lists_the_same_pairs_with_unscored_ones_last(scores: list, order: str, least: float) -> None:
    rows = [{"pair_id": str(n), "score": score} for n, score in enumerate(scores)]
    index = pa.Table.from_pylist(rows, schema=INDEX_SCHEMA)
    found = select(index, IndexQuery(order=order, least=least), {}).tolist()
    wanted = [n for n, score in enumerate(scores) if least is None or (score is not None and score >= least)]
    assert sorted(found) == wanted
    known = [scores[n] for n in found if scores[n] is not None]
    if order != "file":
        assert known == sorted(known, reverse=order == "best")
        assert all(scores[n] is None for n in found[len(known) :])
