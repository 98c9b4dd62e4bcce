"""Score the canary twice and compare it with the judge's first record: canary.parquet and canary.json of the run."""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from omniedit.config.arguments import add_section
from omniedit.config.schema import Config, ScoringConfig
from omniedit.run.program import run_program
from omniedit.scoring import Judge, open_priced_judge
from omniedit.scoring.canary import canary_key, canary_pairs, drift, read_record, score_canary, write_record
from omniedit.scoring.ensemble import read_member
from omniedit.scoring.rubric_registry import judge_fingerprint
from omniedit.storage.atomic import write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_section(parser, "--config", Config, required=True)
    parser.add_argument(
        "--scorer", type=Path, help="folder of the trained student or of a model, or its models/ROLE.json"
    )
    parser.add_argument(
        "--spent", type=Path, help="folder where the run's jobs record their spending; for the judge api"
    )
    parser.add_argument("--member", help="name of the judge in scoring.ensemble.judges")
    parser.add_argument("--kept", type=Path, required=True, help="folder of the judges' first records")
    parser.add_argument("--out", type=Path, required=True, help="Parquet file of the scores")
    parser.add_argument("--drift", type=Path, required=True, help="JSON file of the judge's drift")
    args = parser.parse_args()

    config: Config = args.config
    scoring = read_member(config.scoring, args.member) if args.member else config.scoring
    pairs = canary_pairs()
    rows: list[dict[str, object]] = []
    for number, judge in enumerate(load_judges(scoring, len(pairs), args.scorer, args.spent)):
        rows += score_canary(judge, pairs, number)
        key = canary_key(judge, judge_fingerprint(scoring, scoring.judge), pairs)
    first_record = args.kept / f"{key}.parquet"
    if not first_record.is_file():
        write_record(first_record, rows, config.run)
    first, first_run = read_record(first_record)
    report = drift(rows, first) | {
        "judge": args.member or scoring.judge,
        "first_run": first_run,
        "first_record": str(first_record),
    }
    write_record(args.out, rows, config.run)
    write_text(args.drift, json.dumps(report, indent=1) + "\n")
    print(("ALARM: the judge drifted: " if report["alarm"] else "") + json.dumps(report))


def load_judges(scoring: ScoringConfig, pairs: int, scorer: Path | None, spent: Path | None) -> Iterator[Judge]:
    """Yield the judge for each of the two passes.

    A judge behind an endpoint (`api`) gets a new, empty cache for each pass, because cached replies would hide that the
    endpoint's replies have changed.
    """
    if scoring.judge != "api":
        with open_priced_judge(scoring.judge, pairs, scorer, scoring, spent) as judge:
            yield judge
            yield judge
        return
    for _ in range(2):
        with tempfile.TemporaryDirectory() as nothing_cached:
            uncached = scoring.model_copy(update={"api": scoring.api.model_copy(update={"cache": nothing_cached})})
            with open_priced_judge(scoring.judge, pairs, scorer, uncached, spent) as judge:
                yield judge


if __name__ == "__main__":
    run_program(main)
