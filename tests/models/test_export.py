"""Tests that exported files have the layouts of their readers, and that editors come back from them."""

from pathlib import Path

import pytest
import torch
from diffusers.loaders.single_file_utils import convert_sd3_transformer_checkpoint_to_diffusers
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
    about = {"format": FORMAT, "class": "os:system", "config": "{}"}
    save_file({"x": torch.ones(1)}, tmp_path / "editor.safetensors", about)
    with pytest.raises(UserError, match="os:system: not an editor of this version"):
        load_comfyui(tmp_path / "editor.safetensors")
    with pytest.raises(UserError, match=r"no adapters; train the editor with train\.lora\.rank"):
        export_lora(tmp_path, tmp_path / "lora.safetensors", torch.float32)


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
