"""Table of comparisons: a row for each match, with the winner and both answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from omniedit.errors import UserError
from omniedit.evaluation.bradley_terry import PairedComparison
from omniedit.evaluation.comparisons.inputs import BadMatch, Match
from omniedit.scoring.pairwise import Outcome, rubric_digest
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.winner_parser import Winner
from omniedit.storage.parquet import SURPLUS_CELLS, write_by_suffix

SCHEMA = pa.schema(
    [
        (name, pa.string())
        for name in (
            *("item", "editor_a", "editor_b", "source", "instruction", "edit_a", "edit_b", "text_a", "text_b"),
            *("status", "winner", "answer_ab", "answer_ba", "reasoning_ab", "reasoning_ba", "reason"),
            *("prompt_hash", "judge", "judge_version"),
        )
    ]
)
"""Columns of a table of comparisons. `status` is 'compared', 'unscorable' or 'bad row', with the `reason`. `winner`,
`answer_ab` (edit_a is shown first) and `answer_ba` (edit_b is shown first) are A for edit_a, B for edit_b, tie or
both_bad."""
COMPARED = "compared"
SHARES = {Winner.A: 1.0, Winner.B: 0.0, Winner.TIE: 0.5, Winner.BOTH_BAD: 0.5}
"""Share of a win that edit_a gets, by winner."""

Verdict = Outcome | Unscorable | BadMatch


def comparison_row(match: Match, verdict: Verdict, judge: str) -> dict[str, str]:
    """Return a row of `SCHEMA`."""
    row = {
        "item": match.item,
        "source": str(match.source),
        "instruction": match.instruction,
        "prompt_hash": rubric_digest(),
        "judge": judge,
    }
    for name, values in (("editor", match.editors), ("edit", match.edits), ("text", match.texts)):
        row |= {f"{name}_a": str(values[0]), f"{name}_b": str(values[1])}
    if isinstance(verdict, BadMatch):
        return row | {"status": "bad row", "reason": str(verdict)}
    if isinstance(verdict, Unscorable):
        return row | {"status": "unscorable", "reason": verdict.reason}
    for answer in verdict.answers:
        order = "ba" if answer.is_swapped else "ab"
        row |= {f"answer_{order}": str(answer.winner), f"reasoning_{order}": answer.reasoning}
    versions = dict.fromkeys(answer.version for answer in verdict.answers)
    return row | {"status": COMPARED, "winner": str(verdict.winner), "judge_version": ", ".join(versions)}


def write_comparisons(out: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write the table as Parquet or CSV, by its suffix."""
    write_by_suffix(out, rows, SCHEMA)


def to_comparisons(rows: Sequence[Mapping[Any, Any]], path: Path) -> list[PairedComparison]:
    """Return the comparisons of a table's rows for ranks; rows without a winner are left out.

    Raises:
        UserError: a winner is none of A, B, tie, both_bad, or a row lacks its item or an editor, or has more cells than
            the table has columns.
    """
    comparisons = []
    for number, row in enumerate(rows, 1):
        if None in row:
            raise UserError(f"{path}: row {number}: {SURPLUS_CELLS}")
        winner = row.get("winner")
        if not winner:
            continue
        if winner not in list(Winner):
            raise UserError(f"{path}: row {number}: winner {str(winner)[:40]!a} is none of {', '.join(Winner)}")
        item, first, second = (str(row[name] or "").strip() for name in ("item", "editor_a", "editor_b"))
        if not (item and first and second) or first == second:
            raise UserError(f"{path}: row {number}: give the item and two different editors, editor_a and editor_b")
        comparisons.append(PairedComparison(item, first, second, SHARES[Winner(winner)]))
    return comparisons
