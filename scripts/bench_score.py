"""Score a model's benchmark edits with a judge: bench/{model}/{task}.h5 -> bench/{model}/{task}.parquet."""

import argparse
from itertools import chain
from pathlib import Path

from omniedit.config.arguments import add_section
from omniedit.config.schema import ScoringConfig
from omniedit.evaluation.own_benchmark_scores import BENCH_SCHEMA, bench_row
from omniedit.pairs import Shard
from omniedit.run.program import run_program
from omniedit.scoring import JUDGES, Judge, open_priced_judge
from omniedit.scoring.judge_shards import judge_shard
from omniedit.storage.parquet import write_rows
from omniedit.storage.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("edits", type=Path, nargs="+", help="a model's edits, one file per task ({task}.h5)")
    parser.add_argument("--judge", choices=JUDGES, required=True)
    parser.add_argument(
        "--scorer", type=Path, help="folder of the trained student or of a model, or its models/ROLE.json"
    )
    add_section(parser, "--config", ScoringConfig)
    parser.add_argument("--spent", type=Path, help="folder where the run's jobs record their spending; for --judge api")
    parser.add_argument("--out-dir", type=Path, required=True, help="folder for the scores ({task}.parquet)")
    args = parser.parse_args()

    pairs = sum(map(_count, args.edits))
    with open_priced_judge(args.judge, pairs, args.scorer, args.config, args.spent) as judge:
        for path in args.edits:
            write_rows(args.out_dir / f"{path.stem}.parquet", _judge_edits(path, judge), BENCH_SCHEMA)


def _count(edits: Path) -> int:
    with Shard(edits) as shard:
        return len(shard)


def _judge_edits(edits: Path, judge: Judge) -> list[dict[str, object]]:
    with Shard(edits) as shard, Progress(f"edits of {shard.task}", total=len(shard)) as progress:
        rows = (
            bench_row(shard.specialist, *each, judge)
            for each in chain.from_iterable(judge_shard(shard, judge, progress))
        )
        return list(rows)


if __name__ == "__main__":
    run_program(main)
