"""Tests of references and tasks in a pipeline's call, and on the command line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.tiny_editor import make_pipeline
from helpers.tiny_models import move_weights
from omniedit.cli import main as cli
from omniedit.models.conditions import SupportedConditions
from omniedit.models.pipeline import EditPipeline
from omniedit.models.pipeline_conditions import call_arguments, encode_references, match_conditions


@pytest.fixture(scope="module")
def pipeline() -> EditPipeline:
    made = make_pipeline("editnet_routed")
    move_weights(made.transformer)
    return made


@pytest.fixture(scope="module")
def folder(pipeline: EditPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("routed")
    pipeline.save_pretrained(folder)
    return folder


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8))


def edit(pipeline: EditPipeline, images: Any, **more: Any) -> list[np.ndarray]:
    noise = [torch.Generator().manual_seed(7) for _ in (images if isinstance(images, list) else [images])]
    scales = {"guidance_scale": 1.5, "image_guidance_scale": 1.5}
    return pipeline(images, "Add it.", 2, generator=noise, output_type="np", **scales, **more).images


def test_references_and_task_change_only_the_edit_of_their_image(pipeline: EditPipeline) -> None:
    image, one, two = photo(64, 48), photo(30, 70, 1), photo(90, 20, 2)
    plain, both, task = (
        edit(pipeline, image, **more)[0] for more in ({}, {"references": [one, two]}, {"task": "remove"})
    )
    assert not np.allclose(plain, both, atol=1e-3) and not np.allclose(plain, task, atol=1e-3)
    together = edit(pipeline, [image] * 3, references=[[], [one, two], []], task=[None, None, "remove"])
    for alone, joint in zip((plain, both, task), together, strict=True):
        np.testing.assert_allclose(joint, alone, atol=1e-3)


def test_references_may_be_shared_by_all_images(pipeline: EditPipeline) -> None:
    images, reference = [photo(64, 48), photo(48, 64, 1)], photo(20, 20, 2)
    shared = edit(pipeline, images, references=[reference])
    each = edit(pipeline, images, references=[[reference], [reference]])
    assert all(np.array_equal(one, other) for one, other in zip(shared, each, strict=True))


def test_a_reference_is_scaled_to_the_source_without_cropping(pipeline: EditPipeline) -> None:
    like = torch.zeros(1, 16, 6, 8)
    flat = Image.new("RGB", (10, 200), (127, 127, 127))
    grey = encode_references(pipeline.vae, [Image.new("RGB", (64, 48), (127, 127, 127))], like)
    torch.testing.assert_close(encode_references(pipeline.vae, [flat], like), grey)
    assert encode_references(pipeline.vae, [], like).shape == (0, *like.shape[1:])


@pytest.mark.parametrize(
    ("references", "task", "message"),
    [
        ([[1], [2], [3]], None, "2 images, 3 lists of references"),
        ([[1], 2], None, "2 images, 2 lists of references"),
        (None, "remov", "'remov' is not one of this editor's: remove, add"),
        (None, ["remove"] * 3, "2 images, 3 tasks"),
    ],
)
def test_mismatched_conditions_raise_an_error(references: Any, task: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        match_conditions(references, task, 2, SupportedConditions(True, ("remove", "add")))


@pytest.fixture(scope="module")
def apprentice() -> EditPipeline:
    made = make_pipeline("editnet_demos_cross")
    move_weights(made.transformer)
    return made


def test_captions_change_only_the_edits_of_their_references(apprentice: EditPipeline) -> None:
    image, one, two = photo(64, 48), photo(30, 70, 1), photo(90, 20, 2)
    plain = edit(apprentice, image, references=[one, two])[0]
    captioned = edit(apprentice, image, references=[one, two], reference_captions=["a red duck", None])[0]
    other = edit(apprentice, image, references=[one, two], reference_captions=["", "a red duck"])[0]
    assert not np.allclose(plain, captioned, atol=1e-3) and not np.allclose(captioned, other, atol=1e-3)
    together = edit(
        apprentice,
        [image] * 3,
        references=[[one, two], [one, two], []],
        reference_captions=[[], ["a red duck", ""], []],
    )
    for alone, joint in zip((plain, captioned, edit(apprentice, image)[0]), together, strict=True):
        np.testing.assert_allclose(joint, alone, atol=1e-3)


def test_mismatched_captions_raise_an_error(apprentice: EditPipeline) -> None:
    with pytest.raises(ValueError, match=r"reference_captions: 1 references, 2 captions; give one for each"):
        match_conditions([1], None, 1, apprentice.takes, ["a duck", "a cow"])
    with pytest.raises(ValueError, match=r"takes no captions .*; give an editor .* editnet_demos_cross"):
        match_conditions([1], None, 1, SupportedConditions(references=True), ["a duck"])
    assert call_arguments(apprentice.takes, [[1]], ["add"], [["a duck"]]) == {
        "references": [[1]],
        "reference_captions": [["a duck"]],
    }


def test_too_many_demonstrations_raise_an_error_before_any_is_encoded(apprentice: EditPipeline) -> None:
    with pytest.raises(ValueError, match="references: 17 images, but this editor takes at most 16"):
        match_conditions([[1] * 17, [1]], None, 2, apprentice.takes)
    assert len(match_conditions([1] * 17, None, 1, SupportedConditions(references=True))[0].references) == 17


def test_the_command_edits_with_several_demonstrations_and_their_captions(
    apprentice: EditPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    apprentice.save_pretrained(tmp_path / "editor")
    for number in range(3):
        photo(64, 48, seed=number).save(tmp_path / f"{number}.png")
    command = ["omniedit", "edit", str(tmp_path / "0.png"), "Add it.", "--model", str(tmp_path / "editor")]
    command += ["--steps", "2", "--reference", str(tmp_path / "1.png"), "--reference", str(tmp_path / "2.png")]
    captions = ["--reference-caption", "a duck", "--reference-caption", "a duck in snow"]
    edits = []
    for more in ([], captions):
        monkeypatch.setattr("sys.argv", [*command, *more, "-o", str(tmp_path / f"out{len(more)}.png")])
        cli.main()
        edits.append(np.asarray(Image.open(tmp_path / f"out{len(more)}.png")))
    assert (edits[0] != edits[1]).any()
    assert "also the image to edit" not in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", [*command, "--reference", str(tmp_path / "0.png"), "-o", str(tmp_path / "y.png")])
    cli.main()
    assert f"--reference {tmp_path / '0.png'}: also the image to edit" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", [*command, *captions[:2], "-o", str(tmp_path / "x.png")])
    with pytest.raises(SystemExit):
        cli.main()
    assert "--reference-caption: 2 references, 1 captions" in capsys.readouterr().err


def test_an_editor_without_references_raises_an_error_with_the_remedy() -> None:
    for given in ({"references": [photo(8, 8)]}, {"task": "remove"}):
        arguments = {"references": None, "task": None} | given
        with pytest.raises(ValueError, match=r"this editor takes no .*; give an editor .* editnet_routed .*, or omit"):
            match_conditions(**arguments, count=1, takes=SupportedConditions())
    assert call_arguments(SupportedConditions(), [[1]], ["remove"]) == {}
    assert call_arguments(SupportedConditions(True, ("add",)), [[1], []], ["remove", "add"]) == {
        "references": [[1], []],
        "task": [None, "add"],
    }


def test_the_command_edits_with_references_and_a_task(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, size in (("photo", (64, 48)), ("a", (30, 40)), ("b", (40, 20))):
        photo(*size, seed=len(name)).save(tmp_path / f"{name}.png")
    command = ["omniedit", "edit", str(tmp_path / "photo.png"), "Add it.", "--model", str(folder), "--steps", "2"]
    shown = ["--reference", str(tmp_path / "a.png"), "--reference", str(tmp_path / "b.png")]
    edits = []
    for more in ([], shown, [*shown, "--task", "remove"]):
        out = tmp_path / f"out{len(more)}.png"
        monkeypatch.setattr("sys.argv", [*command, "-o", str(out), *more])
        cli.main()
        edits.append(np.asarray(Image.open(out)))
    assert (edits[0] != edits[1]).any() and (edits[1] != edits[2]).any()
    for more, message in (
        (["--reference", str(tmp_path / "none.png")], "none.png: cannot be read: no such file"),
        (["--task", "remov"], "--task: 'remov' is not one of this editor's"),
    ):
        monkeypatch.setattr("sys.argv", [*command, "-o", str(tmp_path / "x.png"), *more])
        with pytest.raises(SystemExit):
            cli.main()
        assert message in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()
