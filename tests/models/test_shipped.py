"""Tests of the shipped editor: it is small, complete, and right on easy edits of held-out photos."""

import json
import warnings
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
import torch

from benchmarks.ablation.ship import known_instructions
from omniedit.grounding.masks import box_mask
from omniedit.imaging.color import image_to_lab
from omniedit.imaging.images import Image, Mask, decode_image, resize_cover
from omniedit.models import build
from omniedit.models.editor import to_velocity
from omniedit.models.loading import load_base, load_editor
from omniedit.models.pipeline import EditPipeline, InstructionWarning
from omniedit.models.shipped import FOLDER
from omniedit.models.text import WIDTH
from omniedit.scoring.reference.environments import Light, light
from omniedit.sources.photo_index import SAMPLE


@pytest.fixture(scope="module")
def editor() -> EditPipeline:
    pipeline = load_editor(device="cpu")
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def photo() -> Image:
    return cv2.resize(sample("mountain_meadow"), (360, 270), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def dandelion() -> Image:
    """Return a held-out photo, as `photo` does."""
    return cv2.resize(sample("dandelion"), (180, 320), interpolation=cv2.INTER_AREA)


def sample(name: str) -> Image:
    path = SAMPLE / f"{name}.jpg"
    return decode_image(path.read_bytes(), path.name)


def edit_photo(editor: EditPipeline, photo: Image, instruction: str) -> Image:
    given = PIL.Image.fromarray(photo)
    answer = editor(image=given, instruction=instruction, generator=torch.Generator().manual_seed(0)).images[0]
    assert answer.size == given.size
    return np.asarray(answer)


@pytest.mark.parametrize(
    "instruction, is_right",
    [
        ("Make it night.", lambda before, after: after.lightness < 0.7 * before.lightness),
        ("Add thick fog.", lambda before, after: after.contrast < 0.8 * before.contrast),
        ("Make it sunset.", lambda before, after: after.warmth > before.warmth + 5),
        ("Make it black and white.", lambda before, after: after.chroma < 0.4 * before.chroma),
    ],
)
def test_easy_edits_succeed(editor, photo, instruction, is_right):
    before, after = (mean_lightness(image) for image in (photo, edit_photo(editor, photo, instruction)))
    assert is_right(before, after), (before, after)


@pytest.mark.parametrize(
    "instruction, channel, sign", [("Make the dandelion blue.", 2, -1), ("Paint the dandelion green.", 1, -1)]
)
def test_recoloured_object_changes_and_its_surroundings_mostly_stay(editor, dandelion, instruction, channel, sign):
    moved = sign * (image_to_lab(edit_photo(editor, dandelion, instruction)) - image_to_lab(dandelion))[..., channel]
    inside = dandelion_in(dandelion)
    assert moved[inside].mean() > 20 and moved[~inside].mean() < moved[inside].mean() / 2


@pytest.mark.parametrize("place, name", [("a rocky path", "rocky_path"), ("a hill at sunrise", "sunrise_hill")])
def test_new_background_appears_behind_the_object(editor, dandelion, place, name):
    """Compare blurred images, because the editor cannot draw the background's detail."""
    answer = edit_photo(editor, dandelion, f"Change the background to {place}.")
    background = resize_cover(sample(name), dandelion.shape[1], dandelion.shape[0])
    inside = dandelion_in(dandelion)
    assert apart(answer, background, ~inside) < 0.3 * apart(dandelion, background, ~inside)
    assert apart(answer, dandelion, inside) < 0.6 * apart(background, dandelion, inside)


def apart(one: Image, other: Image, where: Mask) -> float:
    soft = [cv2.GaussianBlur(image.astype(np.float32), (0, 0), 10) for image in (one, other)]
    return float(np.square(soft[0] - soft[1]).mean(axis=-1)[where].mean())


def dandelion_in(photo: Image) -> Mask:
    """Return the dandelion's box as a mask, from the index of the sample."""
    (row,) = (row for line in (SAMPLE / "sample.jsonl").open() if (row := json.loads(line))["id"] == "dandelion")
    return box_mask(row["objects"][0]["box"], photo.shape[:2])


def mean_lightness(image: Image) -> Light:
    return light(image_to_lab(image))


def test_untrained_editor_matches_the_shipped_base():
    base = load_base(Path("shipped"))
    torch.manual_seed(0)
    noisy, condition = torch.randn(2, 1, base.transformer.config.in_channels, 16, 16)
    prompt, pooled, timestep = torch.randn(1, 8, WIDTH), torch.randn(1, WIDTH), torch.tensor([700.0])
    editor = build("editnet", base.transformer, base.prediction_type)
    with torch.no_grad():
        own = base.transformer(noisy, prompt, pooled, timestep, return_dict=False)[0]
        velocity = to_velocity(own, noisy, timestep, base.prediction_type)
        assert torch.equal(editor(noisy, timestep, prompt, pooled, condition), velocity)


def test_shipped_editor_is_small_and_has_a_model_card():
    files = [path for path in Path(FOLDER).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 30e6
    assert "Success" in (FOLDER / "README.md").read_text()


INSTRUCTIONS = json.loads(Path(__file__).with_name("instructions.json").read_text())
"""Instructions by people who know the editor's tasks, and some it cannot follow; none is in `known_instructions`."""


@pytest.mark.parametrize("texts", INSTRUCTIONS.values(), ids=list(INSTRUCTIONS))
def test_instructions_the_editor_cannot_understand_are_reported(
    editor: EditPipeline, texts: dict[str, list[str]]
) -> None:
    """Check the shares of reported instructions that docs/editing.md gives."""
    shares = {kind: share_reported(editor, of_kind) for kind, of_kind in texts.items()}
    assert shares["understood"] <= 0.08
    assert shares["misspelt"] >= 0.9 and shares["in_other_languages"] == 1 and shares["of_tasks_never_learned"] >= 0.5


def share_reported(editor: EditPipeline, texts: list[str]) -> float:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InstructionWarning)
        for text, pooled_D in zip(texts, editor._text.encode(texts)[1], strict=True):
            editor._warn_of_unknown(text, pooled_D)
    assert all("is unlike the instructions of the editor's training (nearest: '" in str(one.message) for one in caught)
    return len(caught) / len(texts)


def test_only_unknown_instructions_warn(editor: EditPipeline, photo: Image) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", InstructionWarning)
        editor(PIL.Image.fromarray(photo), "Add some fog to the picture")
    with pytest.warns(InstructionWarning, match="'Mach es Nacht.' is unlike the"):
        editor(PIL.Image.fromarray(photo), "Mach es Nacht.")
    for empty in ("", " \u200b\n"):
        with pytest.warns(InstructionWarning, match="instruction: empty"):
            editor._warn_of_unknown(empty, torch.zeros(384))


def test_known_instructions_match_those_written_by_ship(editor: EditPipeline) -> None:
    assert editor.config["known_instructions"] == known_instructions()
