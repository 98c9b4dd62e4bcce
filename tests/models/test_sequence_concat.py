"""Tests of sequence concatenation: its start, its gate, and references that are missing."""

from typing import Any

import pytest
import torch

from helpers.tiny_bases import inputs, make
from helpers.tiny_models import move_weights
from omniedit.models.sequence_concat import MAX_REFERENCES, SequenceConcat

BASES = ("sd3", "sd35", "flux", "qwen_image", "z_image")


def build(base: str, gated: bool = False) -> SequenceConcat:
    return SequenceConcat.from_transformer(make(base), gated=gated).eval()


@pytest.fixture(params=BASES)
def base(request: pytest.FixtureRequest) -> Any:
    return request.param


@torch.no_grad()
def test_open_gates_give_the_sequence_without_gates(base: str) -> None:
    plain, gated, x = build(base), build(base, gated=True), inputs(base)
    for gate in gated.gates:
        torch.nn.init.ones_(gate)
    torch.testing.assert_close(gated(**x), plain(**x))


@torch.no_grad()
def test_missing_reference_changes_nothing_and_a_present_one_does(base: str) -> None:
    net, x = move_weights(build(base)).eval(), inputs(base, texts=(5, 3))
    references = torch.randn(2, 2, 16, 8, 12, generator=torch.Generator().manual_seed(3))
    mask = torch.tensor([[True, False], [False, False]])
    with_mask = net(**x, references=references, reference_mask=mask)
    other = references.clone()
    other[~mask] = 9
    assert torch.equal(net(**x, references=other, reference_mask=mask), with_mask)
    torch.testing.assert_close(with_mask[1], net(**x)[1])
    torch.testing.assert_close(with_mask[0], net(**x, references=references[:, :1])[0])
    assert not torch.allclose(with_mask[0], net(**x)[0], atol=1e-4)


@torch.no_grad()
def test_reference_and_source_are_distinguished(base: str) -> None:
    net, x = move_weights(build(base)).eval(), inputs(base)
    reference = torch.randn(2, 16, 8, 12, generator=torch.Generator().manual_seed(3))
    swapped = {"condition": reference, "references": x["condition"][:, None]}
    one, two = net(**x, references=reference[:, None]), net(**x | swapped)
    assert not torch.allclose(one, two, atol=1e-5)


def test_more_references_than_learned_vectors_are_an_error() -> None:
    x = inputs("sd3")
    references = x["condition"][:, None].expand(-1, MAX_REFERENCES + 1, -1, -1, -1)
    with pytest.raises(ValueError, match="5 images, but this editor takes at most 4"):
        build("sd3")(**x, references=references)
