"""Tests of the editing pipeline: sizes, saving and loading, arguments, schedulers, callbacks and offloading."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.random_photos import photo, seed_generator
from helpers.tiny_editor import RESOLUTION, make_pipeline
from omniedit.errors import UserError
from omniedit.models.loading import load_editor
from omniedit.models.pipeline import EditPipeline, InstructionWarning
from omniedit.models.weights import weights_sha256


@pytest.mark.parametrize(("width", "height"), [(64, 64), (97, 61), (7, 5), (300, 40), (2000, 1)])
def test_edited_image_keeps_the_size_of_its_source(pipeline: EditPipeline, width: int, height: int) -> None:
    edited = pipeline(photo(width, height), "Make it night.", num_inference_steps=2, generator=seed_generator()).images[
        0
    ]
    assert edited.size == (width, height)


def test_saved_pipeline_edits_bit_identically(pipeline: EditPipeline, editor_folder: Path) -> None:
    loaded = EditPipeline.from_pretrained(editor_folder)
    loaded.set_progress_bar_config(disable=True)
    edits = [p(photo(90, 60), "Add fog.", 3, generator=seed_generator(), output_type="np") for p in (pipeline, loaded)]
    assert np.array_equal(edits[0].images[0], edits[1].images[0])
    assert loaded.config["resolution"] == RESOLUTION


@pytest.mark.parametrize(
    ("variant", "shard_size", "weights"),
    [
        ("fp16", "10GB", "diffusion_pytorch_model.fp16.safetensors"),
        ("fp16", "100KB", "diffusion_pytorch_model.safetensors.index.fp16.json"),
        ("ema", "10GB", "diffusion_pytorch_model.ema.safetensors"),
    ],
)
def test_editor_stored_in_a_single_variant_is_loaded(
    editor_folder: Path, tmp_path: Path, variant: str, shard_size: str, weights: str
) -> None:
    """Load by the pipeline and by `load_editor`, from one weights file and from shards with an index."""
    editor = EditPipeline.from_pretrained(editor_folder, dtype=torch.float16)
    editor.save_pretrained(tmp_path, variant=variant, max_shard_size=shard_size)
    assert (tmp_path / "transformer" / weights).is_file()
    known = editor.transformer.state_dict()
    for loaded in (EditPipeline.from_pretrained(tmp_path), load_editor(tmp_path, "cpu")):
        weights_of = loaded.transformer.state_dict()
        assert all(torch.equal(weights_of[name], weight.float()) for name, weight in known.items())
    next((tmp_path / "transformer").glob("*.safetensors")).unlink()
    with pytest.raises(UserError, match=r"transformer: (.* is missing|no weights)"):
        load_editor(tmp_path, "cpu")


def test_from_pipe_shares_components_and_settings(pipeline: EditPipeline) -> None:
    other = EditPipeline.from_pipe(pipeline, guidance_scale=2.5)
    assert all(part is getattr(pipeline, name) for name, part in other.components.items())
    assert other.config["resolution"] == RESOLUTION and other.config["guidance_scale"] == 2.5
    base = SimpleNamespace(config={}, components=pipeline.components | {"transformer": pipeline.transformer.base})
    with pytest.raises(ValueError, match="a SD3Transformer2DModel, but an editor's network is needed"):
        EditPipeline.from_pipe(base)


def test_settings_of_an_editor_are_checked_and_shared(pipeline: EditPipeline) -> None:
    for setting, message in (
        ({"guided_radius": -1}, "guided_radius: -1, but a whole number from 0 to 64 is needed"),
        ({"guided_radius": 2.5}, "guided_radius: 2.5, but a whole number"),
        ({"guided_radius": 10**6}, "guided_radius: 1000000, but a whole number"),
        ({"resolution": 0}, "resolution: 0, but a whole number of at least 1"),
        ({"num_inference_steps": None}, "num_inference_steps: None, but a whole number of at least 1"),
        ({"image_guidance_scale": "1"}, "image_guidance_scale: '1', but a number"),
    ):
        with pytest.raises(ValueError, match=message):
            EditPipeline.from_pipe(pipeline, **setting)
    filtered = EditPipeline.from_pipe(EditPipeline.from_pipe(pipeline, guided_radius=np.int64(4)))
    assert filtered.config["guided_radius"] == 4


def test_from_pipe_keeps_the_precision_of_components(editor_folder: Path) -> None:
    editor = EditPipeline.from_pretrained(editor_folder, dtype=torch.bfloat16)
    editor.vae.to(torch.float32)
    other = EditPipeline.from_pipe(editor)
    assert (other.transformer.dtype, other.vae.dtype) == (torch.bfloat16, torch.float32)
    assert EditPipeline.from_pipe(editor, dtype=torch.float32).transformer.dtype == torch.float32


def test_saved_editor_keeps_its_default_sampling_options(pipeline: EditPipeline, tmp_path: Path) -> None:
    own = {"num_inference_steps": 2, "guidance_scale": 1.5, "image_guidance_scale": 1.0}
    filtered = EditPipeline.from_pipe(pipeline, guided_radius=2)
    EditPipeline(**pipeline.components, resolution=RESOLUTION, guided_radius=2, **own).save_pretrained(tmp_path)
    loaded = EditPipeline.from_pretrained(tmp_path)
    plain, explicit, unfiltered = (
        p(photo(90, 60), "Add fog.", generator=seed_generator(), output_type="np", **options).images[0]
        for p, options in ((loaded, {}), (filtered, own), (pipeline, own))
    )
    assert np.array_equal(plain, explicit) and not np.array_equal(plain, unfiltered)
    index = tmp_path / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"guided_radius": -4}))
    with pytest.raises(UserError, match=r"no editor to load .guided_radius: -4, but a whole number from 0 to 64"):
        load_editor(tmp_path, "cpu")


def test_batched_edits_match_single_edits(pipeline: EditPipeline) -> None:
    images, texts = [photo(64, 48), photo(40, 64)], ["Make it night.", "Add fog."]
    together = pipeline(images, texts, 2, generator=[seed_generator(1), seed_generator(2)], output_type="np").images
    for given, text, seed, edited in zip(images, texts, (1, 2), together, strict=True):
        alone = pipeline(given, text, 2, generator=seed_generator(seed), output_type="np").images[0]
        assert np.array_equal(alone, edited)


def test_detail_beyond_the_codec_is_preserved(pipeline: EditPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that a network which returns its source changes no pixel at any size, and that a warning reports it."""
    monkeypatch.setattr(
        "omniedit.models.pipeline.sample", lambda network, scheduler, state, *_: state.conditioning.source
    )
    given = photo(301, 203)
    with pytest.warns(InstructionWarning, match=r"'Keep it\.' hardly changes an image"):
        assert np.array_equal(np.asarray(pipeline(given, "Keep it.").images[0]), np.asarray(given))


def test_images_of_any_mode_are_edited_upright(pipeline: EditPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "omniedit.models.pipeline.sample", lambda network, scheduler, state, *_: state.conditioning.source
    )
    grey = np.full((40, 60), 0x80FF, np.uint16)
    assert np.asarray(pipeline(Image.fromarray(grey), "Keep it.").images[0]).max() == 0x80
    clear = pipeline(Image.new("RGBA", (60, 40), (0, 0, 0, 0)), "Keep it.").images[0]
    assert np.asarray(clear).min() == 255
    sideways = photo(60, 40)
    sideways.getexif()[0x0112] = 6
    assert pipeline(sideways, "Keep it.").images[0].size == (40, 60)


def test_invalid_arguments_raise_errors_by_name(pipeline: EditPipeline, tmp_path: Path) -> None:
    for wrong, message in (
        ({"image": "photo.jpg"}, r"image: got str, .* PIL\.Image\.open"),
        ({"num_inference_steps": 0}, "num_inference_steps: 0"),
        ({"num_inference_steps": 2.5}, "num_inference_steps: 2.5, but a whole number"),
        ({"num_inference_steps": True}, "num_inference_steps: True, but a whole number"),
        ({"guidance_scale": float("nan")}, "guidance_scale: nan, but a number is needed"),
        ({"guidance_scale": "3"}, "guidance_scale: '3', but a number is needed"),
        ({"embedded_guidance_scale": 3.5}, "embedded_guidance_scale: this editor's base embeds no guidance; omit it"),
        ({"embedded_guidance_scale": "3"}, "embedded_guidance_scale: '3', but a number is needed"),
        ({"embedded_guidance_scale": float("nan")}, "embedded_guidance_scale: nan, but a number is needed"),
        ({"generator": 0}, r"generator: a int, but a Generator is needed, such as torch\.Generator\(\)"),
        ({"generator": [None]}, "generator: None, but a Generator is needed"),
        ({"generator": np.random.default_rng(0)}, "generator: a Generator of numpy"),
        ({"instruction": None}, 'instruction: None, but a str is needed, such as "Make it night."'),
        ({"instruction": b"Add fog."}, "instruction: a bytes, but a str"),
        ({"instruction": "Add \udcff fog."}, r"instruction: 'Add \\udcff fog\.' has half of a surrogate pair"),
        ({"image": []}, "image: the list is empty"),
        ({"image": np.zeros((0, 60, 90, 3), np.uint8)}, "image: the list is empty"),
        ({"image": np.zeros((60, 90, 3), object)}, r"values must be uint8, or floating-point in \[0, 1\], not object"),
        ({"instruction": ["Add fog.", 3], "image": [photo(60, 40)] * 2}, "instruction: a int, but a str"),
        ({"negative_prompt": 3}, "negative_prompt: a int, but a str"),
        ({"output_type": "jpeg"}, "output_type: 'jpeg' is not one of pil, np, pt, latent"),
        ({"image": np.zeros((3, 60, 90), np.uint8)}, r"an array must be \(H, W, 3\)"),
        ({"image": torch.zeros(60, 90, 3)}, r"a tensor \(3, H, W\)"),
        ({"image": 2 * torch.ones(3, 60, 90)}, r"values must be uint8, or floating-point in \[0, 1\]"),
        ({"image": torch.full((3, 60, 90), torch.nan)}, r"values must be uint8, or floating-point in \[0, 1\]"),
        ({"callback_on_step_end_tensor_inputs": ["noise"]}, "'noise' is not one of latents, prompt_embeds, pooled"),
        (
            {
                "callback_on_step_end": lambda *_: {
                    "latents": torch.zeros(1, 16, 8, 12),
                    "prompt_embeds": torch.zeros(3, 4),
                }
            },
            "returned 3 prompt_embeds for 1 images of one size",
        ),
        ({"instruction": ["Add fog.", "Make it night."]}, "1 images, 2 instructions"),
        ({"generator": [seed_generator(), seed_generator()]}, "1 images, 2 generators"),
    ):
        with pytest.raises(ValueError, match=message):
            pipeline(**({"image": photo(60, 40), "instruction": "Add fog."} | wrong))
    with pytest.raises(FileNotFoundError, match="absent: no such folder"):
        EditPipeline.from_pretrained(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=r"no model_index\.json; give the folder that training"):
        EditPipeline.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("prompt", "^EditPipeline takes no argument 'prompt': give it as instruction$"),
        ("num_images_per_prompt", "give the image several times, with a generator for each"),
        ("height", "an edit has the size of its image"),
        ("hieght", r"takes no argument 'hieght': help\(EditPipeline.__call__\) lists"),
    ],
)
def test_an_argument_of_another_pipeline_is_named_with_its_replacement(
    pipeline: EditPipeline, argument: str, message: str
) -> None:
    arguments: dict[str, Any] = {"image": photo(60, 40), "instruction": "Add fog.", argument: 2}
    with pytest.raises(TypeError, match=message):
        pipeline(**arguments)


def test_an_editor_loads_by_its_name_on_the_hub(editor_folder: Path, tmp_path: Path) -> None:
    """Check with the hub's cache on this machine, as after a download."""
    cache = tmp_path / "models--someone--editor"
    shutil.copytree(editor_folder, cache / "snapshots" / f"{7:040}")
    (cache / "refs").mkdir()
    (cache / "refs/main").write_text(f"{7:040}")
    editor = EditPipeline.from_pretrained("someone/editor", cache_dir=tmp_path, local_files_only=True)
    assert weights_sha256(editor.transformer) == weights_sha256(EditPipeline.from_pretrained(editor_folder).transformer)


def test_images_of_one_size_share_a_forward_pass(pipeline: EditPipeline) -> None:
    sizes: list[torch.Size] = []
    hook = pipeline.transformer.register_forward_pre_hook(
        lambda module, args, inputs: sizes.append(inputs["noisy"].shape), with_kwargs=True
    )
    pipeline([photo(64, 48), photo(40, 64), photo(64, 48)], "Add fog.", num_inference_steps=1)
    hook.remove()
    assert [tuple(size) for size in sizes] == [(6, 16, 6, 8), (3, 16, 8, 6)]


def test_negative_prompt_replaces_the_empty_instruction(pipeline: EditPipeline) -> None:
    def edited(**options: str) -> np.ndarray:
        options = {"instruction": "Make it night.", **options}
        return pipeline(
            photo(64, 48), num_inference_steps=2, generator=seed_generator(), output_type="np", **options
        ).images[0]

    assert np.array_equal(edited(negative_prompt=""), edited())
    assert not np.array_equal(edited(negative_prompt="Add fog."), edited())


def test_arrays_and_tensors_are_edited_like_pil_images(pipeline: EditPipeline) -> None:
    images = [photo(64, 48), photo(40, 64)]
    arrays = [np.asarray(given) for given in images]

    def edited(image: object) -> list[np.ndarray]:
        return pipeline(image, "Add fog.", 1, generator=seed_generator(), output_type="np").images

    expected = edited(images[0])[0]
    tensor = torch.from_numpy(arrays[0].copy()).permute(2, 0, 1)
    for image in (arrays[0], arrays[0].astype(np.float32) / 255, tensor, tensor / 255, arrays[0][None], tensor[None]):
        (made,) = edited(image)
        np.testing.assert_allclose(made, expected, atol=1e-5)
    mixed = edited([arrays[0], images[1]])
    assert [made.shape for made in mixed] == [(48, 64, 3), (64, 40, 3)]
    assert len(edited(torch.stack([tensor, tensor]) / 255)) == 2


def test_latent_output_is_what_would_be_decoded(pipeline: EditPipeline) -> None:
    seen = []
    images = [photo(64, 48), photo(40, 64), photo(64, 48)]
    latents = pipeline(
        images,
        "Add fog.",
        2,
        output_type="latent",
        callback_on_step_end=lambda *given: seen.append(given[3]["latents"]),
    ).images
    assert [tuple(each.shape) for each in latents] == [(16, 6, 8), (16, 8, 6), (16, 6, 8)]
    wide = next(each for each in seen[1::2] if len(each) == 2)
    assert torch.equal(torch.stack([latents[0], latents[2]]), wide)


def test_components_are_offloaded_in_order_of_use() -> None:
    """diffusers chains hooks that move one part to the device and the previous part away; they also work on the CPU."""
    pipeline = make_pipeline()
    expected = pipeline(photo(64, 48), "Add fog.", 2, generator=seed_generator(), output_type="np").images[0]
    pipeline.enable_model_cpu_offload(device="cpu")
    moved: list[str] = []
    for name in ("text_encoder", "transformer", "vae"):
        hook = getattr(pipeline, name)._hf_hook
        before = hook.pre_forward
        hook.pre_forward = lambda *args, name=name, before=before, **kwargs: (
            moved.append(name) or before(*args, **kwargs)
        )
    edited = pipeline(photo(64, 48), "Add fog.", 2, generator=seed_generator(), output_type="np").images[0]
    assert np.array_equal(edited, expected)
    assert list(dict.fromkeys(moved[1:])) == ["text_encoder", "transformer", "vae"] and moved[0] == "vae"
    chain = {name: getattr(pipeline, name)._hf_hook.prev_module_hook for name in ("text_encoder", "transformer", "vae")}
    assert chain["text_encoder"] is None
    assert chain["transformer"].model is pipeline.text_encoder and chain["vae"].model is pipeline.transformer


def test_return_dict_false_returns_a_tuple(pipeline: EditPipeline) -> None:
    (images,) = pipeline(photo(64, 48), "Add fog.", 1, return_dict=False)
    assert images[0].size == (64, 48)
