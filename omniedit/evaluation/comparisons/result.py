"""Result of comparisons: counts, agreement of both orders, bias and ranks, as text and as JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from omniedit.evaluation.bradley_terry import PairedComparison, Rank, find_warnings, rank_editors
from omniedit.evaluation.comparisons.bias import Bias, Judged, length_bias, position_bias
from omniedit.plain_text import markdown_cell, markdown_table

POLICY = {
    True: "The judge sees the two edits in both orders. An edit wins if it wins in both orders; otherwise it is a tie.",
    False: "The judge sees the two edits in one order, drawn by a digest; position bias can decide a winner.",
}
RANK_HEAD = ("rank", "editor", "rating", "95 % interval", "comparisons", "wins", "ties", "losses")


@dataclass(frozen=True)
class ComparisonResult:
    """Result of a judge's comparisons.

    Args:
        statuses: number of matches by status.
        winners: number of compared matches by winner.
        consistent: number of matches with the same answer in both orders; None for one order.
        length: None if no editor wrote a text.
        refused: number of matches about which the judge or its provider refused to answer.
        family: preference for editors of the judge's own family; None if no match has an editor of this family and one
            of another.
    """

    statuses: dict[str, int]
    winners: dict[str, int]
    consistent: int | None
    position: Bias
    length: Bias | None
    ranks: Sequence[Rank]
    warnings: Sequence[str]
    refused: int = 0
    family: Bias | None = None

    @property
    def compared(self) -> int:
        return sum(self.winners.values())


def summarize(
    judged: Sequence[Judged],
    statuses: Counter[str],
    comparisons: Sequence[PairedComparison],
    both: bool,
    refused: int = 0,
    family: Bias | None = None,
) -> ComparisonResult:
    """Summarize the comparisons of a judge.

    Args:
        judged: outcomes with a winner or a tie.
        comparisons: the same outcomes as comparisons, for the ranks.
        both: whether edits are shown in both orders.
        refused, family: as in `ComparisonResult`.

    Raises:
        UserError: nothing was compared.
    """
    outcomes = [outcome for outcome, _ in judged]
    same = sum(len({answer.winner for answer in outcome.answers}) == 1 for outcome in outcomes)
    has_texts = any(any(texts) for _, texts in judged)
    return ComparisonResult(
        dict(statuses),
        {str(winner): number for winner, number in Counter(outcome.winner for outcome in outcomes).most_common()},
        same if both else None,
        position_bias(outcomes),
        length_bias(judged) if has_texts else None,
        rank_editors(comparisons),
        find_warnings(comparisons),
        refused,
        family,
    )


def describe(result: ComparisonResult) -> list[str]:
    """Format a result as lines of text with a Markdown table."""
    both = result.consistent is not None
    counts = [f"{number:,} {name}" for name, number in result.statuses.items()]
    lines = [*describe_ranks(result.ranks, result.warnings), "", f"Comparisons: {', '.join(counts)}. {POLICY[both]}"]
    if result.refused:
        lines.append(f"Refused by the judge or its provider: {result.refused:,} of {sum(result.statuses.values()):,}.")
    lines.append(f"Winners: {', '.join(f'{number:,} {name}' for name, number in result.winners.items())}.")
    if result.consistent is not None:
        share = 100 * result.consistent / result.compared
        lines.append(f"Same answer in both orders: {result.consistent:,} of {result.compared:,} ({share:.1f} %).")
    lines.append(_bias_line("Position bias", "the first shown", "answers", result.position))
    if result.length:
        lines.append(_bias_line("Length bias", "the editor with the longer text", "winners", result.length))
    if result.family:
        lines.append(_bias_line("Self-preference", "the editor of the judge's own family", "winners", result.family))
    return lines


def describe_ranks(ranks: Sequence[Rank], warnings: Sequence[str]) -> list[str]:
    """Format ranks as a Markdown table with the warnings below."""
    rows = [_rank_cells(place, rank) for place, rank in enumerate(ranks, 1)]
    return [*markdown_table(RANK_HEAD, rows), *(f"Note: {warning}." for warning in warnings)]


def to_json(result: ComparisonResult) -> dict[str, Any]:
    """Return the result for `--json`."""
    return {
        "statuses": result.statuses,
        "winners": result.winners,
        "consistent": result.consistent,
        "position_bias": _bias_figures(result.position),
        "length_bias": result.length and _bias_figures(result.length),
        "refused": result.refused,
        "self_preference": result.family and _bias_figures(result.family),
        **ranks_to_json(result.ranks, result.warnings),
    }


def ranks_to_json(ranks: Sequence[Rank], warnings: Sequence[str]) -> dict[str, Any]:
    """Return ranks and warnings for `--json`."""
    rows = [asdict(rank) | {"rank": place, "rating": round(rank.rating, 2)} for place, rank in enumerate(ranks, 1)]
    return {"ranks": rows, "warnings": list(warnings)}


def _rank_cells(place: int, rank: Rank) -> list[str]:
    spread = "-" if rank.interval is None else " to ".join(f"{end:.0f}" for end in rank.interval)
    counts = [f"{number:,}" for number in (rank.comparisons, rank.wins, rank.ties, rank.losses)]
    return [str(place), markdown_cell(rank.editor), f"{rank.rating:.0f}", spread, *counts]


def _bias_line(name: str, favoured: str, unit: str, bias: Bias) -> str:
    if not bias.total:
        return f"{name}: no {unit} with a winner."
    test = "" if bias.p_value is None else f", sign test over comparisons p = {bias.p_value:.2g}"
    return f"{name}: {describe_bias(favoured, unit, bias)}{test}."


def describe_bias(favoured: str, unit: str, bias: Bias) -> str:
    """Return a sentence with the share and interval of a bias that has answers."""
    assert bias.share is not None and bias.interval is not None
    low, high = (100 * end for end in bias.interval)
    share = f"{100 * bias.share:.1f} % of {bias.total:,} {unit} are for {favoured}"
    return f"{share} (95 % interval {low:.1f} to {high:.1f})"


def _bias_figures(bias: Bias) -> dict[str, Any]:
    figures = {"share": bias.share, "interval": bias.interval and list(bias.interval), "p_value": bias.p_value}
    return asdict(bias) | figures
