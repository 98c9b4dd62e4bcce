"""Agreement of a judge with people, or of two tables of scores: `omniedit agree`."""

import argparse
import json
from typing import Any

from omniedit.cli.arguments import overall_score, path, scale
from omniedit.errors import UserError
from omniedit.evaluation import compare_scores
from omniedit.evaluation.agreement import report
from omniedit.evaluation.agreement.task_agreement import PROTOCOLS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scores", type=path, help="table of scores, .parquet or .csv; also VIEScore's CSV of sub-scores"
    )
    parser.add_argument(
        "ratings",
        type=path,
        help="one row per person and image with sc and pq (.csv), a folder of ImagenHub's TSV files, or another table "
        "of scores",
    )
    parser.add_argument(
        "--protocol",
        choices=["raters", "viescore"],
        help="raters: rater by rater, Fisher's z; viescore: mean rater, as in VIEScore's notebook (default: raters)",
    )
    parser.add_argument("--thresholds", action="store_true", help="also print the table of thresholds of each task")
    parser.add_argument(
        "--good", type=scale, help="minimum mean O by people of a good edit (default: 0.7, for ratings up to 1)"
    )
    parser.add_argument(
        "--threshold", type=overall_score, default=9, help="threshold on O, for two tables of scores (default: 9)"
    )
    parser.add_argument(
        "--judge-model", default="", metavar="NAME", help="the judge's model, to measure preference for its own family"
    )
    parser.add_argument("--key", default="pair_id", help="column that identifies pairs (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(args: argparse.Namespace) -> None:
    lines, figures = _compare_tables(args) if compare_scores.is_scores(args.ratings) else _compare(args)
    print(json.dumps(figures, indent=2) if args.json else "\n".join(lines))


def _compare(args: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """Compare with people.

    Raises:
        UserError: as in `compare`, or thresholds are requested for ratings above 1 without `--good`.
    """
    protocol = PROTOCOLS[args.protocol or "raters"]
    result = report.compare(args.scores, args.ratings, args.key, protocol, args.good, args.judge_model)
    if args.thresholds and not result.thresholds:
        raise UserError(f"{args.ratings}: ratings exceed 1; give --good, the mean O from which an edit is good")
    lines = [*report.agreement_lines(result), *report.preference_lines(result)]
    lines += ["", *report.threshold_lines(result, args.thresholds)]
    return lines, report.to_json(result)


def _compare_tables(args: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """Compare two tables of scores.

    Raises:
        UserError: as in `compare_scores.compare`, or an option needs people's ratings.
    """
    options = {"--protocol": args.protocol, "--thresholds": args.thresholds, "--good": args.good is not None}
    options |= {"--judge-model": args.judge_model}
    if used := [name for name, value in options.items() if value]:
        raise UserError(f"{used[0]}: needs people's ratings, but {args.ratings} is a table of scores")
    result = compare_scores.compare(args.scores, args.ratings, args.key, args.threshold)
    return compare_scores.describe(result), compare_scores.to_json(result)
