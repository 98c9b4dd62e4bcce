"""Tests that each training takes only its own options, so changes of other keys do not rerun it."""

from typing import Any

import pytest

from omniedit.config.loading import check
from omniedit.config.schema import (
    FinetuneConfig,
    InpaintingConfig,
    InpaintingOptions,
    PretrainingOptions,
    TrainConfig,
)
from omniedit.config.training_options import OptimizerOptions, TrainerOptions
from omniedit.errors import UserError

OTHER: dict[str, Any] = {
    "model": "controlnet",
    "ablations": ["editnet_no_text"],
    "steps": 7,
    "epochs": 2.5,
    "batch_size": 8,
    "accumulate": 2,
    "learning_rate": 0.01,
    "importance": "score",
    "image_dropout": 0.2,
    "zero_stage": 1,
    "dtype": "bfloat16",
    "checkpoint_every": 7,
    "wandb": "project",
    "held_out": 0.3,
    "encode_once": True,
}
"""Options of the editor that pre-training of the base does not read."""


def test_pretraining_ignores_options_of_the_editor() -> None:
    plain, other = TrainConfig(), TrainConfig.model_validate(OTHER | {"ablations": []})
    assert other.extract(PretrainingOptions) == plain.extract(PretrainingOptions)
    for name, value in {"warmup_steps": 3, "sigma_mean": 0.5, "resolution": 64, "ema_decay": 0.5}.items():
        changed = TrainConfig.model_validate({name: value})
        assert changed.extract(PretrainingOptions) != plain.extract(PretrainingOptions), name


def test_inpainting_training_has_its_own_steps_and_inherits_the_rest() -> None:
    train = TrainConfig(epochs=3.0, accumulate=2, warmup_steps=5, resolution=64, text_dropout=0.2, held_out=0.3)
    options = InpaintingConfig(steps=9, batch_size=6, learning_rate=0.02).training(train)
    assert (options.steps, options.epochs, options.batch_size, options.learning_rate) == (9, None, 6, 0.02)
    assert (options.accumulate, options.warmup_steps, options.resolution) == (2, 5, 64)
    assert (options.text_dropout, options.held_out) == (0.2, 0.3)


def test_inpainting_training_ignores_options_of_the_editor() -> None:
    options = InpaintingConfig().training(TrainConfig())
    for name in ("model", "steps", "epochs", "batch_size", "learning_rate", "importance", "image_dropout"):
        other = TrainConfig.model_validate({name: OTHER[name]})
        assert InpaintingConfig().training(other) == options, name
    assert not {"model", "ablations", "encode_once", "base", "importance"} & InpaintingOptions.model_fields.keys()


def test_finetuning_has_its_own_options_and_no_ema() -> None:
    options = FinetuneConfig(epochs=2.0, batch_size=12, accumulate=3, zero_stage=3).training
    assert type(options) is TrainerOptions
    assert (options.epochs, options.batch_size, options.accumulate, options.zero_stage) == (2.0, 12, 3, 3)
    assert (options.learning_rate, options.warmup_steps, options.dtype) == (4e-5, 50, "bfloat16")
    assert (options.adam_beta2, options.ema_decay, options.lr_decay) == (0.999, 0.0, "cosine")


def test_values_of_a_section_override_the_defaults_of_another() -> None:
    assert FinetuneConfig(warmup_steps=3).extract(OptimizerOptions) == OptimizerOptions(warmup_steps=3)
    assert FinetuneConfig(warmup_steps=3).extract(OptimizerOptions, warmup_steps=4).warmup_steps == 4
    with pytest.raises(ValueError, match="unknown"):
        TrainConfig().extract(OptimizerOptions, unknown=1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train": {"batch_size": 6, "accumulate": 4}}, "train: batch_size 6 must be a multiple of accumulate 4"),
        (
            {"scoring": {"finetune": {"batch_size": 6, "accumulate": 4}}},
            "scoring.finetune: batch_size 6 must be a multiple of accumulate 4",
        ),
        (
            {"train": {"accumulate": 4}, "inpainting": {"batch_size": 6}},
            "inpainting.batch_size 6 must be a multiple of train.accumulate 4",
        ),
        ({"train": {"compile": True, "zero_stage": 3}}, "train: compile does not work with zero_stage 3"),
        ({"train": {"attention": "flash"}}, "train: attention flash computes only in bfloat16"),
    ],
)
def test_incompatible_options_raise_errors(values: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(values)


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"model": "unet_routed"}, "unet_routed needs base.model: a role"),
        ({"model": "unet_routed", "base": {"model": "ip2p"}, "ablations": ["editnet"]}, "built on a UNet, the other"),
    ],
)
def test_a_unet_needs_a_base_of_its_own_kind(train: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainConfig.model_validate(train)
    assert TrainConfig.model_validate({"model": "unet_routed", "base": {"model": "ip2p"}}).editors == ("unet_routed",)


def test_adapters_of_control_blocks_need_an_architecture_that_has_them() -> None:
    for name in ("channel_concat", "sequence_concat"):
        with pytest.raises(ValueError, match=rf"lora\.targets: {name} has no control branch; set targets: base"):
            TrainConfig.model_validate({"ablations": [name], "lora": {"rank": 4}})
    assert TrainConfig.model_validate({"model": "channel_concat", "lora": {"rank": 4, "targets": "base"}}).lora.rank
