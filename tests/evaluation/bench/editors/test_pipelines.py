"""Tests of diffusers' pipelines as editors, with tiny random weights."""

import inspect
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest

from helpers.small_bench import noise, small_item
from helpers.tiny_pipelines import MAKERS, make_pipeline
from omniedit.errors import UserError
from omniedit.evaluation.bench.editors.editor import EditFailure, ItemRequest
from omniedit.evaluation.bench.editors.entries import DiffusersEntry, Entry, read_entries
from omniedit.evaluation.bench.editors.pipelines import Pipeline, pipeline_class
from omniedit.pairs import Captions

ENTRIES = {name: entry for name, entry in read_entries().items() if isinstance(entry, DiffusersEntry)}
QUICK = {"num_inference_steps": 2}
FEW = {"num_inference_steps": 4}


def quick_entry(name: str) -> DiffusersEntry:
    """Return an entry of config/editors.yaml with few steps."""
    entry = ENTRIES[name]
    is_diffedit = entry.method == "diffedit"
    changes: dict[str, Any] = {"arguments": entry.arguments | (FEW if is_diffedit else QUICK)}
    changes |= {"mask_arguments": entry.mask_arguments | FEW | {"num_maps_per_mask": 1}} if is_diffedit else {}
    if name == "flux_kontext":  # by itself it works at a megapixel
        changes["arguments"] |= {"_auto_resize": False, "max_area": 64 * 64}
    changes |= {"invert_arguments": entry.invert_arguments | FEW} if is_diffedit else {}
    return entry.model_copy(update=changes)


def requests(count: int = 2, **changes: Any) -> list[ItemRequest]:
    return [ItemRequest(small_item(number, **changes), noise(number, 64, 64), 10 + number) for number in range(count)]


@pytest.mark.parametrize("name", ENTRIES)
def test_the_installed_diffusers_takes_every_argument(name: str) -> None:
    entry: DiffusersEntry = ENTRIES[name]
    kind = pipeline_class(entry.class_name)
    call = set(inspect.signature(kind.__call__).parameters)
    given = {entry.prompt, *entry.arguments, *([entry.image] if entry.image else [])}
    given |= {"height", "width"} if entry.wants_size else set()
    given |= {"generator"} if entry.wants_generator else set()
    assert given <= call
    if entry.method == "diffedit":
        assert set(entry.mask_arguments) <= set(inspect.signature(kind.generate_mask).parameters)
        assert set(entry.invert_arguments) <= set(inspect.signature(kind.invert).parameters)


@pytest.mark.parametrize("name", ENTRIES)
def test_the_installed_diffusers_has_every_scheduler(name: str) -> None:
    for given in ENTRIES[name].schedulers.values():
        kind = getattr(diffusers, given["class"])
        known = set(inspect.signature(kind.__init__).parameters) | {"class", "from_config"}
        assert set(given) <= known


@pytest.mark.parametrize("name", ["instruct_pix2pix", "sdedit", "sdedit_sd3", "cosxl_edit", "flux_kontext", "diffedit"])
def test_an_edit_depends_only_on_its_request(name: str) -> None:
    entry = quick_entry(name)
    editor = Pipeline(entry, "cpu", make_pipeline(entry.class_name))
    both = requests()
    together = editor.edit(both)
    assert all(isinstance(image, np.ndarray) and image.dtype == np.uint8 for image in together), together
    again = editor.edit([both[1]])[0]
    assert isinstance(again, np.ndarray) and again.shape == together[1].shape
    assert np.abs(again.astype(int) - together[1].astype(int)).max() <= 2
    assert not np.array_equal(together[0], together[1])


def test_another_seed_gives_another_edit() -> None:
    entry = quick_entry("sdedit")
    editor = Pipeline(entry, "cpu", make_pipeline(entry.class_name))
    first = requests(1)[0]
    other = ItemRequest(first.item, first.source, first.seed + 1)
    images = editor.edit([first, other])
    assert not np.array_equal(images[0], images[1])


def test_items_that_a_pipeline_does_not_support_are_failures() -> None:
    entry = quick_entry("diffedit")
    editor = Pipeline(entry, "cpu", make_pipeline(entry.class_name))
    bare = requests(1, captions=Captions())[0]
    half = requests(1, captions=Captions(None, "brighter"))[0]
    reasons = [result.reason for result in editor.edit([bare, half]) if isinstance(result, EditFailure)]
    assert [reason.split(",")[0] for reason in reasons] == [
        "the editor needs a caption of the requested result",
        "the editor needs a caption of the source",
    ]


def test_a_pipeline_error_fails_only_its_item() -> None:
    class Choosy:
        def set_progress_bar_config(self, **_: Any) -> None: ...

        def __call__(self, image: Any, prompt: Any, **_: Any) -> Any:
            images = image if isinstance(image, list) else [image]
            if any("1" in text for text in ([prompt] if isinstance(prompt, str) else prompt)):
                raise ValueError("no such\nprompt")
            return type("Output", (), {"images": images})

    results = Pipeline(ENTRIES["instruct_pix2pix"], "cpu", Choosy()).edit(requests(3))
    assert isinstance(results[1], EditFailure) and results[1].reason == "no such prompt"
    assert isinstance(results[0], np.ndarray) and isinstance(results[2], np.ndarray)


def test_an_image_that_the_safety_checker_withholds_is_a_refusal() -> None:
    class Withholding:
        def set_progress_bar_config(self, **_: Any) -> None: ...

        def __call__(self, image: Any, **_: Any) -> Any:
            return type("Output", (), {"images": [image], "nsfw_content_detected": [True]})

    (result,) = Pipeline(ENTRIES["sdedit"], "cpu", Withholding()).edit(requests(1))
    assert isinstance(result, EditFailure) and result.kind == "refusal"


def test_a_folder_loads_with_its_schedulers_and_names_its_weights(tmp_path: Path) -> None:
    make_pipeline("StableDiffusionInstructPix2PixPipeline").save_pretrained(tmp_path / "tiny")
    schedulers = {"scheduler": {"class": "EulerAncestralDiscreteScheduler", "from_config": True}}
    changes = {"repository": None, "folder": str(tmp_path / "tiny"), "schedulers": schedulers}
    entry = quick_entry("instruct_pix2pix").model_copy(update=changes)
    editor = Pipeline(entry, "cpu")
    assert editor.version.startswith("tiny@") and diffusers.__version__ in editor.version
    assert type(editor._pipeline.scheduler).__name__ == "EulerAncestralDiscreteScheduler"
    assert isinstance(editor.edit(requests(1))[0], np.ndarray)


@pytest.mark.parametrize("name", ["NoScheduler", "DiffusionPipeline", "__version__"])
def test_an_unknown_scheduler_raises_an_error(tmp_path: Path, name: str) -> None:
    make_pipeline("StableDiffusionImg2ImgPipeline").save_pretrained(tmp_path)
    changes = {"repository": None, "folder": str(tmp_path), "schedulers": {"scheduler": {"class": name}}}
    with pytest.raises(UserError, match=r"schedulers\.scheduler: diffusers"):
        Pipeline(ENTRIES["sdedit"].model_copy(update=changes), "cpu")


def test_a_missing_class_or_folder_raises_an_error(tmp_path: Path) -> None:
    entry: Entry = ENTRIES["hive"]
    with pytest.raises(UserError, match="cannot be loaded"):
        Pipeline(entry.model_copy(update={"folder": str(tmp_path)}), "cpu")
    with pytest.raises(UserError, match="has no pipeline StableDiffusion3InstructPix2PixPipeline"):
        pipeline_class("StableDiffusion3InstructPix2PixPipeline")
    assert set(MAKERS) <= {each.class_name for each in ENTRIES.values()}


def test_a_model_in_one_file_that_lacks_a_weight_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "StableDiffusionXLInstructPix2PixPipeline"
    incomplete = make_pipeline(name)
    incomplete.vae.to("meta")  # diffusers leaves weights that the file lacks there, with a warning
    monkeypatch.setattr(getattr(diffusers, name), "from_single_file", lambda *_, **__: incomplete)
    single = tmp_path / "cosxl_edit.safetensors"
    single.touch()
    values = {"kind": "diffusers", "class": name, "folder": str(single), "licence": "mit"}
    with pytest.raises(UserError, match=r"cosxl_edit\.safetensors: has no weights for vae\..* missing in all\); fetch"):
        Pipeline(DiffusersEntry.model_validate(values), "cpu")
