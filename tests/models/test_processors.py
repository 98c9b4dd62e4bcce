"""Tests of image-only processors, which need no torchvision."""

import json
from pathlib import Path

import pytest
from transformers import GotOcr2ImageProcessorPil

from benchmarks.random_judge import make_internvl
from benchmarks.random_vlms import MODELS, make_qwen25
from omniedit.errors import UserError
from omniedit.models.processors import load_processor


@pytest.mark.parametrize("family", MODELS)
def test_every_family_loads_its_image_processor_without_video(family: str, tmp_path: Path) -> None:
    processor = load_processor(MODELS[family](tmp_path))
    names = {
        "qwen2.5-vl": "Qwen2_5_VL",
        "qwen3-vl": "Qwen3VL",
        "llava-onevision": "LlavaOnevision",
        "internvl": "InternVL",
    }
    assert type(processor).__name__ == f"{names[family]}Processor"
    assert processor.video_processor is None and type(processor.image_processor).__name__.endswith("Pil")
    assert processor.image_token in processor.tokenizer.get_vocab()


def test_chat_template_of_the_processor_takes_precedence(tmp_path: Path) -> None:
    """LLaVA-OneVision needs this: the template of its tokenizer handles only texts."""
    make_qwen25(tmp_path)
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": "with images"}))
    (tmp_path / "chat_template.jinja").unlink(missing_ok=True)
    assert load_processor(tmp_path).chat_template == "with images"


def test_model_without_a_chat_template_raises_error(tmp_path: Path) -> None:
    make_qwen25(tmp_path)
    for file in tmp_path.glob("chat_template*"):
        file.unlink()
    with pytest.raises(UserError, match="no chat template"):
        load_processor(tmp_path)


def test_tokenizer_of_another_model_raises_error(tmp_path: Path) -> None:
    """Check an InternVL whose tokenizer lacks the image tokens, as in weights not converted for transformers."""
    make_qwen25(tmp_path / "qwen")
    config = make_internvl(tmp_path / "internvl") / "config.json"
    (tmp_path / "qwen/config.json").write_text(config.read_text())
    (tmp_path / "qwen/preprocessor_config.json").write_text(GotOcr2ImageProcessorPil().to_json_string())
    with pytest.raises(UserError, match=r"does not fit a InternVLProcessor .* often named \.\.\.-hf"):
        load_processor(tmp_path / "qwen")


def test_text_only_model_raises_error(tmp_path: Path) -> None:
    make_qwen25(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    with pytest.raises(UserError, match="a model of type qwen2 takes no images"):
        load_processor(tmp_path)
