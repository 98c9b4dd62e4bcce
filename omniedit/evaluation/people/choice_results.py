"""Results of choices between two edits: ranks of editors, agreement of raters, position bias."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from omniedit.errors import UserError
from omniedit.evaluation.agreement.correlations import draw_weights
from omniedit.evaluation.bradley_terry import PairedComparison, Rank, find_warnings, rank_editors
from omniedit.evaluation.comparisons.bias import Bias, position_bias
from omniedit.evaluation.comparisons.result import describe_bias, describe_ranks, ranks_to_json
from omniedit.evaluation.comparisons.table import COMPARED, SCHEMA, SHARES
from omniedit.evaluation.people.answers import Answer
from omniedit.evaluation.people.questions import CHOICES
from omniedit.evaluation.people.rated_edits import RatedEdit
from omniedit.evaluation.people.rating_results import Estimate, count_problems, estimate
from omniedit.evaluation.people.reliability import equal_share, krippendorff_alpha
from omniedit.evaluation.people.result_tables import describe_excluded, format_estimate
from omniedit.scoring.pairwise import Outcome
from omniedit.scoring.pairwise import PairwiseAnswer as Showing
from omniedit.scoring.winner_parser import Winner

PEOPLE = "people"
"""Judge in the exported table of comparisons."""


@dataclass(frozen=True)
class ChoiceResults:
    """Results of all choices.

    Args:
        winners: number of choices by outcome, as the raters saw it: left, right, tie, both_bad.
        position: preference for the edit on the left.
    """

    ranks: Sequence[Rank]
    warnings: Sequence[str]
    raters: Mapping[str, int]
    choices: int
    questions: int
    images: int
    winners: Mapping[str, int]
    alpha: Estimate
    equal: Estimate
    position: Bias
    unable: Mapping[str, int]
    outdated: int


def summarize_choices(edits: Mapping[int, RatedEdit], answers: Sequence[Answer], seed: int = 0) -> ChoiceResults:
    """Summarize the choices among the answers.

    Args:
        edits: the input's edits, by their number in the store.

    Raises:
        UserError: no two edits of the input were compared.
    """
    chosen_answers = [answer for answer in answers if answer.other is not None]
    known = [answer for answer in chosen_answers if answer.edit in edits and answer.other in edits]
    chosen = [answer for answer in known if answer.winner]
    if not chosen:
        raise UserError("no edits of this input have been compared yet; start the page with `omniedit rate --pairwise`")
    comparisons = [_to_comparison(edits, answer) for answer in chosen]
    displayed = Counter(map(_displayed_winner, chosen))
    values_RU, groups = _arrange(edits, chosen)
    weights_DU = draw_weights(groups.max() + 1, np.random.default_rng(seed))[:, groups]
    return ChoiceResults(
        rank_editors(comparisons, seed),
        find_warnings(comparisons),
        Counter(answer.rater for answer in chosen),
        len(chosen),
        len({answer.question for answer in chosen}),
        int(groups.max()) + 1,
        {name: displayed[name] for name in (*CHOICES, Winner.TIE, Winner.BOTH_BAD) if displayed[name]},
        estimate(krippendorff_alpha(values_RU, "nominal", weights_DU)),
        estimate(equal_share(values_RU, weights_DU)),
        position_bias(_to_outcome(answer) for answer in chosen),
        count_problems([answer for answer in known if not answer.winner]),
        len(chosen_answers) - len(known),
    )


def describe_choices(results: ChoiceResults) -> list[str]:
    """Format results as lines of text with a Markdown table."""
    places = ", ".join(f"{count:,} {name}" for name, count in results.winners.items()).replace("_", " ")
    bias = "no choice has a winner"
    if results.position.total:
        bias = describe_bias("the edit on the left", "choices with a winner", results.position)
    return [
        *describe_ranks(results.ranks, results.warnings),
        "",
        f"{results.choices:,} choices of {len(results.raters)} raters between the edits of {results.questions:,} pairs "
        f"on {results.images:,} images: {places}.",
        f"Krippendorff's alpha (nominal) {format_estimate(results.alpha)}; equal choices of two raters "
        f"{format_estimate(results.equal)}.",
        f"Position bias: {bias}.",
        *describe_excluded(results.unable, results.outdated),
    ]


def choices_to_json(results: ChoiceResults) -> dict[str, Any]:
    """Return results for `--json`."""
    return {
        **ranks_to_json(results.ranks, results.warnings),
        "choices": results.choices,
        "questions": results.questions,
        "images": results.images,
        "raters": dict(results.raters),
        "winners": dict(results.winners),
        "alpha": {"nominal": asdict(results.alpha)},
        "equal": asdict(results.equal),
        "position_bias": {"share": results.position.share, "interval": results.position.interval},
        "unable": dict(results.unable),
        "outdated": results.outdated,
    }


def comparison_rows(edits: Mapping[int, RatedEdit], answers: Sequence[Answer]) -> list[dict[str, str]]:
    """Return a row of `omniedit compare`'s table for each choice. The version of the judge is the rater."""
    rows = []
    for answer in answers:
        if answer.other is None or answer.edit not in edits or answer.other not in edits:
            continue
        first, second = edits[answer.edit], edits[answer.other]
        row = dict.fromkeys(SCHEMA.names, "") | {
            "item": first.item_id,
            "editor_a": first.editor,
            "editor_b": second.editor,
            "instruction": first.instruction,
            "judge": PEOPLE,
            "judge_version": answer.rater,
        }
        if answer.winner:
            order = "ba" if answer.is_swapped else "ab"
            rows.append(row | {"status": COMPARED, "winner": answer.winner, f"answer_{order}": answer.winner})
        else:
            rows.append(row | {"status": "unscorable", "reason": answer.problem})
    return rows


def _to_comparison(edits: Mapping[int, RatedEdit], answer: Answer) -> PairedComparison:
    first, second = edits[answer.edit], edits[answer.other or 0]
    return PairedComparison(first.image_group, first.editor, second.editor, SHARES[Winner(answer.winner or "")])


def _to_outcome(answer: Answer) -> Outcome:
    winner = Winner(answer.winner or "")
    return Outcome(winner, (Showing(winner, answer.is_swapped),))


def _displayed_winner(answer: Answer) -> str:
    """Return a winner as the side on which the rater saw it."""
    first = _to_outcome(answer).answers[0].prefers_first
    return str(answer.winner) if first is None else "left" if first else "right"


def _arrange(edits: Mapping[int, RatedEdit], chosen: Sequence[Answer]) -> tuple[np.ndarray, np.ndarray]:
    """Return the winners as numbers, shape (R, U), NaN without a choice, and the image of each unit, shape (U,)."""
    raters = {name: place for place, name in enumerate(sorted({answer.rater for answer in chosen}))}
    units = {question: place for place, question in enumerate(dict.fromkeys(answer.question for answer in chosen))}
    values_RU = np.full((len(raters), len(units)), np.nan)
    for answer in chosen:
        values_RU[raters[answer.rater], units[answer.question]] = list(Winner).index(Winner(answer.winner or ""))
    _, group_U = np.unique([edits[first].image_group for first, _ in units], return_inverse=True)
    return values_RU, group_U
