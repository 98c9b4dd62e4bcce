"""Tests for `omniedit edit`: it edits every readable image, overwrites only on request, and keeps EXIF data."""

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest
import torch
from safetensors.torch import load_file, save, save_file

from helpers.photo_edits import SETTINGS, edit
from omniedit.cli import main as cli
from omniedit.cli.edit import Settings, check_instruction, edit_files
from omniedit.errors import UserError
from omniedit.models.loading import load_editor


def test_unreadable_images_of_a_folder_are_reported_and_the_others_edited(
    photos: Path, editor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="1 of 3 images were not edited"):
        edit([photos], editor, tmp_path / "out")
    assert "broken.webp: not edited: not a jpeg, png, webp, tiff image" in capsys.readouterr().out
    edits = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert edits == {"a.jpg", "deep/b.png"}


def test_existing_files_are_replaced_only_with_overwrite(photos: Path, editor: Path) -> None:
    edit([photos / "a.jpg"], editor)
    made = photos / "a.edited.jpg"
    first = made.read_bytes()
    with pytest.raises(UserError, match=r"a\.edited\.jpg: already exists .* --overwrite"):
        edit([photos / "a.jpg"], editor)
    made.write_bytes(b"old")
    edit([photos / "a.jpg"], editor, overwrite=True)
    assert made.read_bytes() == first


@pytest.mark.parametrize(
    ("inputs", "out", "message"),
    [
        (["absent.jpg"], None, r"absent\.jpg: no such file or folder"),
        (["a.jpg"], "x.gif", r"x\.gif: unknown image format; use one of \.jpg"),
        (["deep", "twin"], "out", r"b\.png: its edit would overwrite another one at .*out/b\.png"),
        (["empty"], "out", r"empty: has no \.jpg"),
        (["a.jpg"], "photos/broken.webp/x.png", r"broken\.webp/x\.png: cannot be written: "),
    ],
)
def test_invalid_inputs_are_reported_before_the_model_is_loaded(
    photos: Path, tmp_path: Path, inputs: list[str], out: str | None, message: str
) -> None:
    (photos / "empty").mkdir()
    shutil.copytree(photos / "deep", photos / "twin")
    with pytest.raises(UserError, match=message):
        edit([photos / name for name in inputs], tmp_path / "no model", out and tmp_path / out)


def test_a_folder_without_an_editor_is_named(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no editor to load"):
        edit([photos / "a.jpg"], tmp_path / "empty")


def broken_copy(editor: Path, folder: Path) -> Path:
    return shutil.copytree(editor, folder / "broken")


def test_folder_of_a_base_is_rejected(photos: Path, editor: Path, tmp_path: Path) -> None:
    folder = broken_copy(editor, tmp_path)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": "StableDiffusion3Pipeline"}))
    with pytest.raises(UserError, match=r"broken: no editor to load .a StableDiffusion3Pipeline, not an EditPipeline"):
        edit([photos / "a.jpg"], folder)
    (folder / "model_index.json").write_text(json.dumps(index))
    config = json.loads((folder / "transformer/config.json").read_text())
    (folder / "transformer/config.json").write_text(json.dumps(config | {"_class_name": "SD3Transformer2DModel"}))
    with pytest.raises(UserError, match="transformer: is a SD3Transformer2DModel, expected EditNet or"):
        edit([photos / "a.jpg"], folder)


def test_pickled_weights_are_not_read(photos: Path, editor: Path, tmp_path: Path) -> None:
    folder = broken_copy(editor, tmp_path)
    weights = folder / "transformer/diffusion_pytorch_model.safetensors"
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(UserError, match=r"only diffusion_pytorch_model\.bin, which could run code"):
        edit([photos / "a.jpg"], folder)


def test_editor_with_nan_weights_is_rejected(photos: Path, editor: Path, tmp_path: Path) -> None:
    folder = broken_copy(editor, tmp_path)
    weights = folder / "transformer/diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["control_blocks.0.to_image.bias"][3] = float("nan")
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"control_blocks\.0\.to_image\.bias has NaN or infinite values"):
        edit([photos / "a.jpg"], folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("text_encoder/model.safetensors", b"", "text_encoder: cannot be loaded"),
        ("scheduler/scheduler_config.json", b'{"num_train_timesteps": 0}', "no editor to load"),
        (
            "transformer/diffusion_pytorch_model.safetensors",
            save({"x": torch.ones(1)}),
            "has no weights for",
        ),
    ],
)
def test_a_damaged_part_of_an_editor_gives_one_line(
    editor: Path, tmp_path: Path, file: str, content: bytes, message: str
) -> None:
    folder = broken_copy(editor, tmp_path)
    (folder / file).write_bytes(content)
    with pytest.raises(UserError, match=rf"^{folder}.*{message}"):
        load_editor(folder, "cpu")


def test_editor_without_a_vocabulary_is_rejected(photos: Path, editor: Path, tmp_path: Path) -> None:
    folder = broken_copy(editor, tmp_path)
    (folder / "tokenizer/tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"broken/tokenizer: no tokenizer \(no tokenizer.json or vocab.txt"):
        edit([photos / "a.jpg"], folder)


def test_pipes_and_sockets_are_skipped_without_waiting(
    photos: Path, editor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Try a named pipe, a socket and a link to a device. A link to itself counts as a broken file."""
    (photos / "broken.webp").unlink()
    os.mkfifo(photos / "pipe.png")
    (photos / "device.png").symlink_to("/dev/zero")
    (photos / "loop.png").symlink_to("loop.png")
    (photos / "deep/round").symlink_to(photos)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(photos / "bound.png"))
        with pytest.raises(UserError, match="1 of 3 images were not edited"):
            edit([photos], editor, tmp_path / "out")
        printed = capsys.readouterr().out
        for name, kind in (("pipe", "a named pipe"), ("bound", "a socket"), ("device", "a device")):
            assert f"{name}.png: skipped: {kind}, not a file" in printed
            with pytest.raises(UserError, match=f"{name}.png: {kind}, not an image file"):
                edit([photos / f"{name}.png"], editor)
    assert "loop.png: not edited: " in printed
    assert (tmp_path / "out/a.jpg").is_file() and (tmp_path / "out/deep/b.png").is_file()


def test_each_stage_of_a_large_image_is_reported(
    photos: Path, editor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit([photos / "a.jpg"], editor, tmp_path / "small.jpg")
    assert "megapixels" not in capsys.readouterr().out
    monkeypatch.setattr("omniedit.cli.edit.LARGE_PIXELS", 40 * 60 - 1)
    edit([photos / "a.jpg"], editor, tmp_path / "large.jpg")
    printed = [line for line in capsys.readouterr().out.splitlines() if "megapixels" in line]
    assert all(line.startswith(f"{photos / 'a.jpg'}: 40 x 60 (0 megapixels): ") for line in printed)
    stages = [line.rpartition(": ")[2] for line in printed]
    assert stages == ["reading", "editing", "resizing the edit to full size", "writing"]


def test_unknown_instruction_is_reported_with_the_edit(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Use the shipped editor, which has a vocabulary."""
    settings = replace(SETTINGS, instruction="Mach es Nacht.", steps=None)
    edit_files([photos / "a.jpg"], tmp_path / "a.png", False, None, "cpu", settings)
    printed = capsys.readouterr().out
    assert (
        f"{photos / 'a.jpg'}: instruction: 'Mach es Nacht.' is unlike the instructions of the editor's training"
        in printed
    )
    assert (tmp_path / "a.png").is_file()


def test_excessive_guidance_writes_no_image(photos: Path, editor: Path, tmp_path: Path) -> None:
    settings = Settings("Add fog.", "", 2, 1e30, 1.0, 0)
    with pytest.raises(UserError, match="1 of 1 images were not edited"):
        edit_files([photos / "a.jpg"], tmp_path / "a.png", False, editor, "cpu", settings)
    assert not (tmp_path / "a.png").exists()


def test_missing_gpu_is_reported(photos: Path, editor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_cuda(*_: object, device: torch.device) -> torch.Tensor:
        raise AssertionError("Torch not compiled with CUDA enabled")

    monkeypatch.setattr(torch, "zeros", no_cuda)
    with pytest.raises(UserError, match=r"--device cuda: not on this machine .Torch not compiled with CUDA enabled"):
        edit_files([photos / "a.jpg"], None, False, editor, "cuda", SETTINGS)


def test_names_with_control_characters_are_printed_without_them(
    photos: Path, editor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "a.jpg").rename(photos / "a\x1b[31m\n.jpg")
    (photos / "b\a.png").write_text("no image")
    (photos / "c.\x1b[2J").touch()
    monkeypatch.setattr("omniedit.cli.edit.edit_image", lambda pipeline, image, *_: image)
    with pytest.raises(UserError):
        edit([photos], editor, tmp_path / "out")
    printed = capsys.readouterr().out
    assert "a [31m .jpg -> " in printed and "b .png: not edited" in printed and ". [2j" in printed
    assert all(line.isprintable() for line in printed.splitlines())


def test_other_images_are_edited_if_one_exceeds_the_memory(
    photos: Path, editor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def scarce(pipeline: object, image: PIL.Image.Image, *_: object) -> PIL.Image.Image:
        if image.width == 60:
            raise torch.OutOfMemoryError("tried to allocate\n9 GiB")
        return image

    monkeypatch.setattr("omniedit.cli.edit.edit_image", scarce)
    with pytest.raises(UserError, match="2 of 3 images were not edited"):
        edit([photos], editor, tmp_path / "out")
    assert "b.png: not edited: tried to allocate 9 GiB" in capsys.readouterr().out
    assert (tmp_path / "out/a.jpg").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.jpg", " "], "instruction: empty; say what to change"),
        (["a.jpg", "\u200b\u202e"], "instruction: empty; say what to change"),
        (["a.jpg", "deep/b.png"], "instruction: deep/b.png is a file; the instruction comes after all images"),
        (
            ["a.jpg", "Fog.", "--seed", "99999999999999999999"],
            "argument --seed: '99999999999999999999' is not valid; give a whole",
        ),
        (["a.jpg", "Fog.", "--seed", "-1"], "argument --seed: '-1' is not valid; give a whole number, 0 to"),
        (["a.jpg", "Fog.", "--guidance", "nan"], "argument --guidance: 'nan' is not valid; give a number, 0 or"),
        (["a.jpg", "Fog.", "--image-guidance", "inf"], "argument --image-guidance: 'inf'"),
        (["a.jpg", "Fog.", "--guidance", "-2"], "argument --guidance: '-2'"),
        (["a.jpg", "Fog.", "--steps", "0"], "argument --steps: '0' is not valid; give a whole number, 1 to 1000"),
        (["a.jpg", "Fog.", "--device", "abacus"], "--device abacus: not on this machine"),
    ],
)
def test_invalid_arguments_give_one_line(
    photos: Path, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(photos)
    monkeypatch.setattr("sys.argv", ["omniedit", "edit", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2 and message in capsys.readouterr().err.splitlines()[-1]


def test_long_instruction_is_not_taken_for_a_file(photos: Path) -> None:
    check_instruction("Make it night. " * 300)


def test_the_command_edits(photos: Path, editor: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    command = [Path(sys.executable).with_name("omniedit"), "edit", photos / "a.jpg", "make it snow", "--model", editor]
    done = subprocess.run([*command, "--steps", "1", "-o", out], capture_output=True, text=True)
    assert done.returncode == 0 and out.is_file() and f"a.jpg -> {out}" in done.stdout, done.stderr
