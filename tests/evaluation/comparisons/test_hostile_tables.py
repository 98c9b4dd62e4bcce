"""Tables of any content give matches, ranks or one error, never a traceback."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniedit.errors import UserError
from omniedit.evaluation.bradley_terry import rank_editors
from omniedit.evaluation.comparisons.inputs import TABLE_COLUMNS, BadMatch, load_match, read_matches
from omniedit.evaluation.comparisons.table import to_comparisons
from omniedit.scoring.winner_parser import Winner

CELLS = st.one_of(st.text(max_size=8), st.sampled_from(["", "../x.png", "/dev/null", "a\0b", "x" * 300, "."]))
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys((*TABLE_COLUMNS, "id", "editor_a", "text_a"), CELLS)), max_size=3)
VALUES = st.one_of(st.none(), st.text(max_size=2), st.integers(), st.floats(), st.sampled_from(list(Winner)))
WINNERS = st.lists(st.fixed_dictionaries(dict.fromkeys(("item", "editor_a", "editor_b", "winner"), VALUES)), max_size=4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_arbitrary_tables_of_edits_give_matches_or_reasons(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    try:
        matches = read_matches([tmp_path / "t.parquet"], None)
    except UserError:
        assert not rows
        return
    assert len(matches) == len(rows)
    for match in matches:
        with pytest.raises(BadMatch, match="row"):
            load_match(match)


@settings(max_examples=60, deadline=None)
@given(WINNERS)
def test_arbitrary_tables_of_winners_are_ranked_or_raise_one_error(rows: list[dict[str, object]]) -> None:
    try:
        ranks = rank_editors(to_comparisons(rows, Path("t.parquet")))
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert ranks
