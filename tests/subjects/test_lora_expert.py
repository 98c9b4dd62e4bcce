"""Tests of DreamBooth experts on tiny bases of the real classes, with random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from helpers import tiny_base_pipelines
from helpers.small_subjects import subjects
from helpers.tiny_editor import TINY, minilm
from omniedit.config.subjects import ExpertConfig, SubjectsConfig
from omniedit.models.base import Base
from omniedit.models.codec import LappedCodec
from omniedit.models.lora import adapter_state
from omniedit.models.text import WIDTH
from omniedit.pairs import Rejection
from omniedit.subjects.expert_images import ExpertImage
from omniedit.subjects.experts import Filter, imagine_prompts, paint_subjects
from omniedit.subjects.lora_expert import LoraExpert, reset_adapters, with_token
from omniedit.subjects.prompts import NewImage, fill_templates
from omniedit.training.base.pretrain import small_sd3

SUBJECT = subjects()[0]
TINY_EXPERT = {"kind": "lora", "base": "shipped", "rank": 4, "steps": 11, "learning_rate": 0.004, "sampling_steps": 2}


def make_options(**expert: object) -> SubjectsConfig:
    return SubjectsConfig(
        source="cut_outs", resolution=64, skills=["view", "stylise"], expert=ExpertConfig(**TINY_EXPERT | expert)
    )


def make_base(name: str, folder: Path) -> Base:
    if name == "flux":
        return Base.load(tiny_base_pipelines.save("flux", folder))
    torch.manual_seed(0)
    return Base(small_sd3(TINY, WIDTH), LappedCodec(), minilm(), FlowMatchEulerDiscreteScheduler(), "sample")


@pytest.fixture(scope="module", params=["sd3", "flux"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Base:
    return make_base(request.param, tmp_path_factory.mktemp("base"))


def make_expert(base: Base, **options: object) -> LoraExpert:
    chosen = make_options(**options)
    return LoraExpert(chosen, base, {"tiny": "1"}, lambda subject: fill_templates(subject, chosen.tasks, 1, 0), seed=0)


def test_an_expert_learns_its_subject_and_the_next_one_starts_from_the_base(base: Base) -> None:
    expert = make_expert(base)
    frozen = {name: p.clone() for name, p in expert.net.named_parameters() if not p.requires_grad}
    start = {name: value.clone() for name, value in adapter_state(expert.net).items()}
    lessons = expert.prepare(SUBJECT, SUBJECT.images(), "1x1")
    losses = expert.train(lessons, np.random.default_rng(0))
    untrained = make_expert(base, learning_rate=1e-12).train(lessons, np.random.default_rng(0))
    assert losses[0] == untrained[0] and sum(losses[6:]) < 0.97 * sum(untrained[6:])
    assert all(torch.equal(p, frozen[name]) for name, p in expert.net.named_parameters() if name in frozen)
    assert any(value.any() for name, value in adapter_state(expert.net).items() if "lora_B" in name)
    reset_adapters(expert.net, 0)
    assert not any(value.any() for name, value in adapter_state(expert.net).items() if "lora_B" in name)
    assert start.keys() == adapter_state(expert.net).keys()


def test_painted_images_depend_only_on_the_seed(base: Base) -> None:
    expert = make_expert(base, steps=2)
    first, again = (list(expert.paint(SUBJECT)) for _ in range(2))
    assert [each.task for each in first] == ["subject_stylise", "subject_view"]
    for one, other in zip(first, again, strict=True):
        assert isinstance(one, ExpertImage) and isinstance(other, ExpertImage)
        assert (one.image == other.image).all() and one.image.shape == one.source.shape
        assert one.mask is None and one.truth is None
        assert one.demonstrations == tuple(range(1, len(SUBJECT.demonstrations)))


def test_images_of_the_class_are_generated_only_with_a_prior_weight(tmp_path: Path) -> None:
    expert = make_expert(make_base("sd3", tmp_path), prior_weight=1.0, prior_images=2, steps=2)
    lessons = expert.prepare(SUBJECT, SUBJECT.images(), "1x1")
    assert lessons.prior is not None and len(lessons.prior.latents) == 2
    assert len(expert.train(lessons, np.random.default_rng(0))) == 2
    plain = make_expert(make_base("sd3", tmp_path)).prepare(SUBJECT, SUBJECT.images(), "1x1")
    assert plain.prior is None and torch.equal(plain.latents, lessons.latents)


def test_a_diverged_expert_is_recorded_with_the_step(tmp_path: Path) -> None:
    expert = make_expert(make_base("sd3", tmp_path), learning_rate=1e30, steps=5)
    check = Filter(lambda images: np.ones((len(images), 2), np.float32), None, 0, 0)
    (rejection,) = paint_subjects([SUBJECT], expert, check, seed=0)
    assert isinstance(rejection, Rejection) and "the loss is not finite at step" in rejection.reason


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A red mug on a table", "A sks red mug on a table"),
        ("an old Red Mug", "an old sks Red Mug"),
        ("photo of an red mug", "photo of a sks red mug"),
        ("on a table", "a sks red mug, on a table"),
        ("two red mugs", "a sks red mug, two red mugs"),
        ("from Japan red mug", "from Japan sks red mug"),
    ],
)
def test_the_rare_word_stands_before_the_subject(caption: str, expected: str) -> None:
    assert with_token(caption, "red mug", "sks") == expected


def test_unusable_replies_of_a_model_become_rejections_of_the_subject() -> None:
    from omniedit.config.schema import Config
    from omniedit.vlm import Reply

    class Silent:
        def ask(self, prompts: list[object]) -> list[Reply]:
            return [Reply("no", "silent") for _ in prompts]

    made = imagine_prompts(SUBJECT, Config(), Silent())  # type: ignore[arg-type]
    assert made and all(isinstance(each, Rejection) for each in made)
    assert all(isinstance(each, NewImage) for each in imagine_prompts(SUBJECT, Config(), None))
