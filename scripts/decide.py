"""Which candidates of a shard are kept, and why the others are not: `decisions/{task}/{shard}.parquet`."""

import argparse
from collections import Counter
from pathlib import Path

from omniedit.arguments import overall_score
from omniedit.errors import run_program
from omniedit.pairs import Shard
from omniedit.scoring.decisions import DECISIONS_SCHEMA, decide
from omniedit.tables import read_rows, write_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", type=Path, help="scores/{task}/{shard}.parquet")
    parser.add_argument("--candidates", type=Path, required=True, help="candidates/{task}/{shard}.h5")
    parser.add_argument("--bench", type=Path, required=True, help="sources/bench.parquet")
    parser.add_argument("--min-score", type=overall_score, required=True, help="smallest O that is kept, 0-10")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    scores = {row["pair_id"]: row for row in read_rows(args.scores, ["pair_id", "o_score", "judge", "prompt_hash"])}
    bench = read_rows(args.bench)
    with Shard(args.candidates) as candidates:
        rows = decide(candidates, scores, args.scores, bench, args.min_score)
    write_rows(args.out, rows, DECISIONS_SCHEMA)
    reasons = Counter(row["reason"].split(" of ")[0] for row in rows)
    print(", ".join(f"{count} {reason}" for reason, count in reasons.most_common()) or "no candidates")


if __name__ == "__main__":
    run_program(main)
