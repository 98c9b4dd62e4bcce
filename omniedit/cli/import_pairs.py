"""Import edit pairs from another data set: `omniedit import`."""

import argparse
from pathlib import Path

from omniedit.cli.arguments import at_least_one, path, shard_count, words
from omniedit.config.yaml_files import read_yaml
from omniedit.errors import UserError
from omniedit.exchange.importing import ImportOptions, import_pairs
from omniedit.exchange.perception import questions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "format", help="name of a format (docs/your-own-data.md lists all), or a YAML file that describes your columns"
    )
    parser.add_argument("path", help="file, folder, glob, range such as pairs/{00000..00009}.tar, or URL for fsspec")
    parser.add_argument("-o", "--out", type=path, required=True, help="folder of the run, such as results/mine")
    parser.add_argument("--name", default="", help="name of the data set in the run (default: the format's name)")
    parser.add_argument(
        "--columns",
        type=words,
        default="",
        metavar="FIELD=COLUMN,...",
        help="columns whose names differ from the format's, such as source=before,edited=after,instruction=text",
    )
    parser.add_argument(
        "--images", help="folder, URL or tar with the images that rows name by path (default: the folder of the rows)"
    )
    parser.add_argument("--task", type=words, help="task of rows that do not name one")
    parser.add_argument(
        "--tasks-map", type=path, metavar="FILE", help="YAML file that maps the data set's task names to tasks"
    )
    parser.add_argument(
        "--sizes",
        choices=["resize", "reject"],
        default="resize",
        help="resize or reject edited images and masks whose size differs from the source's (default: %(default)s)",
    )
    parser.add_argument("--shards", type=shard_count, default=1, help="number of files to write (default: 1)")
    parser.add_argument("--licence", type=words, help="licence of all pairs (default: given by the row or the format)")
    parser.add_argument("--limit", type=at_least_one, help="maximum number of rows to read")


def run(args: argparse.Namespace) -> None:
    options = ImportOptions(
        format=args.format,
        name=args.name,
        columns=parse_columns(args.columns),
        images=args.images,
        task=args.task,
        task_names=read_tasks_map(args.tasks_map) if args.tasks_map else {},
        sizes=args.sizes,
        licence=args.licence,
        limit=args.limit,
    )
    if options.format == questions.FORMAT:
        rows = (args.shards, options.licence, options.limit)
        counts = questions.import_questions(args.path, options.data_set, args.out, options.images, *rows)
        print("\n".join([f"{args.out / 'vqa' / options.data_set}:", *counts.describe()]))
        return
    outcome = import_pairs(args.path, options, args.out, args.shards)
    print("\n".join([f"{args.out / 'candidates' / options.data_set}:", *outcome.describe()]))


def parse_columns(text: str) -> dict[str, str]:
    """Parse FIELD=COLUMN,... and return the columns by field.

    Raises:
        UserError: a part has no '='.
    """
    parts = [part.partition("=") for part in text.split(",") if part]
    if wrong := [field for field, equals, column in parts if not (equals and field.strip() and column)]:
        raise UserError(
            f"--columns: {wrong[0][:60]!a} is not FIELD=COLUMN; give a list such as source=before,edited=after"
        )
    return {field.strip(): column for field, _, column in parts}


def read_tasks_map(file: Path) -> dict[str, str]:
    """Read a mapping from a data set's task names to tasks.

    Raises:
        UserError: the file is not a YAML mapping from text to text.
    """
    tasks = read_yaml(file)
    if wrong := [name for name, task in tasks.items() if not (isinstance(name, str) and isinstance(task, str))]:
        raise UserError(f"{file}: {str(wrong[0])[:60]!a}: give a task as text, such as swap: object_swap")
    return tasks
