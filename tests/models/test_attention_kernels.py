"""Tests that other attention kernels match diffusers' own, and that a missing kernel is reported."""

import sys
from types import ModuleType

import pytest
import torch

from helpers import tiny_bases
from helpers.tiny_models import SD3, SD35, base, inputs, move_weights
from omniedit import models
from omniedit.errors import UserError
from omniedit.models.attention_kernels import set_attention
from omniedit.models.kernels import KERNELS


def exact(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Compute softmax attention over (B, N, H, D), the layout of xformers and flash-attn."""
    scores = torch.einsum("bnhd,bmhd->bhnm", query, key) / query.shape[-1] ** 0.5
    return torch.einsum("bhnm,bmhd->bnhd", scores.softmax(-1), value)


@torch.no_grad()
@pytest.mark.parametrize("kind", [SD3, SD35], ids=["sd3", "sd35"])
@pytest.mark.parametrize("name", KERNELS)
def test_other_attention_kernels_match_the_default(monkeypatch: pytest.MonkeyPatch, name: str, kind: dict) -> None:
    module, function, _ = KERNELS[name]
    package, calls = ModuleType(module), []
    setattr(package, function, lambda *qkv: calls.append(qkv) or exact(*qkv))
    monkeypatch.setitem(sys.modules, module.partition(".")[0], package)
    monkeypatch.setitem(sys.modules, module, package)
    net = move_weights(models.build("editnet", base(kind)))
    expected = net(**inputs())
    set_attention(net, name)
    torch.testing.assert_close(net(**inputs()), expected)
    assert len(calls) == (6 if kind is SD3 else 6 + 4), "three layers, two of them with image-only attention"


@pytest.fixture
def flash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package flash_attn whose kernel nothing calls."""
    package = ModuleType("flash_attn")
    package.flash_attn_func = None
    monkeypatch.setitem(sys.modules, "flash_attn", package)


@pytest.mark.parametrize(
    ("base_name", "architecture"), [("qwen_image", "editnet"), ("z_image", "editnet"), ("sd3", "sequence_concat")]
)
@pytest.mark.usefixtures("flash")
def test_kernel_without_masks_is_rejected_for_editors_that_need_them(base_name: str, architecture: str) -> None:
    net = models.build(architecture, tiny_bases.make(base_name))
    with pytest.raises(UserError, match=r"train\.attention: flash takes no masks, .*; set train\.attention: sdpa"):
        set_attention(net, "flash")


@pytest.mark.usefixtures("flash")
def test_kernel_of_flux_is_chosen_through_diffusers() -> None:
    net = models.build("editnet", tiny_bases.make("flux"))
    set_attention(net, "flash")
    processors = [module.processor for module in net.modules() if hasattr(module, "processor")]
    assert len(processors) == 8, "four blocks of the base, and their copies"
    assert {processor._attention_backend.value for processor in processors} == {"flash"}


def test_missing_attention_kernel_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flash_attn", None)
    with pytest.raises(UserError, match=r"train\.attention: flash is not installed .*; pip install flash-attn, or set"):
        set_attention(base(SD3), "flash")
