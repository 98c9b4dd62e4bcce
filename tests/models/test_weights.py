"""Tests that every loader refuses files whose weights are not those of the network, in one line with file and name."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from helpers.tiny_models import SD3, base
from helpers.tiny_vlm import SIDE, make_llava
from omniedit import models
from omniedit.config.fitting import LoraConfig
from omniedit.errors import UserError
from omniedit.models.adapter_folder import ADAPTER_FOLDER, build_from_adapters, describe_editor, save_adapters
from omniedit.models.encoders.reader import Reader, load_reader
from omniedit.models.export import export_comfyui, export_lora, load_comfyui
from omniedit.models.lora import add_adapters
from omniedit.models.pipeline import EditPipeline
from omniedit.models.weights import check_state, load_network

State = dict[str, Tensor]
CHANGES: dict[str, tuple[Callable[[State, str], object], str]] = {
    "missing": (lambda state, name: state.pop(name), r"has no weights for {} \(1 missing in all\)"),
    "unknown": (lambda state, name: state.update({f"{name}_more": torch.ones(2)}), r"[\w.]+ has no {}_more"),
    "shape": (lambda state, name: state.update({name: torch.ones(3, 1)}), r"{} has shape \(3, 1\), but \w+ needs"),
}


@pytest.fixture(params=CHANGES)
def damage(request: pytest.FixtureRequest) -> Iterator[Callable[[Path, str], str]]:
    """Return a function that damages one weight of a file and returns the pattern of the expected error."""
    whole: dict[Path, bytes] = {}

    def change(file: Path, name: str) -> str:
        whole[file] = file.read_bytes()
        alter, message = CHANGES[request.param]
        state = load_file(file)
        alter(state, name)
        save_file(state, file, {"format": "pt"})
        return f"^{re.escape(str(file))}: {message.format(re.escape(name))}[^\n]*$"

    yield change
    for file, content in whole.items():
        file.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("text_encoder/model.safetensors", "encoder.layer.0.output.dense.bias"),
        ("transformer/diffusion_pytorch_model.safetensors", "control_blocks.0.to_image.bias"),
        ("vae/diffusion_pytorch_model.safetensors", "analysis"),
    ],
)
def test_an_editor_with_one_wrong_weight_is_refused(
    file: str, name: str, editor_folder: Path, damage: Callable[[Path, str], str], capfd: pytest.CaptureFixture[str]
) -> None:
    expected = damage(editor_folder / file, name)
    with pytest.raises(UserError, match=expected):
        EditPipeline.from_pretrained(editor_folder)
    assert "newly initialized" not in capfd.readouterr().err


def test_a_part_that_the_caller_gives_is_not_checked(editor_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(editor_folder, tmp_path / "editor")
    part = EditPipeline.from_pretrained(folder).transformer
    (folder / "transformer/diffusion_pytorch_model.safetensors").write_bytes(b"")
    assert EditPipeline.from_pretrained(folder, transformer=part).transformer is part


def test_weights_that_the_class_leaves_out_or_computes_are_ignored(editor_folder: Path, tmp_path: Path) -> None:
    """Check a head that the class does not have, and positions that earlier releases of transformers stored."""
    folder = shutil.copytree(editor_folder / "text_encoder", tmp_path / "part")
    state = load_file(folder / "model.safetensors")
    state |= {"head.weight": torch.ones(2), "embeddings.position_ids": torch.arange(512)[None]}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    kind = type(EditPipeline.from_pretrained(editor_folder).text_encoder)
    load_network(kind, folder, left_out="^head")
    with pytest.raises(UserError, match=r"BertModel has no head\.weight \(1 unknown"):
        load_network(kind, folder)


@pytest.fixture(scope="module")
def adapter_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an editor with adapters in its base and its control branch."""
    folder, options = tmp_path_factory.mktemp("adapter_run"), LoraConfig(rank=2, targets="both", dora=True)
    editor, transformer = models.build("editnet", base(SD3)), base(SD3)
    add_adapters(editor, options, seed=0)
    save_adapters(editor, options, describe_editor(editor, Path("base"), transformer, {}), folder / ADAPTER_FOLDER)
    return folder


@pytest.mark.parametrize("layer", ["base.transformer_blocks.0.attn.to_q", "control_blocks.1.block.ff.net.2"])
@pytest.mark.parametrize("factor", ["lora_A.weight", "lora_magnitude_vector.weight"])
def test_adapters_with_one_wrong_weight_are_refused(
    layer: str, factor: str, adapter_run: Path, damage: Callable[[Path, str], str]
) -> None:
    build_from_adapters(adapter_run, base(SD3))
    expected = damage(adapter_run / ADAPTER_FOLDER / "adapter_model.safetensors", f"base_model.model.{layer}.{factor}")
    with pytest.raises(UserError, match=expected.replace("base_model\\.model\\.", "")):
        build_from_adapters(adapter_run, base(SD3))


@pytest.mark.parametrize(
    ("file", "name", "merged"),
    [
        ("trained.safetensors", "control_blocks.0.to_image.bias", "control_blocks.0.to_image.bias"),
        (
            "adapter_model.safetensors",
            "base_model.model.control_blocks.1.block.ff.net.2.lora_B.weight",
            "control_blocks.1.block.ff.net.2.weight",
        ),
    ],
)
def test_adapters_with_nan_are_refused(file: str, name: str, merged: str, adapter_run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(adapter_run, tmp_path / "editor")
    state = load_file(folder / ADAPTER_FOLDER / file)
    save_file(state | {name: torch.full_like(state[name], torch.nan)}, folder / ADAPTER_FOLDER / file)
    with pytest.raises(UserError, match=rf"^{folder}: {re.escape(merged)} has NaN or infinite values"):
        build_from_adapters(folder, base(SD3))


def test_an_incomplete_adapter_is_not_exported(adapter_run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(adapter_run, tmp_path / "editor")
    file, name = folder / ADAPTER_FOLDER / "adapter_model.safetensors", "control_blocks.1.block.ff.net.2.lora_B.weight"
    state = load_file(file)
    save_file({key: value for key, value in state.items() if not key.endswith(name)}, file)
    with pytest.raises(UserError, match=rf"^{file}: has no weights for {name} \(1 missing in all\)"):
        export_lora(folder, tmp_path / "lora.safetensors", torch.float32)


@pytest.mark.parametrize("name", ["control_blocks.0.to_image.bias", "condition_embed.proj.weight"])
def test_trained_weights_beside_adapters_are_complete(
    name: str, adapter_run: Path, damage: Callable[[Path, str], str]
) -> None:
    expected = damage(adapter_run / ADAPTER_FOLDER / "trained.safetensors", name)
    with pytest.raises(UserError, match=expected):
        build_from_adapters(adapter_run, base(SD3))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "name",
    ["model.diffusion_model.joint_blocks.0.x_block.mlp.fc1.bias", "control_model.control_blocks.0.to_image.bias"],
)
def test_a_comfyui_file_with_one_wrong_weight_is_refused(name: str, change: str, tmp_path: Path) -> None:
    file = tmp_path / "editor.safetensors"
    export_comfyui(models.build("editnet", base(SD3)), file, torch.float32)
    with safe_open(file, "pt") as opened:
        about = opened.metadata()
    state = load_file(file)
    CHANGES[change][0](state, name)
    save_file(state, file, about)
    with pytest.raises(UserError, match=rf"^{file}: [^\n]*; export the editor again$"):
        load_comfyui(file)


def test_a_reader_with_one_wrong_weight_is_refused(tmp_path: Path, damage: Callable[[Path, str], str]) -> None:
    reader = Reader.load(str(make_llava(tmp_path / "llava")), SIDE, image_tokens=3)
    (tmp_path / "reader").mkdir()
    reader.save(tmp_path / "reader")
    load_reader(tmp_path / "reader")
    file = tmp_path / "reader/adapter/adapter_model.safetensors"
    expected = damage(file, next(name for name in load_file(file) if "lora_B" in name))
    with pytest.raises(UserError, match=expected):
        load_reader(tmp_path / "reader")


def test_a_state_of_the_right_names_and_shapes_passes() -> None:
    check_state(Path("file"), {"a": torch.ones(2)}, {"a": torch.zeros(2)}, "Network")
