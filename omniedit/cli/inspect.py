"""Counts, contact sheet or one pair of a run: `omniedit inspect`."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from omniedit.browsing.contact_sheet import draw_sheet
from omniedit.browsing.counts import count_pairs, format_counts
from omniedit.browsing.pair_index import find_pair, join_tables, stream_index
from omniedit.browsing.pair_record import read_record, save_images
from omniedit.browsing.record_text import format_record
from omniedit.browsing.rejections import count_rejections, format_rejections
from omniedit.browsing.run_files import ShardFiles, decisions_file, find_run, list_shards
from omniedit.cli.arguments import path, run_name
from omniedit.errors import UserError
from omniedit.scoring.human_decisions import read_by_hand


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=run_name, help="name of the run, or its folder")
    parser.add_argument("--pair", metavar="ID", help="print all facts about this pair")
    parser.add_argument("--save", type=path, metavar="FOLDER", help="with --pair: write its images to this folder")
    parser.add_argument(
        "--sheet", type=path, metavar="FILE.jpg", help="write a contact sheet: the best pairs of each task"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(args: argparse.Namespace) -> None:
    if args.pair is None and args.save:
        raise UserError("--save: give --pair ID, the pair whose images to save")
    if args.pair is not None and args.sheet:
        raise UserError("--sheet: shows the whole run; omit --pair")
    if args.pair is not None:
        print(inspect_pair(args.run, args.pair, args.json, args.save))
    else:
        print(inspect_run(args.run, args.json, args.sheet))


def inspect_run(run: str, as_json: bool, sheet: Path | None) -> str:
    """Return a run's counts as text or JSON, and write its contact sheet if a file for it is given.

    Raises:
        UserError: the run does not exist, or the sheet cannot be written.
    """
    folder = find_run(run)
    shards = list_shards(folder)
    index, problems = read_index(shards)
    if sheet:
        problems += draw_sheet(index, shards, sheet)
    counts = count_pairs(index, shards, read_by_hand(decisions_file(folder)), problems)
    rejections, name = count_rejections(shards), folder.resolve().name
    if as_json:
        return to_json({"run": name, **counts, "without_pair": rejections})
    return "\n".join([*format_counts(name, counts), *format_rejections(rejections)])


def read_index(shards: list[ShardFiles]) -> tuple[pa.Table, list[str]]:
    """Return the index of all pairs, and a message for each file that cannot be read."""
    parts = list(stream_index(shards))
    return join_tables([table for table, _ in parts]), [problem for _, problems in parts for problem in problems]


def inspect_pair(run: str, pair_id: str, as_json: bool, save: Path | None) -> str:
    """Return a pair's record as text or JSON, and save its images if a folder is given.

    Raises:
        UserError: the run or the pair does not exist, or an image cannot be saved.
    """
    folder = find_run(run)
    files, _ = find_pair(list_shards(folder), pair_id)
    record = read_record(files, pair_id)
    hand_decision = read_by_hand(decisions_file(folder)).by_pair.get(pair_id)
    record["by_hand"] = asdict(hand_decision) if hand_decision else None
    saved = [str(path) for path in save_images(files, pair_id, save)] if save else []
    if as_json:
        return to_json(record | {"saved": saved})
    return "\n".join([*format_record(record), *(["", "saved", *(f"  {path}" for path in saved)] if saved else [])])


def to_json(value: Any) -> str:
    """Format a value as JSON in ASCII, which every terminal shows correctly."""
    return json.dumps(value, indent=1, allow_nan=False)
