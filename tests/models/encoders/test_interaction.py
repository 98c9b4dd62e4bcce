"""Tests of the bidirectional interaction module: values of a hand-computed case, the exact start, gradients."""

import pytest
import torch
from torch import nn

from omniedit.models.encoders.interaction import Interaction


def make_identity(attention: nn.MultiheadAttention) -> None:
    """Make an attention of width 1 return the softmax-weighted mean of its values."""
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.ones(3, 1))
        attention.in_proj_bias.zero_()
        attention.out_proj.weight.fill_(1)
        attention.out_proj.bias.zero_()


def softmax_mean(query: float, keys: torch.Tensor) -> torch.Tensor:
    return (torch.softmax(query * keys, 0) * keys).sum()


def make_unit(mode: str) -> Interaction:
    """Return a module of width 1 whose projections and MLP are the identity (GELU of the MLP's large input)."""
    module = Interaction(width=1, image_width=1, channels=1, heads=1, mode=mode)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.from_image.weight.fill_(1)
        module.to_condition.weight.fill_(1)
        make_identity(module.text_to_image)
        if mode == "both":
            make_identity(module.self_attention)
            make_identity(module.image_to_text)
            module.to_text.weight.fill_(1)
            module.mlp[0].weight[0] = 1
            module.mlp[0].bias[0] = 100  # GELU is the identity there
            module.mlp[2].weight[0, 0] = 1
            module.mlp[2].bias.fill_(-100)
    return module


TEXT = torch.tensor([[[0.5], [-1.0]]])
IMAGE = torch.tensor([[[0.2], [0.7], [-0.4], [1.5]]])


@torch.no_grad()
def test_both_directions_match_a_calculation_by_hand():
    text, residual = make_unit("both")(TEXT, IMAGE, (2, 2), (2, 2))
    f, v = TEXT[0, :, 0], IMAGE[0, :, 0]
    attended = f + torch.stack([softmax_mean(query, f) for query in f])
    informed = attended + torch.stack([softmax_mean(query, v) for query in attended])
    expected = f + informed
    assert torch.allclose(text[0, :, 0], expected, atol=1e-4)
    expected_residual = torch.stack([softmax_mean(query, expected) for query in v]).reshape(2, 2)
    assert torch.allclose(residual[0, 0], expected_residual, atol=1e-4)


@torch.no_grad()
def test_one_way_mode_changes_only_the_image():
    text, residual = make_unit("one_way")(TEXT, IMAGE, (2, 2), (2, 2))
    assert torch.equal(text, TEXT)
    f, v = TEXT[0, :, 0], IMAGE[0, :, 0]
    assert torch.allclose(residual[0, 0], torch.stack([softmax_mean(q, f) for q in v]).reshape(2, 2), atol=1e-6)


def test_mode_none_has_no_parameters_and_no_residual():
    module = Interaction(width=8, image_width=4, channels=3, heads=2, mode="none")
    assert list(module.parameters()) == []
    text = torch.randn(1, 5, 8)
    assert module(text, torch.randn(1, 4, 4), (2, 2), (4, 6)) == (text, None)


@pytest.mark.parametrize("mode", ["one_way", "both"])
def test_new_module_changes_neither_instruction_nor_condition(mode):
    module = Interaction(width=8, image_width=4, channels=3, heads=2, mode=mode)
    text = torch.randn(2, 5, 8)
    seen, residual = module(text, torch.randn(2, 6, 4), (2, 3), (4, 6))
    assert torch.equal(seen, text)
    assert residual.shape == (2, 3, 4, 6)
    assert not residual.any()


def test_features_keep_their_position_in_the_residual():
    torch.manual_seed(0)
    module = Interaction(width=8, image_width=4, channels=3, heads=2)
    nn.init.normal_(module.to_condition.weight)
    text, image = torch.randn(1, 5, 8), torch.randn(1, 6, 4)
    other = image.clone()
    other[0, 5] += 1  # last row, last column of 2 x 3
    with torch.no_grad():
        moved = module(text, image, (2, 3), (2, 3))[1] != module(text, other, (2, 3), (2, 3))[1]
    # to_text is zero, so the other features cannot change through the instruction.
    assert moved.any(dim=1)[0].tolist() == [[False, False, False], [False, False, True]]


@torch.no_grad()
def test_residual_is_resized_with_the_latents_pixel_centres():
    module = make_unit("one_way")
    coarse, fine = (module(TEXT, IMAGE[:, :2], (1, 2), (1, width))[1].flatten() for width in (2, 4))
    mix = torch.tensor([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    assert torch.allclose(fine, mix @ coarse, atol=1e-6) and coarse[0] != coarse[1]


def find_unreached(module: Interaction) -> set[str]:
    """Return the parts of a module whose parameters get no gradient from both of its outputs."""
    torch.manual_seed(0)
    module.zero_grad()
    text, residual = module(torch.randn(2, 5, 8), torch.randn(2, 6, 4), (2, 3), (4, 6))
    ((text - 1).square().mean() + (residual - 1).square().mean()).backward()
    return {name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()}


@pytest.mark.parametrize("mode", ["one_way", "both"])
def test_zero_projections_learn_first_and_then_gradients_reach_every_part(mode):
    module = Interaction(width=8, image_width=4, channels=3, heads=2, mode=mode)
    zero = {"to_condition", "to_text"} if mode == "both" else {"to_condition"}
    reached = {name.split(".")[0] for name, _ in module.named_parameters()} - {
        n.split(".")[0] for n in find_unreached(module)
    }
    assert reached == zero
    for name in zero:
        nn.init.normal_(getattr(module, name).weight)
    assert find_unreached(module) == set()


@pytest.mark.parametrize("mode", ["one_way", "both"])
def test_gradients_of_both_inputs_equal_finite_differences(mode):
    module = Interaction(width=4, image_width=3, channels=2, heads=2, mode=mode).double()
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    inputs = [torch.randn(1, count, width, dtype=torch.double, requires_grad=True) for count, width in ((2, 4), (4, 3))]
    assert torch.autograd.gradcheck(lambda text, image: module(text, image, (2, 2), (2, 3)), inputs)


@torch.no_grad()
def test_the_mlp_is_pointwise_and_follows_the_attention_to_the_image():
    """Without image features the instruction is changed by the MLP of itself and its self-attention."""
    torch.manual_seed(0)
    module = Interaction(width=8, image_width=4, channels=3, heads=2)
    nn.init.eye_(module.to_text.weight)
    for part in (module.self_attention, module.image_to_text):
        nn.init.zeros_(part.out_proj.weight)
    text, image = torch.randn(1, 5, 8), torch.randn(1, 6, 4)
    expected = torch.stack([token + module.mlp(token) for token in text[0]])
    assert torch.allclose(module(text, image, (2, 3), (2, 3))[0][0], expected, atol=1e-6)
