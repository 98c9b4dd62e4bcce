"""Families of models by their names, without mistakes by parts of other words."""

import pytest

from omniedit.evaluation.trust.families import find_family


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("gpt-4o-2024-08-06", "OpenAI"),
        ("DALLE2", "OpenAI"),
        ("o3-mini", "OpenAI"),
        ("gemini-2.5-flash-image", "Google"),
        ("Qwen/Qwen3-VL-8B-Instruct@0c351d", "Qwen"),
        ("qwen_image_edit", "Qwen"),
        ("OpenGVLab/InternVL3_5-8B-HF", "InternVL"),
        ("EditScore/EditScore-7B", "Qwen"),
        ("claude-opus-4", "Anthropic"),
        ("black-forest-labs/FLUX.1-Kontext-dev", "Black Forest Labs"),
        ("stabilityai/stable-diffusion-xl-base-1.0", "Stability AI"),
        ("DeepFloydIF", "Stability AI"),
        ("stepfun-ai/Step1X-Edit", "StepFun"),
        ("SeedEdit", "ByteDance"),
        ("imagenhub_magicbrush", None),
        ("InstructPix2Pix", None),
        ("Text2Live", None),
        ("two_o3x", None),
        ("influx", None),
        ("AURORA", None),
        ("editor_seed_0", None),
        ("student 27847b409c76", None),
        ("", None),
    ],
)
def test_model_family_is_recognised_by_a_word_of_its_name(name: str, family: str | None) -> None:
    assert find_family(name) == family
