"""Patterns for a run's files, one per task and shard. A script gets one pattern, because command lines are limited.

--decisions 'results/mini/decisions/{task}/{shard}.parquet' --tasks object_swap style_transfer --shards 12

Blocks of shards work in the same way: --decisions 'results/mini/decisions/gathered/{block}.parquet' --blocks 2
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from omniedit.errors import UserError
from omniedit.tasks import Task

SHARDS_PER_BLOCK = 16
"""Number of shards, of all tasks, whose decisions are gathered in one table for jobs that need all decisions."""

CandidateFiles = Sequence[Sequence[Path]]
"""Files of candidates, of their scores and of the decisions: three lists of the same tasks and shards, in one order."""


def number_of_blocks(shards: int) -> int:
    return -(-shards // SHARDS_PER_BLOCK)


def shard_share(total: int, shard: int, shards: int) -> int:
    """Return a shard's share of `total`. Shares differ by at most one and add up to the total."""
    return total * (shard + 1) // shards - total * shard // shards


def add_shard_options(parser: argparse.ArgumentParser) -> None:
    """Add `--tasks` and `--shards`, which fill a script's patterns."""
    parser.add_argument("--tasks", type=Task, nargs="+", required=True, help="values of {task}")
    parser.add_argument("--shards", type=int, required=True, help="number of shards; {shard} becomes 00000, 00001, ...")


def add_candidate_options(parser: argparse.ArgumentParser) -> None:
    """Add the patterns of candidates, scores and decisions, and the options that fill them."""
    parser.add_argument("--candidates", required=True, help="path pattern candidates/{task}/{shard}.h5")
    parser.add_argument("--scores", required=True, help="path pattern scores/{task}/{shard}.parquet")
    parser.add_argument("--decisions", required=True, help="path pattern decisions/{task}/{shard}.parquet")
    add_shard_options(parser)


def candidate_files(args: argparse.Namespace) -> CandidateFiles:
    """Return the files that `add_candidate_options` names.

    Raises:
        UserError: a pattern lacks {task} or {shard}.
    """
    return [
        expand_files(pattern, args.tasks, args.shards) for pattern in (args.candidates, args.scores, args.decisions)
    ]


def expand_files(pattern: str, tasks: Sequence[Task], shards: int) -> list[Path]:
    """Return the files of a pattern, with all shards of a task together.

    Raises:
        UserError: the pattern lacks {task} or {shard}.
    """
    if "{task}" not in pattern or "{shard}" not in pattern:
        raise UserError(f"'{pattern}': not a pattern with {{task}} and {{shard}}")
    return [
        Path(pattern.replace("{task}", task).replace("{shard}", f"{shard:05d}"))
        for task in tasks
        for shard in range(shards)
    ]


def expand_numbers(pattern: str, wildcard: str, count: int) -> list[Path]:
    """Return the files of a pattern with one wildcard, such as {shard}, {block} or {part}: 00000, 00001, ...

    Raises:
        UserError: the pattern lacks the wildcard.
    """
    if f"{{{wildcard}}}" not in pattern:
        raise UserError(f"'{pattern}': not a pattern with {{{wildcard}}}")
    return [Path(pattern.replace(f"{{{wildcard}}}", f"{number:05d}")) for number in range(count)]


def expand_blocks(pattern: str, blocks: int) -> list[Path]:
    """Return the files of a pattern with {block}."""
    return expand_numbers(pattern, "block", blocks)
