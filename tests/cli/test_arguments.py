"""Tests for argument types: each rejects invalid values."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from omniedit.cli.arguments import (
    above_zero,
    at_least_one,
    at_least_zero,
    overall_score,
    path,
    port,
    run_seed,
    sampling_steps,
    scale,
    shard_count,
    share,
    words,
)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (at_least_zero, "0", ["-1", "1.5", "many", ""]),
        (at_least_one, "1", ["0", "-3"]),
        (port, "65535", ["0", "65536"]),
        (sampling_steps, "1000", ["0", "1001", "99999999999999999999"]),
        (shard_count, "100000", ["0", "100001"]),
        (run_seed, "2147483647", ["-1", "2147483648", "1.5"]),
        (scale, "1.5", ["-1", "inf", "nan"]),
        (above_zero, "0.5", ["0", "-3", "inf", "nan"]),
        (share, "1", ["0", "1.1", "nan"]),
        (overall_score, "9", ["-0.1", "10.5", "nan", "inf"]),
    ],
)
def test_numbers_outside_their_limits_are_rejected(kind: Callable[[str], float], good: str, bad: list[str]) -> None:
    assert kind(good) == float(good)
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is not valid; give "):
            kind(text)


def test_text_that_is_not_utf_8_is_rejected() -> None:
    assert words("Mach es Nacht, \u00e4hnlich wie hier.").startswith("Mach")
    with pytest.raises(argparse.ArgumentTypeError, match=r"make it .udcff night' is not valid; give text in UTF-8"):
        words(os.fsdecode(b"make it \xff night"))


def test_an_overlong_file_name_is_rejected() -> None:
    assert str(path("a/b.png")) == "a/b.png"
    with pytest.raises(argparse.ArgumentTypeError, match=r"'a{100}\.\.\.': File name too long"):
        path("a" * 300)


def test_every_seed_has_an_upper_limit() -> None:
    """Check the source of all programs, because some need a run to start."""
    root = Path(__file__).parents[2]
    files = [file for folder in ("omniedit", "scripts", "benchmarks") for file in (root / folder).rglob("*.py")]
    lines = [line.strip() for file in files for line in file.read_text().splitlines() if '"--seed", type=' in line]
    assert len(lines) > 20
    assert not [line for line in lines if "type=run_seed" not in line and "type=seed" not in line]
