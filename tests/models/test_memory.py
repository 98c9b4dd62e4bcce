"""Tests of the memory of a training: a case computed by hand, and the bytes of a network in memory."""

from typing import Any

from helpers.tiny_models import SD3, base
from omniedit import models
from omniedit.config.fitting import LoraConfig
from omniedit.config.schema import TrainConfig
from omniedit.models.cost import Cost, count_quantisable, count_weights
from omniedit.models.lora import add_adapters
from omniedit.models.memory import peak_bytes, state_memory

COST = Cost(parameters=1000, trained=400, forward_flops=0, step_flops=0, saved_bytes=0, quantisable=480)


def parts(stage: int, ranks: int = 4, quantize: str | None = None, **options: Any) -> tuple[float, ...]:
    memory = state_memory(COST, TrainConfig.model_validate({"dtype": "bfloat16"} | options), quantize, stage, ranks)
    assert memory.total == memory.weights + memory.gradients + memory.optimizer + memory.ema
    return memory.weights, memory.gradients, memory.optimizer, memory.ema, memory.host


def test_memory_of_the_state_matches_a_calculation_by_hand() -> None:
    """1000 weights, 400 of them trained: 2 bytes each in bfloat16, 4 + 8 for AdamW and 4 for the EMA."""
    assert parts(0) == (2000, 800, 4800, 1600, 0)
    assert parts(1) == (2000, 800, 1200, 400, 0)
    assert parts(2) == (2000, 200, 1200, 400, 0)
    assert parts(3) == (500, 200, 1200, 400, 0)
    assert parts(2, dtype="float32") == (4000, 400, 1200, 400, 0)


def test_each_memory_option_changes_only_its_part() -> None:
    moments = 400 * (2 + 8 / 256)
    assert parts(0, optimizer="adamw8bit") == (2000, 800, 1600 + moments, 1600, 0)
    assert parts(0, optimizer="paged_adamw8bit") == (2000, 800, 1600, 1600, moments)
    assert parts(2, zero_offload="optimizer") == (2000, 200, 0, 0, 1600)
    assert parts(0, quantize="int8")[0] == 2 * 520 + 480
    assert parts(0, quantize="nf4")[0] == 2 * 520 + 480 * (0.5 + 4 / 64)


def test_the_optimizer_step_needs_a_flat_copy_of_the_gradients_at_zero_1_and_2() -> None:
    """400 gradients on 4 GPUs, in bfloat16 and float32: 6 bytes each."""
    options = {name: TrainConfig.model_validate({"dtype": name}) for name in ("bfloat16", "float32")}
    peaks = [peak_bytes(500, COST, options["bfloat16"], stage, 4) for stage in range(4)]
    assert peaks == [500, 600, 600, 500]
    assert peak_bytes(700, COST, options["bfloat16"], 2, 4) == 700
    assert peak_bytes(500, COST, options["float32"], 2, 4) == 500


def test_counted_weights_match_a_network_in_memory() -> None:
    editor = models.build("editnet", base(SD3))
    add_adapters(editor, LoraConfig(rank=2), seed=0)
    cost = Cost(*count_weights(editor), 0, 0, 0, count_quantisable(editor))
    memory = state_memory(cost, TrainConfig(), None, 0, 1)
    assert memory.weights == sum(p.nbytes for p in editor.parameters())
    assert memory.gradients == sum(p.nbytes for p in editor.parameters() if p.requires_grad)
    blocks = [*editor.base_blocks, *(control.block for control in editor.control_blocks)]
    frozen = (p for block in blocks for p in block.parameters() if p.ndim == 2 and not p.requires_grad)
    assert cost.quantisable == sum(p.numel() for p in frozen)
