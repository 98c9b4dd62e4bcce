"""Judge a model's benchmark edits of one task: bench/{model}/{task}.h5 -> bench/{model}/{task}.parquet."""

import argparse
from pathlib import Path

from omniedit.errors import run_program
from omniedit.evaluation.scores import BENCH_SCHEMA, bench_row
from omniedit.pairs import Shard
from omniedit.progress import Progress
from omniedit.scoring import JUDGES, load_judge
from omniedit.scoring.score import write_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("edits", type=Path, help="shard of one model's edits (.h5)")
    parser.add_argument("--judge", choices=JUDGES, required=True)
    parser.add_argument("--scorer", type=Path, help="folder of the trained student; for --judge student")
    parser.add_argument("--out", type=Path, required=True, help="Parquet file of the scores")
    args = parser.parse_args()

    judge = load_judge(args.judge, args.scorer)
    rows: list[dict[str, object]] = []
    with Shard(args.edits) as shard, Progress("edits", total=len(shard)) as progress:
        for first in range(0, len(shard), judge.batch_size):
            with progress.waiting():
                pairs = [shard[row] for row in range(first, min(first + judge.batch_size, len(shard)))]
            verdicts = judge.judge(pairs)
            rows += [bench_row(shard.specialist, *judged, judge) for judged in zip(pairs, verdicts, strict=True)]
            progress.advance(len(pairs))
    write_rows(args.out, rows, BENCH_SCHEMA)


if __name__ == "__main__":
    run_program(main)
