"""Accept or reject the candidates of a shard by their scores and by hand -> `decisions/{task}/{shard}.parquet`."""

import argparse
from collections import Counter
from pathlib import Path

from omniedit.cli.arguments import add_task_thresholds, at_least_one, overall_score
from omniedit.config.arguments import add_section
from omniedit.config.gates import GatesConfig
from omniedit.exchange.candidates import NOT_BEST, short_reason
from omniedit.pairs import Shard
from omniedit.quality.gates import rejection_reasons, to_policy
from omniedit.run.program import run_program
from omniedit.scoring.filter import DECISIONS_SCHEMA, CandidateFilter
from omniedit.scoring.human_decisions import HandDecisions, read_by_hand
from omniedit.storage.parquet import read_rows, write_rows


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="scores/{task}/{shard}.parquet")
    parser.add_argument(
        "--candidates",
        type=Path,
        nargs="+",
        required=True,
        help="candidates/{task}/{shard}.h5, in the same order; derived pairs after those that they were made from",
    )
    parser.add_argument("--bench", type=Path, required=True, help="sources/bench.parquet")
    parser.add_argument("--min-score", type=overall_score, required=True, help="minimum O of an accepted pair, 0-10")
    add_task_thresholds(parser)
    parser.add_argument("--by-hand", type=Path, help="decisions/human.jsonl; a decision in it overrides the threshold")
    parser.add_argument("--findings", type=Path, help="faults/findings.parquet of the quality gates")
    parser.add_argument("--best-of", type=at_least_one, help="candidates per request, of which the best is chosen")
    parser.add_argument("--max-disagreement", type=overall_score, help="maximum disagreement of an ensemble's judges")
    add_section(parser, "--gates", GatesConfig, default=GatesConfig())
    parser.add_argument("--out", type=Path, nargs="+", required=True, help="output file for each scores file")
    args = parser.parse_args()
    counts = {name: len(getattr(args, name)) for name in ("scores", "candidates", "out")}
    if len(set(counts.values())) > 1:
        lengths = ", ".join(f"--{name} {count}" for name, count in counts.items())
        parser.error(f"lists of different lengths: {lengths}; give one file of each for every task")
    return args


def main() -> None:
    args = parse_arguments()
    bench = read_rows(args.bench)
    by_hand = read_by_hand(args.by_hand) if args.by_hand else HandDecisions({}, [])
    for problem in by_hand.problems:
        print(problem)
    findings = read_rows(args.findings) if args.findings else []
    faults = rejection_reasons(findings, to_policy(args.gates.model_dump()))
    for scores_file, candidates_file, out in zip(args.scores, args.candidates, args.out, strict=True):
        more = [] if args.max_disagreement is None else ["disagreement"]
        columns = ["pair_id", "o_score", "judge", "prompt_hash", *more]
        scores = {row["pair_id"]: row for row in read_rows(scores_file, columns)}
        limits = {"best_of": args.best_of, "max_disagreement": args.max_disagreement, "min_scores": args.min_scores}
        rules = CandidateFilter(args.min_score, bench, by_hand.by_pair, faults, **limits)
        with Shard(candidates_file) as candidates:
            rows = rules.decide(candidates, scores, scores_file)
        faults |= {row["pair_id"]: row["reason"] for row in rows if row["reason"].startswith(NOT_BEST)}
        write_rows(out, rows, DECISIONS_SCHEMA)
        reasons = Counter(short_reason(row["reason"]) for row in rows)
        summary = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common()) or "no candidates"
        print(f"{out.parent.name}: {summary}")


if __name__ == "__main__":
    run_program(main)
