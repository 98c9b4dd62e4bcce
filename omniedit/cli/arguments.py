"""Types of command-line arguments, which reject invalid values."""

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path


def page_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of every report page, `--run` and `--out`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--run", required=True, help="name of the run, for the heading")
    parser.add_argument("--out", type=Path, required=True, help="output page (.html)")
    return parser


def at_least_zero(text: str) -> int:
    return whole(text, 0, math.inf, "at least 0")


def at_least_one(text: str) -> int:
    return whole(text, 1, math.inf, "at least 1")


def sampling_steps(text: str) -> int:
    """Parse a number of sampling steps, which has the same limits in a config."""
    return whole(text, 1, 1000, "1 to 1000")


def shard_count(text: str) -> int:
    """Parse a number of shards, which has the same limits in a config: file names have five digits."""
    return whole(text, 1, 100_000, "1 to 100000")


def run_seed(text: str) -> int:
    """Parse the seed of a run, which has the same limits in a config."""
    return whole(text, 0, 2**31 - 1, "0 to 2^31 - 1")


def port(text: str) -> int:
    return whole(text, 1, 65_535, "1 to 65535")


def scale(text: str) -> float:
    return _number(text, lambda value: 0 <= value < math.inf, "a number, 0 or more")


def above_zero(text: str) -> float:
    return _number(text, lambda value: 0 < value < math.inf, "a number above 0")


def share(text: str) -> float:
    return _number(text, lambda value: 0 < value <= 1, "a number above 0 and at most 1")


def percentage(text: str) -> float:
    return _number(text, lambda value: 0 < value <= 100, "a percentage above 0 and at most 100")


def overall_score(text: str) -> float:
    return _number(text, lambda value: 0 <= value <= 10, "a score, 0 to 10")


def add_task_thresholds(parser: argparse.ArgumentParser) -> None:
    """Add the option with the thresholds of individual tasks, which a rule passes as JSON."""
    meaning = "minimum O of the pairs of individual tasks: JSON of the task's name -> score"
    parser.add_argument("--min-scores", type=json.loads, default={}, help=meaning)


def add_endpoint_arguments(parser: argparse.ArgumentParser, section: str) -> None:
    """Add the options for the config file, the endpoint and the acceptance of its cost.

    Args:
        section: section of the config that names the endpoint.
    """
    parser.add_argument("--config", type=path, metavar="FILE", help=f"config file, whose `{section}` section is used")
    parser.add_argument("--url", help="address of the endpoint, instead of the config's")
    parser.add_argument("--model", help="model at the endpoint, instead of the config's")
    parser.add_argument("--yes", action="store_true", help="accept the cost, if prices but no budget are set")


def add_editor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=path, help="folder of the editor (default: the small shipped one)")
    parser.add_argument("--device", default="", help="cuda, cpu, ... (default: a GPU if there is one)")


def endpoint_options(args: argparse.Namespace) -> dict[str, str]:
    """Return the keys of an endpoint's section that the command line gives."""
    return {name: value for name in ("url", "model") if (value := getattr(args, name))}


def path(text: str) -> Path:
    """Parse a path; a leading `~` that the shell left is the user's home folder."""
    try:
        expanded = Path(text).expanduser()
        expanded.exists()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"'{text[:100]}...': {error.strerror}") from None
    except RuntimeError:  # no such user
        return Path(text)
    return expanded


def run_name(text: str) -> str:
    return str(path(text))


def words(text: str) -> str:
    """Check that a text is UTF-8. Other bytes arrive as lone surrogates, which no tokenizer accepts."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{ascii(text)[:100]} is not valid; give text in UTF-8") from None
    return text


def names(text: str) -> tuple[str, ...]:
    """Parse names with commas between them."""
    return tuple(name.strip() for name in words(text).split(",") if name.strip())


def whole(text: str, minimum: float, maximum: float, requirement: str) -> int:
    """Parse a whole number from `minimum` to `maximum`.

    Raises:
        argparse.ArgumentTypeError: it is not a whole number, or is outside the limits.
    """
    try:
        value = int(text)
    except ValueError:
        value = None
    if value is None or not minimum <= value <= maximum:
        raise argparse.ArgumentTypeError(f"{text!r} is not valid; give a whole number, {requirement}")
    return value


def _number(text: str, is_valid: Callable[[float], bool], requirement: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not is_valid(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not valid; give {requirement}")
    return value
