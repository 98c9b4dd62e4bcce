"""Callbacks at the end of a sampling step: they see and replace tensors, end guidance, and interrupt."""

import numpy as np
import pytest
import torch
from diffusers.callbacks import SD3CFGCutoffCallback, SDCFGCutoffCallback

from helpers.random_photos import photo, seed_generator
from omniedit.models.pipeline import EditPipeline


def test_callback_sees_each_step_and_can_replace_latents(pipeline: EditPipeline) -> None:
    steps = []

    def zeroed(pipe: EditPipeline, step: int, timestep: torch.Tensor, tensors: dict) -> dict:
        steps.append((step, timestep.item()))
        return {"latents": torch.zeros_like(tensors["latents"])}

    grey = pipeline(photo(64, 48), "Add fog.", 2, output_type="pt", callback_on_step_end=zeroed).images[0]
    assert steps == [(0, 1000.0), (1, 500.0)]
    assert grey.std() < 0.05 and grey.mean().item() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("kind", [SDCFGCutoffCallback, SD3CFGCutoffCallback])
def test_diffusers_cutoff_callbacks_end_guidance(pipeline: EditPipeline, kind: type) -> None:
    """Check that after half of the steps the rest runs without guidance, and that the next call has guidance again."""
    batches: list[int] = []
    hook = pipeline.transformer.register_forward_pre_hook(
        lambda module, args, inputs: batches.append(len(inputs["noisy"])), with_kwargs=True
    )
    options = {"guidance_scale": 4.0, "image_guidance_scale": 2.0, "num_inference_steps": 4}
    cutoff = kind(cutoff_step_ratio=0.5)
    pipeline(photo(64, 48), "Add fog.", callback_on_step_end=cutoff, generator=seed_generator(), **options)
    hook.remove()
    assert batches == [3, 3, 3, 1] and pipeline.num_timesteps == 4
    plain = pipeline(photo(64, 48), "Add fog.", generator=seed_generator(), output_type="np", **options).images[0]
    again = pipeline(photo(64, 48), "Add fog.", generator=seed_generator(), output_type="np", **options).images[0]
    assert np.array_equal(plain, again)


def test_callback_can_replace_prompt_embeddings(pipeline: EditPipeline) -> None:
    names = ["latents", "prompt_embeds", "pooled_prompt_embeds"]
    shapes: list[list[tuple[int, ...]]] = []

    def as_negative(pipe: EditPipeline, step: int, timestep: torch.Tensor, tensors: dict) -> dict:
        shapes.append([tuple(tensors[name].shape) for name in names])
        return {name: tensors[name][:2] for name in names[1:]}

    options = {"output_type": "np", "image_guidance_scale": 1.0, "num_inference_steps": 2}
    conditioning = {"instruction": "Make it night.", "negative_prompt": "Add fog."}
    images, seeds = [photo(64, 48), photo(64, 48)], lambda: [seed_generator(1), seed_generator(2)]
    changed = pipeline(
        images,
        generator=seeds(),
        callback_on_step_end=as_negative,
        callback_on_step_end_tensor_inputs=names,
        **conditioning,
        **options,
    ).images
    plain = pipeline(images, generator=seeds(), **conditioning, **options).images
    assert shapes[0] == [(2, 16, 6, 8), (4, 32, 384), (4, 384)]
    assert not np.array_equal(changed[0], plain[0])


def test_callback_can_interrupt_sampling(pipeline: EditPipeline) -> None:
    latents: list[torch.Tensor] = []

    def stopped(pipe: EditPipeline, step: int, timestep: torch.Tensor, tensors: dict) -> dict:
        latents.append(tensors["latents"])
        pipe._interrupt = step == 1
        return tensors

    left = pipeline(photo(64, 48), "Add fog.", 5, output_type="latent", callback_on_step_end=stopped).images[0]
    assert len(latents) == 2 and torch.equal(left, latents[-1][0]) and pipeline.interrupt
    pipeline(photo(64, 48), "Add fog.", 1)
    assert not pipeline.interrupt
