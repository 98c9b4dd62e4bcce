"""Tests that text of the command line gets its type only from its key."""

from typing import Any

import pytest

from omniedit.config.loading import check
from omniedit.config.typed_text import parse_options
from omniedit.errors import UserError


def value(option: str, key: str) -> Any:
    config: Any = check({}, [], parse_options([option]))
    for part in key.split("."):
        config = getattr(config, part)
    return config


@pytest.mark.parametrize(
    ("option", "key", "expected"),
    [
        ("run=2026-11-28", "run", "2026-11-28"),
        ('run="2026-11-28"', "run", "2026-11-28"),
        ("run='\"2026-11-28\"'", "run", "2026-11-28"),
        ("run=123_456", "run", "123_456"),
        ("run=0123", "run", "0123"),
        ("run=4.10", "run", "4.10"),
        ("run=1e5", "run", "1e5"),
        ("run=no", "run", "no"),
        ('scoring={"api": {"model": "4.10"}}', "scoring.api.model", "4.10"),
        ("scoring={api: {model: 4.10}}", "scoring.api.model", "4.10"),
        ("scoring={api: {model: null}}", "scoring.api.model", None),
        ('scoring={"api": {"model": "null"}}', "scoring.api.model", "null"),
        (
            "scoring={'api': {'request': {'seed': 7, 'version': '4.10', 'day': 2026-11-28}}}",
            "scoring.api.request",
            {"seed": 7, "version": "4.10", "day": "2026-11-28"},
        ),
        ("seed=7", "seed", 7),
        ("filter={min_score: 8}", "filter.min_score", 8.0),
        ("train={learning_rate: 4e-05}", "train.learning_rate", 4e-05),
        ("train={'ablations': ['controlnet']}", "train.ablations", ["controlnet"]),
    ],
)
def test_option_gets_its_type_from_its_key(option: str, key: str, expected: Any) -> None:
    found = value(option, key)
    assert found == expected and type(found) is type(expected)


def test_options_of_one_section_are_merged() -> None:
    options = parse_options(["train={steps: 3}", "train={batch_size: 2}"])
    assert options == {"train": {"steps": "3", "batch_size": "2"}}


@pytest.mark.parametrize(
    "option", ["seed=2026-11-28", "seed=x", "filter={min_score: high}", "seed=&loop [*loop]", f"seed={'9' * 5000}"]
)
def test_text_is_rejected_for_a_number(option: str) -> None:
    with pytest.raises(UserError, match=r"^--config: .* is not allowed; allowed: a valid"):
        check({}, [], parse_options([option]))
