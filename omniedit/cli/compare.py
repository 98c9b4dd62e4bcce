"""Comparison of editors in pairs by a vision-language model: `omniedit compare`."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from omniedit.cli.arguments import add_endpoint_arguments, endpoint_options, path
from omniedit.cli.score import scoring_config
from omniedit.cli.score_judges import check_agreed, judge_readable
from omniedit.config.schema import ApiConfig, ScoringConfig
from omniedit.errors import UserError
from omniedit.evaluation.bradley_terry import find_warnings, rank_editors
from omniedit.evaluation.comparisons.bias import family_bias
from omniedit.evaluation.comparisons.inputs import BadMatch, Match, load_match, read_matches
from omniedit.evaluation.comparisons.result import describe, describe_ranks, ranks_to_json, summarize, to_json
from omniedit.evaluation.comparisons.table import Verdict, comparison_row, to_comparisons, write_comparisons
from omniedit.scoring.outcomes import is_refusal
from omniedit.scoring.pairwise import Outcome, PairwiseItem, PairwiseJudge, blank_prompt
from omniedit.storage.parquet import check_table_path, read_given
from omniedit.storage.progress import Progress
from omniedit.vlm.client import open_client
from omniedit.vlm.messages import Usage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs",
        nargs="+",
        type=path,
        metavar="INPUT",
        help="folders of edits, one per editor; or a table with two edits per row; or a table of comparisons with "
        "winners, which is only ranked",
    )
    parser.add_argument(
        "--items",
        type=path,
        metavar="TABLE.csv",
        help="for folders of edits: table with each item's id, source, instruction",
    )
    parser.add_argument("-o", "--out", type=path, help="table of comparisons, .parquet or .csv")
    parser.add_argument(
        "--order",
        choices=["both", "once"],
        default="both",
        help="show the two edits of a comparison in both orders, or once in a random order (default: %(default)s)",
    )
    parser.add_argument(
        "--judge", choices=["api", "internvl", "vlm"], default="api", help="judge (default: %(default)s, an endpoint)"
    )
    parser.add_argument(
        "--scorer", type=path, metavar="FOLDER", help="folder of a model or its models/ROLE.json, for vlm and internvl"
    )
    add_endpoint_arguments(parser, "scoring")
    parser.add_argument("--json", action="store_true", help="print the result as JSON instead of text")


def run(args: argparse.Namespace) -> None:
    """Compare editors and print the result, or rank the editors of a table of comparisons.

    Raises:
        UserError: as in `read_matches`, `open_judge`, `load_judge` and `compare`.
    """
    if len(args.inputs) == 1 and (rows := read_winners(args.inputs[0])) is not None:
        _print_ranks(rows, args.inputs[0], args.json)
        return
    if args.out is None:
        raise UserError("-o is missing; name the table of comparisons to write, .parquet or .csv")
    check_table_path(args.out)
    matches = read_matches(args.inputs, args.items)
    scoring, both_orders = scoring_config(args.config, endpoint_options(args)), args.order == "both"
    with redirect_stdout(sys.stderr if args.json else sys.stdout):
        if args.judge == "api":
            verdicts = judge_matches(matches, scoring.api, both_orders, args.yes)
        else:
            judge, batch = load_judge(args.judge, args.scorer, scoring, both_orders)
            verdicts = list(compare(matches, judge, batch))
    _report(matches, verdicts, args)


def judge_matches(
    matches: Sequence[Match], config: ApiConfig, both_orders: bool = True, agreed: bool = False
) -> list[Verdict]:
    """Return a verdict for each match, by the model behind an endpoint.

    Raises:
        UserError: as in `open_judge` and `PairwiseJudge.compare`.
    """
    with open_judge(config, matches, both_orders, agreed) as (judge, batch):
        return list(compare(matches, judge, batch))


@contextmanager
def open_judge(
    config: ApiConfig, matches: Sequence[Match], both_orders: bool, agreed: bool
) -> Iterator[tuple[PairwiseJudge, int]]:
    """Open the judge behind an endpoint, print an upper estimate of the cost, and yield it with its batch size.

    Args:
        agreed: whether the user accepts costs without a budget.

    Raises:
        UserError: money would be spent without agreement, or as in `open_client`.
    """
    with open_client(config) as client:
        judge = PairwiseJudge(client, config.max_side, both_orders)
        prompts = [blank_prompt(match.instruction, match.texts) for match in matches] * judge.requests_per_item
        limit = client.budget.describe(sum(map(client.estimate, prompts), Usage()))
        print(f"estimate, at most: {limit}; cached replies are free", flush=True)
        check_agreed([config], agreed)
        try:
            yield judge, client.concurrency
        finally:
            print(client.summary(), flush=True)


def load_judge(name: str, scorer: Path | None, scoring: ScoringConfig, both_orders: bool) -> tuple[PairwiseJudge, int]:
    """Load a model on this machine as a judge of two edits, and return it with its batch size.

    Raises:
        UserError: as in `load_answering_model`.
    """
    from omniedit.scoring.vlm_judges.reply_model import load_answering_model

    model, options = load_answering_model(name, scorer, scoring)
    return PairwiseJudge(model, options.max_side, both_orders), options.batch_size


def compare(matches: Sequence[Match], judge: PairwiseJudge, batch: int) -> Iterator[Verdict]:
    """Yield a verdict for each match, in order, with the images of one batch in memory at a time."""
    with Progress("comparisons", total=len(matches)) as progress:
        for verdict in judge_readable(map(_load, matches), BadMatch, judge.compare, batch):
            yield verdict
            progress.advance()


def read_winners(table: Path) -> list[dict[str, Any]] | None:
    """Return the rows of a table of comparisons with winners; None for another input.

    Raises:
        UserError: the table is empty or has winners without items or editors, or as in `read_given`.
    """
    if table.is_dir():
        return None
    rows = read_given(table)
    if not rows:
        raise UserError(f"{table}: has no row; give a table of comparisons or of edits, or folders of edits")
    lacking = [name for name in ("item", "editor_a", "editor_b") if name not in rows[0]]
    if "winner" in rows[0] and lacking:
        raise UserError(f"{table}: has winners but lacks the column {', '.join(lacking)}; add it to rank the editors")
    return rows if "winner" in rows[0] else None


def _print_ranks(rows: Sequence[dict[str, Any]], table: Path, as_json: bool) -> None:
    comparisons = to_comparisons(rows, table)
    ranks, warnings = rank_editors(comparisons), find_warnings(comparisons)
    _print(ranks_to_json(ranks, warnings) if as_json else describe_ranks(ranks, warnings))


def _report(matches: Sequence[Match], verdicts: Sequence[Verdict], args: argparse.Namespace) -> None:
    """Write the table of comparisons and print the result.

    Raises:
        UserError: nothing could be compared; the table with the reasons is still written.
    """
    rows = [comparison_row(match, verdict, args.judge) for match, verdict in zip(matches, verdicts, strict=True)]
    write_comparisons(args.out, rows)
    both = list(zip(matches, verdicts, strict=True))
    judged = [(verdict, match.texts) for match, verdict in both if isinstance(verdict, Outcome)]
    if not judged:
        problem = rows[0]["reason"]
        raise UserError(f"{args.out}: none of {len(rows)} comparisons has a winner; the first problem: {problem}")
    statuses = Counter(row["status"] for row in rows)
    refused = sum(is_refusal(row.get("reason") or "") for row in rows)
    named = [(verdict, match.editors) for match, verdict in both if isinstance(verdict, Outcome)]
    comparisons = to_comparisons(rows, args.out)
    result = summarize(judged, statuses, comparisons, args.order == "both", refused, family_bias(named))
    _print(to_json(result) if args.json else describe(result))


def _print(result: dict[str, Any] | list[str]) -> None:
    print(json.dumps(result, indent=2) if isinstance(result, dict) else "\n".join(result))


def _load(match: Match) -> PairwiseItem | BadMatch:
    try:
        return load_match(match)
    except BadMatch as bad:
        return bad
