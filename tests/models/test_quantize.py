"""Tests of quantised frozen layers: they change the output little and pass gradients. They need bitsandbytes."""

import builtins
from typing import Any

import pytest
import torch

from helpers.tiny_models import SD35, base, inputs, move_weights
from omniedit import models
from omniedit.config.fitting import LoraConfig
from omniedit.errors import UserError
from omniedit.models.lora import add_adapters
from omniedit.models.quantize import frozen_linears, quantize_frozen

CPU = torch.device("cpu")


def test_only_frozen_layers_of_blocks_are_quantised() -> None:
    editor = models.build("editnet", base(SD35))
    assert all(name.startswith("base.transformer_blocks.") for name in frozen_linears(editor))
    before = len(frozen_linears(editor))
    add_adapters(editor, LoraConfig(rank=2), seed=0)
    names = set(frozen_linears(editor))
    assert "control_blocks.0.block.attn.to_q.base_layer" in names and len(names) == 2 * before
    assert not any("lora" in name or name.endswith(("to_image", "to_text")) for name in names)


def test_a_missing_package_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *given: Any, **options: Any) -> Any:
        if name.startswith("bitsandbytes"):
            raise ImportError("No module named 'bitsandbytes'")
        return real(name, *given, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"train\.base\.quantize: nf4 needs bitsandbytes .*pip install bitsandbytes"):
        quantize_frozen(models.build("editnet", base(SD35)), "nf4", CPU)


@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
@pytest.mark.parametrize(("method", "error"), [("int8", 0.01), ("nf4", 0.06)])
def test_quantised_layers_stay_close_and_pass_gradients(method: str, error: float, dora: bool) -> None:
    pytest.importorskip("bitsandbytes")
    editor, plain = (move_weights(models.build("editnet", base(SD35))) for _ in range(2))
    for net in (editor, plain):
        add_adapters(net, LoraConfig(rank=2, dora=dora, targets="both"), seed=0)
    quantize_frozen(editor, method, CPU)
    outputs = []
    for net in (editor, plain):
        outputs.append(net(**inputs()))
        outputs[-1].square().mean().backward()
    change = (outputs[0] - outputs[1]).abs().max() / outputs[1].abs().max()
    assert 0 < change < error
    mine, exact = (
        torch.cat([p.grad.flatten() for p in net.parameters() if p.requires_grad]) for net in (editor, plain)
    )
    assert torch.cosine_similarity(mine, exact, dim=0) > 0.95
    assert not any(p.requires_grad for name, p in editor.named_parameters() if "base_layer" in name)
