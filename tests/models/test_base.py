"""Tests of bases from local folders: SD3's own classes, and the errors for folders that cannot be used."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline
from PIL import Image
from safetensors.torch import load_file, save_file

from helpers.tiny_folders import make_sd3
from omniedit import models
from omniedit.errors import UserError
from omniedit.models.base import Base
from omniedit.models.pipeline import EditPipeline


@pytest.fixture(scope="module")
def sd3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sd3(tmp_path_factory.mktemp("sd3") / "sd3")


@pytest.fixture
def broken_base(sd3: Path, tmp_path: Path) -> Path:
    """Return a copy of the base for a test to break."""
    return shutil.copytree(sd3, tmp_path / "sd3")


def test_encoded_instructions_match_the_sd3_pipeline(sd3: Path) -> None:
    prompt, pooled = Base.load(sd3).text.encode(["add fog", "make it night"])
    assert prompt.shape == (2, 77 + 256, 48) and pooled.shape == (2, 40)
    own = StableDiffusion3Pipeline.from_pretrained(sd3)
    own_prompt, _, own_pooled, _ = own.encode_prompt("make it night", None, None, do_classifier_free_guidance=False)
    torch.testing.assert_close(prompt[1:], own_prompt)
    torch.testing.assert_close(pooled[1:], own_pooled)


def test_editor_over_sd3_edits_the_same_after_saving_and_loading(sd3: Path, tmp_path: Path) -> None:
    base = Base.load(sd3)
    assert base.prediction_type == "velocity" and base.scheduler.config["shift"] == 3.0
    made = base.pipeline(models.build("editnet", base.transformer), resolution=64)
    made.save_pretrained(tmp_path / "editor")
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8))
    edits = []
    for pipeline in (made, EditPipeline.from_pretrained(tmp_path / "editor")):
        pipeline.set_progress_bar_config(disable=True)
        edits.append(np.asarray(pipeline(photo, "add fog", 2, generator=torch.Generator().manual_seed(0)).images[0]))
    assert edits[0].shape == (60, 90, 3) and np.array_equal(*edits)


def test_bfloat16_base_keeps_its_vae_in_float32(sd3: Path) -> None:
    base = Base.load(sd3, torch.bfloat16)
    assert base.transformer.dtype == base.text.text_encoder_3.dtype == torch.bfloat16
    assert base.vae.dtype == torch.float32


def test_folder_without_a_model_raises_error_with_remedy(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no model_index.json, .* snakemake fetch_models; if .* accept its licence"):
        Base.load(tmp_path / "gated")


def test_unsupported_pipeline_class_is_rejected(broken_base: Path) -> None:
    (broken_base / "model_index.json").write_text(json.dumps({"_class_name": "SanaPipeline"}))
    with pytest.raises(
        UserError, match="a SanaPipeline, but an editor needs a StableDiffusion3Pipeline or FluxPipeline"
    ):
        Base.load(broken_base)


def test_component_of_another_class_is_rejected(broken_base: Path) -> None:
    config = json.loads((broken_base / "transformer/config.json").read_text())
    (broken_base / "transformer/config.json").write_text(json.dumps(config | {"_class_name": "FluxTransformer2DModel"}))
    with pytest.raises(UserError, match="a FluxTransformer2DModel, expected SD3Transformer2DModel"):
        Base.load(broken_base)


def test_pickled_weights_are_rejected(broken_base: Path) -> None:
    weights = broken_base / "transformer/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(UserError, match=r"only diffusion_pytorch_model\.bin, which could run code when it is read"):
        Base.load(broken_base)


def test_damaged_or_missing_files_are_named(broken_base: Path) -> None:
    weights = broken_base / "transformer/diffusion_pytorch_model.safetensors"
    content = weights.read_bytes()
    for damaged, message in (
        (content[: len(content) // 2], "transformer: cannot be loaded"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer, not the file itself"),
    ):
        weights.write_bytes(damaged)
        with pytest.raises(UserError, match=message):
            Base.load(broken_base)
    index = {"weight_map": {"proj_out.weight": "model-00001-of-00002.safetensors"}}
    (broken_base / "transformer/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=r"model-00001-of-00002\.safetensors is missing"):
        Base.load(broken_base)
    (broken_base / "transformer/diffusion_pytorch_model.safetensors.index.json").unlink()
    weights.write_bytes(content)
    shutil.rmtree(broken_base / "text_encoder_3")
    with pytest.raises(UserError, match=r"text_encoder_3: no config.json"):
        Base.load(broken_base)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, r"scheduler: no scheduler_config\.json"),
        ("{", r"scheduler_config\.json: not JSON"),
        ('{"_class_name": "DDIMScheduler"}', "scheduler: is a DDIMScheduler, expected FlowMatchEuler"),
        ('{"shift": 3.0}', "scheduler: is a scheduler without a class, expected"),
        ('{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": "much"}', "scheduler: no scheduler"),
    ],
)
def test_unusable_scheduler_config_raises_error(broken_base: Path, config: str | None, message: str) -> None:
    path = broken_base / "scheduler/scheduler_config.json"
    path.unlink()
    if config is not None:
        path.write_text(config)
    with pytest.raises(UserError, match=message):
        Base.load(broken_base)


@pytest.mark.parametrize("index", [{}, [], {"weight_map": ["model.safetensors"]}, {"weight_map": {"proj_out.bias": 1}}])
def test_weight_index_without_files_raises_error(broken_base: Path, index: object) -> None:
    name = "diffusion_pytorch_model.safetensors.index.json"
    (broken_base / "transformer" / name).write_text(json.dumps(index))
    with pytest.raises(UserError, match=rf"{name}: (its weight_map names no files|not a JSON object)"):
        Base.load(broken_base)


@pytest.mark.parametrize("architectures", [{"0": "T5EncoderModel"}, "T5EncoderModel", [["T5EncoderModel"]], []])
def test_malformed_architectures_list_raises_error(broken_base: Path, architectures: object) -> None:
    path = broken_base / "text_encoder_3/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"architectures": architectures}))
    with pytest.raises(UserError, match=r"text_encoder_3: is a .*, expected T5EncoderModel"):
        Base.load(broken_base)


def test_model_index_without_a_class_is_rejected(broken_base: Path) -> None:
    index = json.loads((broken_base / "model_index.json").read_text())
    del index["_class_name"]
    for more in ({}, {"prediction_type": "noise"}):
        (broken_base / "model_index.json").write_text(json.dumps(index | more))
        with pytest.raises(
            UserError, match="sd3: is a model without a class, but an editor needs a StableDiffusion3Pipeline"
        ):
            Base.load(broken_base)


def test_weights_stored_only_in_half_precision_are_loaded(sd3: Path, broken_base: Path) -> None:
    whole = Base.load(sd3)
    for part in (broken_base / "transformer", broken_base / "text_encoder_3"):
        (weights,) = part.glob("*.safetensors")
        halves = {name: tensor.half() for name, tensor in load_file(weights).items()}
        save_file(halves, part / weights.name.replace(".safetensors", ".fp16.safetensors"), metadata={"format": "pt"})
        weights.unlink()
    half = Base.load(broken_base)
    for name, weight in whole.transformer.state_dict().items():
        assert torch.equal(half.transformer.state_dict()[name], weight.half().float()), name
    shared = whole.text.text_encoder_3.get_input_embeddings().weight
    assert torch.equal(half.text.text_encoder_3.get_input_embeddings().weight, shared.half().float())


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_weights_with_nan_or_infinity_are_rejected(broken_base: Path, bad: float) -> None:
    weights = broken_base / "vae/diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["encoder.conv_in.bias"][0] = bad
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"vae: encoder\.conv_in\.bias has NaN or infinite values"):
        Base.load(broken_base)


def test_sd35_editor_keeps_its_dual_attention_blocks_after_saving(broken_base: Path, tmp_path: Path) -> None:
    """SD3.5-Medium has normalised queries and keys, and a second attention in some blocks."""
    config = json.loads((broken_base / "transformer/config.json").read_text())
    torch.manual_seed(1)
    kind = {"qk_norm": "rms_norm", "dual_attention_layers": [0]}
    SD3Transformer2DModel.from_config(config | kind).save_pretrained(broken_base / "transformer")
    base = Base.load(broken_base)
    editor = models.build("editnet", base.transformer)
    blocks = editor.control_blocks
    assert blocks[0].block.attn2.norm_q.weight.shape == base.transformer.transformer_blocks[0].attn2.norm_q.weight.shape
    assert blocks[1].block.attn2 is None and blocks[1].block.attn.norm_added_k is not None
    base.pipeline(editor, resolution=64).save_pretrained(tmp_path / "editor")
    loaded = EditPipeline.from_pretrained(tmp_path / "editor")
    assert loaded.transformer.config["base_config"]["dual_attention_layers"] == [0]
    text, side = base.text.encode(["add fog"]), base.transformer.config.sample_size
    noisy, condition = torch.randn(2, 1, 16, side, side)
    timestep = torch.tensor([500.0])
    with torch.no_grad():
        plain = base.transformer(noisy, *text, timestep, return_dict=False)[0]
        for network in (editor, loaded.transformer):
            # To rounding: how weights lie in memory can change the order of sums.
            assert torch.allclose(network(noisy, timestep, *text, condition), plain, atol=1e-5)


def test_weights_that_lack_a_parameter_are_rejected(broken_base: Path) -> None:
    weights = broken_base / "transformer/diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    del tensors["proj_out.bias"]
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"has no weights for proj_out.bias \(1 missing in all\)"):
        Base.load(broken_base)
