"""Training steps to measure: plain AdamW, and the step of the trainer under DeepSpeed."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from diffusers.models.attention import JointTransformerBlock
from torch import Tensor, nn

from omniedit.config.schema import TrainConfig
from omniedit.config.training_options import TrainerOptions
from omniedit.models.editor import Editor
from omniedit.models.lora import add_adapters
from omniedit.models.quantize import quantize_frozen
from omniedit.training.blocks import checkpoint_forward, prepare_blocks, recomputes


class Step:
    """Training step of a model with plain AdamW."""

    def __init__(self, make: Callable[[], nn.Module], dtype: torch.dtype, inputs: Mapping[str, Tensor]) -> None:
        # nn.Module.to, because diffusers' own method logs a warning at every cast.
        self.model = nn.Module.to(make(), dtype)
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(self.trained, lr=1e-4, fused=True)
        self.inputs = inputs

    def run(self) -> None:
        loss = self.model(**self.inputs).float().square().mean()
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()


class EngineStep:
    """Optimizer step as `omniedit.training.trainer` takes it, on one rank.

    Args:
        model: with its dtype and its blocks prepared; its parameters that require gradients are trained.
    """

    def __init__(self, model: nn.Module, options: TrainerOptions) -> None:
        import deepspeed

        from omniedit.training.eight_bit import make_optimizer
        from omniedit.training.schedule import BETA1
        from omniedit.training.state import TrainingState
        from omniedit.training.trainer import deepspeed_config

        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        betas = (BETA1, options.adam_beta2)
        self.optimizer = make_optimizer(options, trained.values(), betas, sharded=options.zero_stage > 0)
        self.engine, *_ = deepspeed.initialize(
            model=model, optimizer=self.optimizer, config=deepspeed_config(options, 1)
        )
        TrainingState(trained, self.engine, self.optimizer)

    def take(self, loss: Tensor) -> None:
        self.engine.backward(loss, scale_wrt_gas=False)
        self.optimizer.param_groups[0]["lr"], self.optimizer.ema_decay, self.optimizer.skip_reason = 1e-4, 0.99, None
        self.engine.step()


class TrainerStep(Step):
    """Training step as `omniedit.training.trainer` takes it, on one rank."""

    def __init__(self, make: Callable[[], nn.Module], options: TrainConfig, inputs: Mapping[str, Tensor]) -> None:
        self.model = nn.Module.to(make(), getattr(torch, options.dtype))
        prepare(self.model, options)
        self.step = EngineStep(self.model, options)
        self.optimizer = self.step.optimizer
        self.inputs, self.seconds = inputs, list[float]()

    def run(self) -> None:
        start = time.perf_counter()
        self.step.take(self.step.engine(**self.inputs).float().square().mean())
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - start)


def prepare(model: nn.Module, options: TrainConfig) -> None:
    """Set up an editor as training does; for diffusers' models, set up recomputation and compilation of the same
    blocks.
    """
    if isinstance(model, Editor):
        targets = "control" if hasattr(model, "control_blocks") else "base"
        add_adapters(model, options.lora.model_copy(update={"targets": targets}), seed=0)
        if options.base.quantize:
            quantize_frozen(model, options.base.quantize, model.device)
        prepare_blocks(model, options)
        return
    blocks: list[Any] = [module for module in model.modules() if isinstance(module, JointTransformerBlock)]
    for index, block in enumerate(blocks):
        forward = torch.compile(block.forward, dynamic=False) if options.compile else block.forward
        block.forward = checkpoint_forward(forward) if recomputes(index, options) else forward
