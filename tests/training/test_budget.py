"""What is planned for a training follows from its config, and what cannot be planned is told."""

from pathlib import Path

import pytest

from omniedit.config import Config
from omniedit.config_files import load
from omniedit.errors import UserError
from omniedit.training.budget import Machine, plan, samples_of

PAPER = Path(__file__).parents[2] / "config/paper.yaml"
EIGHT = Machine("h100", 8, 0.45)


def test_the_paper_config_takes_the_time_that_its_operations_take() -> None:
    """2.4 million samples of 89 TFLOP at 45 % of 989 TFLOP/s are 133 GPU-hours."""
    lines = plan(load(PAPER), EIGHT, pairs=1_200_000)
    assert "2,400,000 samples in all; 8 x h100 at 45% of 989 TFLOP/s" in lines[0]
    (row,) = [line.split() for line in lines if line.startswith("editnet")]
    assert row[1:6] == ["4.148", "B", "2.120", "B", "89.1"]
    assert float(row[-1]) == pytest.approx(2.4e6 * 89.06 / (0.45 * 989) / 3600, rel=0.01)


def test_accumulating_and_bfloat16_take_less_memory() -> None:
    def memory(**options: object) -> float:
        config = Config.model_validate({"train": {"batch_size": 64, "steps": 1} | options})
        (row,) = [line.split() for line in plan(config, Machine("h100", 1, 0.45)) if line.startswith("editnet")]
        return float(row[6])

    whole = memory()
    assert memory(accumulate=8) < 0.5 * whole and memory(dtype="bfloat16") < 0.8 * whole


def test_each_editor_of_a_small_config_has_its_row() -> None:
    config = Config.model_validate({"train": {"ablations": ["controlnet", "channel_concat"], "steps": 10}})
    lines = plan(config, Machine("a100", 2, 0.4))
    assert [line.split()[0] for line in lines[3:6]] == ["editnet", "controlnet", "channel_concat"]
    assert "160 samples in all" in lines[0]


def test_what_cannot_be_planned_is_told() -> None:
    with pytest.raises(UserError, match="Say --pairs"):
        samples_of(load(PAPER).train, None)
    with pytest.raises(UserError, match=r"train\.batch_size: 16 cannot be shared by 5 GPUs"):
        plan(Config(), Machine("h100", 5, 0.45))
    with pytest.raises(UserError, match=r"train\.batch_size: 16 cannot be shared by 4 GPUs in 8 parts"):
        plan(Config.model_validate({"train": {"accumulate": 8}}), Machine("h100", 4, 0.45))
