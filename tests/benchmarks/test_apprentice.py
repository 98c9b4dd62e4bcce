"""Tests of the experiment with subjects: its world, and all of its parts at toy size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.learning import train_config
from benchmarks.apprentice import expert, report, train
from benchmarks.apprentice.learning import held_out_world, list_test_pairs, training_world
from benchmarks.apprentice.settings import SETTINGS, SubjectSetting
from benchmarks.apprentice.subjects import Request, SubjectPair, SubjectWorld, demonstration_pairs
from omniedit.evaluation.subject_fidelity import measure_subject
from omniedit.models.base import Base
from omniedit.models.codec import LappedCodec
from omniedit.models.text import WIDTH, load_minilm
from omniedit.training.base.pretrain import small_sd3


@pytest.fixture(scope="module")
def setting() -> SubjectSetting:
    return SETTINGS["test"]


@pytest.fixture(scope="module")
def world(assets: Assets, setting: SubjectSetting) -> SubjectWorld:
    return held_out_world(setting, assets)


@pytest.fixture(scope="module")
def pairs(setting: SubjectSetting, world: SubjectWorld) -> list[SubjectPair]:
    return list_test_pairs(setting, world)


def test_a_subject_looks_the_same_in_demonstrations_and_target(world: SubjectWorld) -> None:
    pair = world.test_pair(1, 0)
    colours = [
        np.median(image[(image != ground).any(axis=2)], axis=0)
        for image, ground in zip(pair.demonstrations, pair.grounds, strict=True)
    ]
    answer = np.median(pair.edit.target[pair.edit.mask], axis=0)
    assert all(np.abs(colour - answer).max() < 8 for colour in colours)
    stranger = np.median(world.test_pair(0, 0).edit.target[pair.edit.mask], axis=0)
    assert np.abs(stranger - answer).max() > 20


def test_requests_share_demonstrations_and_do_not_name_the_subject(
    pairs: list[SubjectPair], world: SubjectWorld
) -> None:
    first, second, *_ = pairs
    assert first.subject == second.subject and first.request.skill != second.request.skill
    assert all((a == b).all() for a, b in zip(first.demonstrations, second.demonstrations, strict=True))
    names = set(world.here.names)
    assert not any(name in pair.edit.instruction for pair in pairs for name in names)


def test_training_never_shows_the_test_subjects_or_their_photographs(
    assets: Assets, setting: SubjectSetting, world: SubjectWorld
) -> None:
    here = training_world(setting, assets, 0).here
    assert not {*here.names} & {*world.here.names}


def test_target_copy_and_source_have_the_extreme_values(pairs: list[SubjectPair], world: SubjectWorld) -> None:
    for pair in pairs:
        case = world.to_case(pair)
        truth = measure_subject(case, pair.edit.target)
        assert truth == {
            "subject_error": 0,
            "subject_matched": 1,
            "text_matched": 1,
            "request_matched": 1,
            "copying": 0,
        }
        copied = measure_subject(case, pair.demonstrations[0])
        assert copied["copying"] == 1 and copied["subject_error"] > 0.2
        assert measure_subject(case, pair.source)["text_matched"] == 0


def test_an_expert_is_trained_only_on_the_demonstrations(pairs: list[SubjectPair]) -> None:
    shown = demonstration_pairs(pairs[0])
    assert len(shown) == 3
    for pair, image, slot in zip(shown, pairs[0].demonstrations, pairs[0].slots, strict=True):
        assert (pair.edit.target == image).all() and pair.request == Request(slot) and slot in pair.edit.instruction


def test_units_experts_and_report_run_at_toy_size(
    assets: Assets, setting: SubjectSetting, pairs: list[SubjectPair], world: SubjectWorld, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    parts = (small_sd3(train_config(setting.world), WIDTH), LappedCodec(), load_minilm())
    base = Base(*parts, FlowMatchEulerDiscreteScheduler(), "sample")
    folders = [tmp_path / f"{name}-0" for name in setting.architectures]
    for folder in folders:
        folder.mkdir()
        train.run(folder.name[:-2], 0, setting, assets, base, folder, folder.with_suffix(".checkpoint.pt"))
    experts = tmp_path / "experts"
    experts.mkdir()
    quick = replace(setting, expert=replace(setting.expert, steps=1))
    expert.run(quick, assets, base, tmp_path / f"{setting.none}-0", experts, tmp_path / "done")
    assert len(list((tmp_path / "done").iterdir())) == setting.test_subjects
    cases = [world.to_case(pair) for pair in pairs]
    measures = report.collect(pairs, cases, [experts, *folders])
    keys = {(name, shown) for name in setting.architectures[1:] for shown in setting.shown}
    assert set(measures) == {("no edit", 0), ("copy-paste", 0), ("expert", 3), (setting.none, 0), *keys}
    text = report.write_table(measures, setting)
    assert text.count("\n| ") >= len(measures) and "3 shown less Sequence concatenation" in text
    report.write_sheet(tmp_path / "sheet.png", pairs, [experts, *folders], setting)
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
