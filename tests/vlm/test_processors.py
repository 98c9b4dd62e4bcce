"""Processors for images alone, which need no torchvision."""

import json
from pathlib import Path

import pytest
from transformers import GotOcr2ImageProcessorPil

from benchmarks.random_judge import make_internvl
from benchmarks.random_vlms import MODELS, make_qwen25
from omniedit.errors import UserError
from omniedit.vlm.processors import load_processor


@pytest.mark.parametrize("family", MODELS)
def test_every_family_has_its_own_class_without_the_part_for_videos(family: str, tmp_path: Path) -> None:
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


def test_the_chat_template_of_the_processor_is_preferred(tmp_path: Path) -> None:
    """Check LLaVA-OneVision's case: the template of its tokenizer is one for texts."""
    make_qwen25(tmp_path)
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": "with images"}))
    (tmp_path / "chat_template.jinja").unlink(missing_ok=True)
    assert load_processor(tmp_path).chat_template == "with images"


def test_a_model_without_a_chat_template_is_an_error(tmp_path: Path) -> None:
    make_qwen25(tmp_path)
    for file in tmp_path.glob("chat_template*"):
        file.unlink()
    with pytest.raises(UserError, match="no chat template"):
        load_processor(tmp_path)


def test_a_tokenizer_of_another_model_is_an_error(tmp_path: Path) -> None:
    """Check an InternVL whose tokenizer does not name the tokens around an image, as outside transformers' form."""
    make_qwen25(tmp_path / "qwen")
    config = make_internvl(tmp_path / "internvl") / "config.json"
    (tmp_path / "qwen/config.json").write_text(config.read_text())
    (tmp_path / "qwen/preprocessor_config.json").write_text(GotOcr2ImageProcessorPil().to_json_string())
    with pytest.raises(UserError, match=r"not that of a InternVLProcessor .* often named \.\.\.-hf"):
        load_processor(tmp_path / "qwen")


def test_a_model_without_images_is_an_error(tmp_path: Path) -> None:
    make_qwen25(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    with pytest.raises(UserError, match="a qwen2, which takes no images"):
        load_processor(tmp_path)
