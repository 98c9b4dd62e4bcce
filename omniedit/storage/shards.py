"""Files of which a run has one for each task and shard, given to a script as one pattern: a command line has an end.

--decisions 'results/mini/decisions/{task}/{shard}.parquet' --tasks object_swap style_transfer --shards 12

Blocks of shards are given likewise: --decisions 'results/mini/decisions/gathered/{block}.parquet' --blocks 2
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from omniedit.errors import UserError
from omniedit.tasks import Task

SHARDS_A_BLOCK = 16
"""Shards of all tasks whose decisions are gathered in one table, for jobs that need those of all."""


def number_of_blocks(shards: int) -> int:
    return -(-shards // SHARDS_A_BLOCK)


def shard_share(total: int, shard: int, shards: int) -> int:
    """Of so much, what falls to a shard: shares differ by one at most and add up to the total."""
    return total * (shard + 1) // shards - total * shard // shards


def add_shard_options(parser: argparse.ArgumentParser) -> None:
    """`--tasks` and `--shards`, what the patterns of a script stand for."""
    parser.add_argument("--tasks", type=Task, choices=list(Task), nargs="+", required=True, help="fill {task}")
    parser.add_argument("--shards", type=int, required=True, help="how many; fill {shard} with 00000, 00001, ...")


def expand_files(pattern: str, tasks: Sequence[Task], shards: int) -> list[Path]:
    """The files of a pattern, a task's shards together.

    Raises:
        UserError: the pattern lacks {task} or {shard}.
    """
    if "{task}" not in pattern or "{shard}" not in pattern:
        raise UserError(f"'{pattern}': a pattern with {{task}} and {{shard}} in it is needed")
    return [
        Path(pattern.replace("{task}", task).replace("{shard}", f"{shard:05d}"))
        for task in tasks
        for shard in range(shards)
    ]


def expand_numbers(pattern: str, wildcard: str, count: int) -> list[Path]:
    """The files of a pattern with one wildcard, such as {shard}, {block} or {part}, in it: 00000, 00001, ...

    Raises:
        UserError: the pattern lacks it.
    """
    if f"{{{wildcard}}}" not in pattern:
        raise UserError(f"'{pattern}': a pattern with {{{wildcard}}} in it is needed")
    return [Path(pattern.replace(f"{{{wildcard}}}", f"{number:05d}")) for number in range(count)]


def expand_blocks(pattern: str, blocks: int) -> list[Path]:
    """As `expand_numbers`, of blocks."""
    return expand_numbers(pattern, "block", blocks)
