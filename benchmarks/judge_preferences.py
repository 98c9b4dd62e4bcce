"""Measure a judge by four preferences with a known answer, on edits that are known to be right.

    python -m benchmarks.judge_preferences FOLDER [--judge student --scorer FOLDER] [--per-shard N] [--table CSV]

FOLDER holds shards of edit pairs: a run's candidates, those of `omniedit import`, or the real edits that
`benchmarks.real_edits` collects. For each edit the judge scores the right pair and worse ones:

- wrong instruction: that of an edit of another photo, once of another task and once of the same task, and the
instruction of another edit of this photo, if there is one;
- no edit: the source in place of the edited image;
- another image: the edited image of another photo, resized;
- known defects: those of `omniedit.scoring.student.defects`.

The judge prefers the pair with the higher O. A tie, or a pair without a score, counts half and is shown. p is that of
the exact binomial test against 1/2, and the interval is Wilson's, with half of the ties as successes, rounded down.
"""

import argparse
import csv
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from omniedit.cli.arguments import run_seed
from omniedit.config.schema import SHIPPED_STUDENT, ScoringConfig
from omniedit.evaluation.comparisons.bias import sign_test
from omniedit.evaluation.reward_benches.result import wilson
from omniedit.pairs import EditPair, Shard
from omniedit.run.program import run_program
from omniedit.scoring.judges import load_judge
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.student.defects import IMAGE_DEFECTS, spoil_image
from omniedit.scoring.verdict import Judge
from omniedit.storage.progress import Progress

Row = dict[str, Any]
"""Test of an edit: `edit`, `test`, and O of the `right` and of the `worse` pair, None without a score."""


@dataclass(frozen=True)
class Edit:
    """Row of a shard, without its images.

    Args:
        photo: photo of the source, or session of the turn.
    """

    shard: int
    row: int
    task: str
    photo: str
    instruction: str


@dataclass(frozen=True)
class Tally:
    """Counts of a test: right pairs preferred, ties, and all."""

    test: str
    wins: int
    ties: int
    total: int

    @property
    def line(self) -> str:
        """Row of a Markdown table."""
        share, (low, high) = (self.wins + self.ties / 2) / self.total, self.interval
        p = sign_test(int(self.wins + self.ties / 2), self.total)
        counts = f"{self.wins} | {self.ties} | {self.total}"
        return f"| {self.test} | {counts} | {share:.2f} ({low:.2f} to {high:.2f}) | {p:.2g} |"

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.wins + self.ties // 2, self.total)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a shard, or a folder of shards")
    parser.add_argument("--judge", default="student")
    parser.add_argument("--scorer", type=Path, default=SHIPPED_STUDENT)
    parser.add_argument("--readout", choices=("tokens", "median", "reply"), default="median")
    parser.add_argument("--defects", type=int, default=2, help="defects per edit (default: %(default)s)")
    parser.add_argument("--per-shard", type=int, help="number of edits of each shard, from the first (default: all)")
    parser.add_argument("--seed", type=run_seed, default=0)
    parser.add_argument("--table", type=Path, help="CSV of O of both pairs of each test")
    args = parser.parse_args()
    files = [args.folder] if args.folder.is_file() else sorted(args.folder.rglob("*.h5"))
    judge = load_judge(args.judge, args.scorer, ScoringConfig(readout=args.readout))
    rows = list(compare(judge, files, args.defects, args.seed, args.per_shard))
    print("| test | right preferred | ties | tests | share | p |\n|---|---|---|---|---|---|")
    for tally in tallies(rows):
        print(tally.line)
    if args.table:
        with args.table.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["edit", "test", "right", "worse"])
            writer.writeheader()
            writer.writerows(rows)


def compare(
    judge: Judge, files: Sequence[Path], defects: int, seed: int, per_shard: int | None = None
) -> Iterator[Row]:
    """Yield each test of each edit."""
    shards = [Shard(file) for file in files]
    edits = [edit for edit in list_edits(shards) if per_shard is None or edit.row < per_shard]
    with Progress("edits", total=len(edits)) as progress:
        for edit in progress.over(edits):
            right = shards[edit.shard][edit.row]
            tests = list(worse_pairs(edit, right, edits, shards, defects, seed))
            scores = _overall(judge, [right, *(pair for _, pair in tests)])
            for (test, _), score in zip(tests, scores[1:], strict=True):
                yield {"edit": right.pair_id, "test": test, "right": scores[0], "worse": score}


def list_edits(shards: Sequence[Shard]) -> Iterator[Edit]:
    """Yield the edits of all shards, except intentionally wrong ones."""
    for number, shard in enumerate(shards):
        for row in range(len(shard)):
            about = shard.provenance(row)
            if not (about.get("truth") or {}).get("mistaken"):
                yield Edit(number, row, str(shard.tasks[row]), str(about["source_id"]), shard.instructions(row)[0])


def worse_pairs(
    edit: Edit, right: EditPair, edits: Sequence[Edit], shards: Sequence[Shard], defects: int, seed: int
) -> Iterator[tuple[str, EditPair]]:
    """Yield the name of each test of an edit and its worse pair."""
    rng = np.random.default_rng([seed, zlib.crc32(right.pair_id.encode())])
    for test, wrong in wrong_instructions(edit, edits, rng):
        yield f"wrong instruction, {test}", replace(right, instructions=(wrong,))
    yield "no edit", replace(right, edited=right.source.copy())
    others = [other for other in edits if other.photo != edit.photo]
    if others:
        other = others[rng.integers(len(others))]
        image = cv2.resize(
            shards[other.shard][other.row].edited, right.source.shape[1::-1], interpolation=cv2.INTER_AREA
        )
        yield "another image", replace(right, edited=np.asarray(image, np.uint8))
    spoilt = ((name, spoil_image(right, name)) for name in rng.permutation([*IMAGE_DEFECTS][1:]).tolist())
    known = [(name, pair) for name, pair in spoilt if pair is not None]
    for name, pair in known[:defects]:
        yield f"defect, {name.replace('_', ' ')}", pair


def wrong_instructions(edit: Edit, edits: Sequence[Edit], rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Yield an instruction of another edit for each kind of wrong instruction that there is."""
    others = [other for other in edits if other.instruction != edit.instruction]
    kinds = {
        "another task": [each for each in others if each.photo != edit.photo and each.task != edit.task],
        "same task": [each for each in others if each.photo != edit.photo and each.task == edit.task],
        "same photo": [each for each in others if each.photo == edit.photo],
    }
    for kind, choice in kinds.items():
        if choice:
            yield kind, choice[rng.integers(len(choice))].instruction


def tallies(rows: Sequence[Row]) -> Iterator[Tally]:
    """Yield the counts of each test, and of all wrong instructions and all defects together."""
    names = sorted({str(row["test"]) for row in rows})
    for prefix, title in (("wrong instruction", "wrong instruction, all"), ("defect", "all defects")):
        if some := [row for row in rows if str(row["test"]).startswith(prefix)]:
            yield _tally(title, some)
    for name in names:
        yield _tally(name, [row for row in rows if row["test"] == name])


def _tally(test: str, rows: Sequence[Row]) -> Tally:
    wins = ties = 0
    for row in rows:
        right, worse = row["right"], row["worse"]
        if right is None or worse is None or right == worse:
            ties += 1
        else:
            wins += right > worse
    return Tally(test, wins, ties, len(rows))


def _overall(judge: Judge, pairs: Sequence[EditPair]) -> list[float | None]:
    """Return O of each pair, None without a score."""
    size = judge.batch_size
    verdicts = [verdict for at in range(0, len(pairs), size) for verdict in judge.judge(pairs[at : at + size])]
    return [None if isinstance(verdict, Unscorable) else float(verdict.o_score) for verdict in verdicts]


if __name__ == "__main__":
    run_program(main)
