"""Tests of sections passed to scripts as JSON or in a run's config.json: only the section is checked."""

import argparse
import json
from pathlib import Path

import pytest

from omniedit.config.arguments import add_section, read_section
from omniedit.config.schema import Config, FinetuneConfig, HolesConfig, InpaintingOptions, ScoringConfig, TrainConfig
from omniedit.config.section import Section
from omniedit.errors import UserError


@pytest.mark.parametrize("model", [Config, TrainConfig, ScoringConfig, FinetuneConfig, HolesConfig])
def test_section_reads_the_same_from_json_and_from_a_run_config(model: type[Section], tmp_path: Path) -> None:
    values = {
        "train": {"steps": 7, "learning_rate": 1e-05},
        "inpainting": {"holes": {"box": 0.5}},
        "scoring": {"finetune": {"epochs": 2.0}},
    }
    path = tmp_path / "config.json"
    path.write_text(Config.model_validate(values).model_dump_json())
    whole = read_section(model, path)
    assert whole != model()
    assert read_section(model, whole.model_dump_json()) == whole


def test_invalid_value_in_another_section_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"seed": "x", "train": {"steps": 7}}')
    assert read_section(TrainConfig, path) == TrainConfig(steps=7)
    assert read_section(ScoringConfig, path) == ScoringConfig()
    with pytest.raises(UserError, match=rf'^{path}: seed: "x" is not allowed'):
        read_section(Config, path)


@pytest.mark.parametrize(
    ("model", "text", "message"),
    [
        (TrainConfig, '{"steps": "x"}', 'config: train.steps: "x" is not allowed; allowed: a valid integer'),
        (TrainConfig, '{"step": 1}', "config: train.step: unknown key; allowed here: model, ablations, "),
        (TrainConfig, '{"base": {"layer": 1}}', "config: train.base.layer: unknown key; allowed here: model, layers"),
        (FinetuneConfig, '{"epochs": 0}', "config: scoring.finetune.epochs: 0 is not allowed; allowed: greater than 0"),
        (TrainConfig, '{"batch_size": 5, "accumulate": 2}', "train: batch_size 5 must be a multiple of accumulate 2"),
        (InpaintingOptions, "{}", "config: held_out: is required (and 2 more)"),
        (InpaintingOptions, '{"model": "editnet"}', "config: held_out: is required"),
        (TrainConfig, '{"steps": ', "cannot be read as a run's config (Expecting value"),
        (TrainConfig, "[]", "[]: cannot be read as a run's config (No such file or directory)"),
        (TrainConfig, "", "cannot be read as a run's config"),
    ],
)
def test_invalid_section_gives_one_line_with_the_key(model: type[Section], text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        read_section(model, text)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["[1]", '{"train": 3}', '{"train": null}', "\x00", ""])
def test_file_without_the_section_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(UserError, match=f"^{path}: "):
        read_section(TrainConfig, path)


def test_command_line_option_holds_a_section() -> None:
    parser = argparse.ArgumentParser()
    add_section(parser, "--options", FinetuneConfig, default=FinetuneConfig())
    add_section(parser, "--other", InpaintingOptions, help="options of the training")
    assert parser.parse_args([]).options == FinetuneConfig()
    assert parser.parse_args(["--options", json.dumps({"lora_rank": 4})]).options.lora_rank == 4
    assert "`scoring.finetune` as JSON, or a run's config.json" in " ".join(parser.format_help().split())
    assert "options of the training" in parser.format_help()
