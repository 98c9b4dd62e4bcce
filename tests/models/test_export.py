"""Tests that exported files have the layouts of their readers, and that editors come back from them."""

from pathlib import Path

import pytest
import torch
from diffusers.loaders.single_file_utils import convert_sd3_transformer_checkpoint_to_diffusers
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from helpers.tiny_models import SD3, SD35, base, inputs, move_weights
from omniedit import models
from omniedit.config.fitting import LoraConfig
from omniedit.errors import UserError
from omniedit.models.adapter_folder import ADAPTER_FOLDER, describe_editor, save_adapters
from omniedit.models.export import FORMAT, export_comfyui, export_lora, load_comfyui
from omniedit.models.lora import add_adapters, write_trained


@pytest.mark.parametrize("kind", [SD3, SD35], ids=["sd3", "sd35"])
@pytest.mark.parametrize("name", ["editnet", "controlnet_text", "channel_concat", "editnet_every2"])
def test_an_exported_editor_reloads_bit_identical(name: str, kind: dict, tmp_path: Path) -> None:
    editor = move_weights(models.build(name, base(kind))).eval()
    export_comfyui(editor, tmp_path / "editor.safetensors", torch.float32)
    back = load_comfyui(tmp_path / "editor.safetensors")
    assert type(back) is type(editor) and torch.equal(back(**inputs()), editor(**inputs()))


def test_diffusers_converts_the_base_of_an_exported_file(tmp_path: Path) -> None:
    transformer = base(SD35)
    export_comfyui(models.build("editnet", transformer), tmp_path / "editor.safetensors", torch.float32)
    whole = load_file(tmp_path / "editor.safetensors")
    assert {name.split(".")[0] for name in whole} == {"model", "control_model"}
    given = {name: value for name, value in whole.items() if name.startswith("model.diffusion_model.")}
    converted = convert_sd3_transformer_checkpoint_to_diffusers(given)
    expected = transformer.state_dict()
    assert converted.keys() == expected.keys()
    assert all(torch.equal(converted[name], value) for name, value in expected.items())


def test_a_file_of_another_program_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "editor.safetensors").write_bytes(b"no tensors")
    with pytest.raises(UserError, match=r"editor\.safetensors: cannot be read"):
        load_comfyui(tmp_path / "editor.safetensors")
    save_file({"x": torch.ones(1)}, tmp_path / "editor.safetensors")
    with pytest.raises(UserError, match="not an editor of `omniedit export-editor`"):
        load_comfyui(tmp_path / "editor.safetensors")
    with pytest.raises(UserError, match=r"no adapters; train the editor with train\.lora\.rank"):
        export_lora(tmp_path, tmp_path / "lora.safetensors", torch.float32)


@pytest.mark.parametrize(
    ("about", "problem"),
    [
        ({"class": "os:system"}, r"os:system: not an editor of this version"),
        ({"class": None}, r"'class'"),
        ({"config": None}, r"'config'"),
        ({"config": "{"}, r"Expecting property name"),
        ({"config": "[]"}, r"config is not a JSON object"),
        ({"config": "{}"}, r"EditNet.* missing 1 required positional argument: 'base_config'"),
        ({"config": '{"base_config": {"_class_name": "Other"}}'}, r"Other: no editor can be built on this class"),
    ],
)
def test_metadata_of_no_editor_are_an_error_with_the_file(about: dict, problem: str, tmp_path: Path) -> None:
    kept = {"format": FORMAT, "class": "omniedit.models.editnet:EditNet", "config": "{}"} | about
    file = tmp_path / "editor.safetensors"
    save_file({"x": torch.ones(1)}, file, {key: value for key, value in kept.items() if value is not None})
    with pytest.raises(
        UserError, match=rf"^{file}: no editor in its metadata \({problem}.*\); export the editor again"
    ):
        load_comfyui(file)


def test_a_file_with_wrong_weights_is_an_error_with_the_weight(tmp_path: Path) -> None:
    file = tmp_path / "editor.safetensors"
    export_comfyui(models.build("editnet", base(SD3)), file, torch.float32)
    with safe_open(file, "pt") as opened:
        about = opened.metadata()
    state = load_file(file)
    joined, image = "joint_blocks.1.x_block.attn.qkv.weight", "control_model.control_blocks.0.to_image.weight"
    for changes, problem in (
        ({"stray": torch.ones(1)}, "EditNet has no stray"),
        ({"control_model.joint_blocks.0.stray.weight": torch.ones(1)}, "stray is no layer of SD3"),
        ({image: torch.full((32, 32), torch.nan)}, r"control_blocks\.0\.to_image\.weight has NaN"),
        ({f"model.diffusion_model.{joined}": torch.ones(6, 32)}, r"attn\.to_[qkv]\.weight has shape \(2, 32\)"),
    ):
        save_file(state | changes, file, about)
        with pytest.raises(UserError, match=rf"^{file}: .*{problem}"):
            load_comfyui(file)


@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
def test_diffusers_loads_an_exported_lora_onto_the_base(dora: bool, tmp_path: Path) -> None:
    transformer, options = base(SD3), LoraConfig(rank=2, alpha=6.0, dora=dora, targets="base")
    editor, plain = (models.build("channel_concat", transformer) for _ in range(2))
    add_adapters(editor, options, seed=0)
    with torch.no_grad():
        for name, parameter in editor.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    save_adapters(editor, options, describe_editor(editor, Path("base"), transformer, {}), tmp_path / ADAPTER_FOLDER)
    export_lora(tmp_path, tmp_path / "lora.safetensors", torch.float32)
    write_trained(editor, plain, options)
    transformer.load_lora_adapter(load_file(tmp_path / "lora.safetensors"), prefix="transformer")
    transformer.fuse_lora()
    for name in ("attn.to_q", "ff.net.2"):
        mine = plain.base.transformer_blocks[1].get_submodule(name).weight
        theirs = transformer.transformer_blocks[1].get_submodule(name).base_layer.weight
        torch.testing.assert_close(mine, theirs)
        assert not torch.equal(mine, base(SD3).transformer_blocks[1].get_submodule(name).weight)
