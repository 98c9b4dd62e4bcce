"""Tests that embeddings of text and source are computed once in sampling, and that this changes no bit."""

from contextlib import nullcontext

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from helpers.tiny_models import SD3, base, inputs, move_weights
from omniedit import models
from omniedit.models.constant_outputs import cache_last_result
from omniedit.models.editor import Editor
from omniedit.models.sampling import Conditioning, Guidance, SamplerState, sample
from omniedit.models.schedulers import SCHEDULERS, make_scheduler


def edit(editor: Editor, guidance: Guidance, change: bool = False) -> torch.Tensor:
    """Return latents after 4 steps; with `change` the guidance ends and the instruction changes after the second."""
    x = inputs()
    given = Conditioning(x["condition"], x["prompt_embeds"], 0 * x["prompt_embeds"], x["pooled"], 0 * x["pooled"])

    def after_step(step: int, timestep: torch.Tensor, state: SamplerState) -> None:
        if change and step == 1:
            state.guidance = Guidance(1.0, 1.0)
            state.conditioning = Conditioning(given.source, -given.prompt, given.negative, given.pooled, given.pooled)

    state = SamplerState(given, guidance, x["noisy"])
    return sample(editor, FlowMatchEulerDiscreteScheduler(), state, 4, after_step=after_step)


@pytest.mark.parametrize("change", [False, True], ids=["same", "changed"])
def test_reused_embeddings_give_bit_identical_latents(change: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = move_weights(models.build("editnet", base(SD3))).eval()
    reused = edit(editor, Guidance(3.0, 1.5), change)
    monkeypatch.setattr("omniedit.models.sampling.reuse_constant_outputs", lambda network: nullcontext())
    assert torch.equal(reused, edit(editor, Guidance(3.0, 1.5), change))


def test_text_and_source_are_embedded_once_for_all_steps() -> None:
    editor, calls = models.build("editnet", base(SD3)).eval(), []
    for name in ("condition_embed.proj", "base.context_embedder", "base.time_text_embed.text_embedder.linear_1"):
        layer = editor.get_submodule(name)
        own = layer.forward
        layer.forward = lambda x, own=own, name=name: (calls.append(name), own(x))[1]
    edit(editor, Guidance(3.0, 1.5))
    assert len(calls) == len(set(calls)) == 3
    assert "forward" not in vars(editor.get_submodule("condition_embed"))


def test_a_tensor_changed_in_place_is_computed_again() -> None:
    double = cache_last_result(lambda x: 2 * x)
    x = torch.ones(2)
    assert double(x) is double(x)
    x += 1
    assert double(x).tolist() == [4, 4] and double(torch.zeros(2)).tolist() == [0, 0]


def test_every_named_scheduler_samples_the_flow_with_the_editors_shift() -> None:
    own = FlowMatchEulerDiscreteScheduler(shift=3.0)
    for name, (kind, is_solver) in SCHEDULERS.items():
        made = make_scheduler(name, own)
        assert isinstance(made, kind) and made.config["flow_shift" if is_solver else "shift"] == 3.0
