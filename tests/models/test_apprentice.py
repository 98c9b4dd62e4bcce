"""Tests of editors that read demonstrations: their start, masks, order and captions, over each base."""

from typing import Any
from unittest.mock import patch

import pytest
import torch

from helpers.tiny_bases import demonstrations, inputs, make
from helpers.tiny_models import move_weights
from omniedit.models import build
from omniedit.models.conditions import get_supported_conditions
from omniedit.models.constant_outputs import reuse_constant_outputs
from omniedit.models.demonstrations import MAX_DEMONSTRATIONS, DemonstrationEncoder, DemonstrationMemory, embed_patches
from omniedit.models.editor import Editor

BASES = ("sd3", "flux", "qwen_image", "z_image")
EXACT = ("editnet_demos", "editnet_demos_cross", "editnet_routed_demos")
CROSS = ("editnet_demos_cross", "sequence_concat_demos_cross")
ALL = (*EXACT, "sequence_concat_demos", "sequence_concat_demos_cross")
TOKENS = 5


def start(name: str, base: str) -> Editor:
    return build(name, make(base)).eval()


@pytest.fixture(scope="module")
def moved_editors() -> dict[tuple[str, str], Editor]:
    """Editors whose zero weights have moved, by architecture and base."""
    pairs = [(name, base) for name in ALL for base in BASES if name != "editnet_routed_demos" or base == "sd3"]
    return {(name, base): move_weights(start(name, base)).eval() for name, base in pairs}


@torch.no_grad()
@pytest.mark.parametrize("base", BASES)
def test_an_untrained_apprentice_is_bit_identical_to_its_frozen_base(base: str) -> None:
    x = inputs(base)
    plain = build("editnet", make(base)).eval()(**x)
    for name in EXACT[:2]:
        assert torch.equal(start(name, base)(**x, **demonstrations(base)), plain)
        assert torch.equal(start(name, base)(**x), plain)


@torch.no_grad()
def test_untrained_cross_attention_does_not_change_the_output(base: str = "sd3") -> None:
    x = inputs(base)
    plain = start("sequence_concat", base)(**x)
    assert torch.equal(start("sequence_concat_demos_cross", base)(**x, **demonstrations(base)), plain)


@torch.no_grad()
def test_image_and_caption_of_each_demonstration_change_the_output(
    moved_editors: dict[tuple[str, str], Editor],
) -> None:
    for (name, base), net in moved_editors.items():
        x = inputs(base) | demonstrations(base)
        out = net(**x)
        for key in ("references", "reference_prompts"):
            for number in range(2):
                other = x[key].clone()
                other[:, number] = other[:, number].flip(-1)
                assert not torch.allclose(net(**x | {key: other}), out, atol=1e-5), (name, base, key, number)


@torch.no_grad()
def test_a_missing_demonstration_has_no_influence(moved_editors: dict[tuple[str, str], Editor]) -> None:
    for (name, base), net in moved_editors.items():
        x = inputs(base) | demonstrations(base)
        mask = torch.tensor([[True, False], [False, False]])
        out = net(**x | {"reference_mask": mask})
        other = {key: x[key].clone() for key in ("references", "reference_prompts")}
        for value in other.values():
            value[~mask] = 9
        assert torch.equal(net(**x | other | {"reference_mask": mask}), out), (name, base)
        torch.testing.assert_close(net(**inputs(base))[1], out[1], msg=f"{name} {base}")
        first = {key: value[:, :1] for key, value in demonstrations(base).items()}
        torch.testing.assert_close(net(**inputs(base) | first)[0], out[0], msg=f"{name} {base}")


@torch.no_grad()
@pytest.mark.parametrize("name", CROSS)
def test_only_place_vectors_depend_on_the_order(name: str, moved_editors: dict[tuple[str, str], Editor]) -> None:
    net: Any = moved_editors[name, "sd3"]
    x = demonstrations("sd3")
    turned = {key: value.flip(1) for key, value in x.items()}
    assert not torch.allclose(net(**inputs("sd3"), **turned), net(**inputs("sd3"), **x), atol=1e-5)
    places = net.demonstrations.encoder.places
    before = places.clone()
    places.zero_()
    torch.testing.assert_close(net(**inputs("sd3"), **turned), net(**inputs("sd3"), **x))
    places.copy_(before)


@pytest.mark.parametrize("name", ALL)
def test_gradients_reach_every_part_that_reads_demonstrations(name: str) -> None:
    net: Any = move_weights(start(name, "sd3"))
    net(**inputs("sd3"), **demonstrations("sd3")).square().sum().backward()
    parts = [net.demonstrations, *([net.readers] if "cross" in name else [])]
    for part in parts:
        lacking = [key for key, value in part.named_parameters() if value.grad is None or not value.grad.any()]
        assert not [key for key in lacking if "to_query" not in key], lacking


@torch.no_grad()
def test_sampling_encodes_demonstrations_once_for_all_steps(moved_editors: dict[tuple[str, str], Editor]) -> None:
    for name in ("editnet_demos", "editnet_demos_cross"):
        net: Any = moved_editors[name, "flux"]
        x = inputs("flux") | demonstrations("flux")
        with patch.object(
            DemonstrationEncoder, "forward", autospec=True, side_effect=DemonstrationEncoder.forward
        ) as run:
            with reuse_constant_outputs(net):
                steps = [net(**x | {"timestep": torch.full((2,), time)}) for time in (900.0, 500.0)]
            assert run.call_count == 1
        assert torch.equal(steps[1], net(**x | {"timestep": torch.full((2,), 500.0)}))


def test_padding_tokens_of_captions_are_masked_if_the_base_masks_them() -> None:
    memory = DemonstrationMemory(4, 2, 8, 6, masks_text=True)
    mask = torch.tensor([[True, False]])
    counted = torch.tensor([[[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]])
    route = memory(torch.zeros(1, 2, 4, 4, 4), mask, torch.zeros(1, 2, 3, 6), counted)
    images, texts = [1] * 4 + [0] * 4, [1, 0, 0, 0, 0, 0]
    assert route.mask.int().tolist() == [[1, *images, *texts]]


def test_an_untrained_encoder_returns_patch_embeddings_plus_place_vectors() -> None:
    patches = torch.nn.Conv2d(4, 8, 2, 2)
    encoder = DemonstrationEncoder(patches, embed_patches, 8, 6, masks_text=False)
    latents = torch.randn(1, 2, 4, 4, 4)
    captions = torch.randn(1, 2, 3, 6)
    found = encoder(latents, torch.ones(1, 2, dtype=torch.bool), captions, None)
    for number in range(2):
        expected = embed_patches(patches, latents[:, number]) + encoder.places[number]
        torch.testing.assert_close(found.images[:, number], expected)
        torch.testing.assert_close(
            found.texts[:, number], encoder.to_text(captions[:, number]) + encoder.places[number]
        )


def test_demonstrations_in_context_start_with_the_embedding_of_the_bases_own_images() -> None:
    for name in ("editnet_demos", "sequence_concat_demos"):
        net: Any = start(name, "sd3")
        own = net.adapter.image_embedder.state_dict()
        assert own and all(
            torch.equal(own[key], value) for key, value in net.demonstrations.embedder.state_dict().items()
        )


@torch.no_grad()
def test_each_demonstration_in_context_has_its_own_index_after_image_and_source() -> None:
    for name in ("editnet_demos", "sequence_concat_demos"):
        net: Any = start(name, "flux")
        with patch.object(type(net.adapter), "grid", autospec=True, side_effect=type(net.adapter).grid) as run:
            net(**inputs("flux"), **demonstrations("flux"))
        assert {2, 3} <= {call.args[2] for call in run.call_args_list if len(call.args) > 2} <= {0, 1, 2, 3}


def test_too_many_demonstrations_raise_an_error_with_the_limit() -> None:
    net = start("editnet_demos_cross", "sd3")
    assert get_supported_conditions(net).references and get_supported_conditions(net).captions
    most = torch.zeros(2, MAX_DEMONSTRATIONS, 16, 8, 12)
    assert net(**inputs("sd3"), references=most).shape == inputs("sd3")["noisy"].shape
    references = torch.zeros(2, MAX_DEMONSTRATIONS + 1, 16, 8, 12)
    with pytest.raises(ValueError, match="17 images, but this editor takes at most 16"):
        net(**inputs("sd3"), references=references)
