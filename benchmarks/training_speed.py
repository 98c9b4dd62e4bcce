"""Measure how well a training step uses the machine: time per operation of each editor and of diffusers' own models.

    python benchmarks/training_speed.py                     # a small SD3, on a CPU: minutes
    python benchmarks/training_speed.py --full              # SD3-Medium's size at 1024 x 1024, on a GPU, in bfloat16
    python benchmarks/training_speed.py --full --checkpointing selective --compile --largest-batch --models editnet
    python benchmarks/training_speed.py --full --models editnet --lora-rank 64 --quantize nf4 --optimizer adamw8bit

The peer is diffusers' plain `SD3Transformer2DModel` of the same width, with all weights trained. diffusers'
`SD3ControlNetModel` over its frozen SD3 is measured too. A step is forward, backward, clipping and AdamW. The small
models take turns, so that a machine that slows down slows all of them. Weights are random, because speed does not
depend on them. With --full, each model is alone in memory and its step is the trainer's: DeepSpeed's engine, float32
copies of the bfloat16 weights, AdamW with its guard, EMA weights.
"""

import argparse
import gc
import statistics
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from diffusers import SD3ControlNetModel, SD3Transformer2DModel
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import median_in_turns
from benchmarks.training_steps import Step, TrainerStep
from omniedit import models
from omniedit.config.fitting import LoraConfig
from omniedit.config.schema import TrainConfig
from omniedit.config.training import BaseConfig
from omniedit.models.activations import sample_inputs
from omniedit.models.cost import SD3_MEDIUM
from omniedit.training.speed import memory_gb, peak_flops

COMPARED = ("editnet", "controlnet", "controlnet_text", "channel_concat")
"""Architectures that the paper compares."""
SMALL: dict[str, Any] = {
    **SD3_MEDIUM,
    "num_layers": 4,
    "num_attention_heads": 8,
    "joint_attention_dim": 512,
    "caption_projection_dim": 512,
    "pooled_projection_dim": 512,
}
"""SD3 of width 512, with four layers."""
FULL = (SD3_MEDIUM, 128, 333)
"""Config, latent side and number of text tokens of the full size."""
FIRST = 2
"""Number of steps before timing starts. They include one-time work such as compilation."""


class Plain(nn.Module):
    """SD3 itself, with the interface of an editor."""

    def __init__(self, base: Any) -> None:
        super().__init__()
        self.base = base.requires_grad_(True)

    def forward(
        self, noisy: Tensor, timestep: Tensor, prompt_embeds: Tensor, pooled: Tensor, condition: Tensor
    ) -> Tensor:
        return self.base(noisy, prompt_embeds, pooled, timestep, return_dict=False)[0]


class DiffusersControlNet(nn.Module):
    """ControlNet as diffusers trains it: a copy of every block of SD3, whose outputs are added to the frozen SD3's."""

    def __init__(self, base: Any) -> None:
        super().__init__()
        # Weights are random anyway, and with as many layers as SD3 the loader fails on the last block.
        self.control = SD3ControlNetModel.from_transformer(
            base,
            num_layers=base.config["num_layers"],
            num_extra_conditioning_channels=0,
            load_weights_from_transformer=False,
        )
        self.base = base.requires_grad_(False)

    def forward(
        self, noisy: Tensor, timestep: Tensor, prompt_embeds: Tensor, pooled: Tensor, condition: Tensor
    ) -> Tensor:
        inputs = {"encoder_hidden_states": prompt_embeds, "pooled_projections": pooled, "timestep": timestep}
        residuals = self.control(noisy, condition, **inputs, return_dict=False)[0]
        return self.base(noisy, **inputs, block_controlnet_hidden_states=residuals, return_dict=False)[0]


def architectures(config: Mapping[str, Any]) -> dict[str, Callable[[], nn.Module]]:
    """Return a constructor for each model, by name. The first model is the peer."""

    def base() -> SD3Transformer2DModel:
        return SD3Transformer2DModel.from_config(dict(config))

    editors = {name: lambda name=name: models.create(name, dict(config)) for name in COMPARED}
    return {
        "diffusers SD3": lambda: Plain(base()),
        "diffusers SD3ControlNet": lambda: DiffusersControlNet(base()),
        **editors,
    }


def batch(config: Mapping[str, Any], latent: int, tokens: int, count: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return random arguments for a forward pass, on the default device."""
    shapes = sample_of_config(config, latent, tokens, dtype)
    inputs = {name: torch.randn(count, *value.shape[1:]).to(dtype) for name, value in shapes.items()}
    return inputs | {"timestep": torch.rand(count).to(dtype) * 1000}


def sample_of_config(config: Mapping[str, Any], latent: int, tokens: int, dtype: torch.dtype) -> dict[str, Tensor]:
    with torch.device("meta"):
        return sample_inputs(models.create("editnet", dict(config)), (latent, latent), tokens, dtype)


def operations(make: Callable[[], nn.Module], config: Mapping[str, Any], latent: int, tokens: int) -> int:
    """Return the FLOPs of a sample's forward and backward pass. Attention is two plain products; nothing is
    recomputed.
    """
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        make()(**sample_of_config(config, latent, tokens, torch.float32)).sum().backward()
    return counter.get_total_flops()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="SD3-Medium's size, in bfloat16, one model after another")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=9)
    parser.add_argument("--models", help="some of them, separated by commas (default: all)")
    full = parser.add_argument_group("with --full")
    full.add_argument("--checkpointing", choices=["none", "selective", "all"], default="none")
    full.add_argument("--compile", action="store_true", help="each block, with torch.compile")
    full.add_argument("--largest-batch", action="store_true", help="double --batch until a model is out of memory")
    full.add_argument("--zero-stage", type=int, choices=[0, 1, 2, 3], default=2)
    full.add_argument("--zero-offload", choices=["none", "optimizer", "all"], default="none")
    full.add_argument("--optimizer", choices=["adamw", "adamw8bit", "paged_adamw8bit"], default="adamw")
    full.add_argument("--lora-rank", type=int, default=0, help="adapters of the editors' blocks; 0: none")
    full.add_argument("--dora", action="store_true", help="with --lora-rank")
    full.add_argument("--quantize", choices=["int8", "nf4"], help="frozen layers of the editors")
    args = parser.parse_args()

    device = "cuda" if torch.cuda.is_available() else "cpu"
    config, latent, tokens = FULL if args.full else (SMALL, 32, 77)
    makers = architectures(config)
    if args.models:
        makers = {name: makers[name] for name in args.models.split(",")}
    if args.full:
        run_full(makers, config, latent, tokens, args)
        return
    torch.set_default_device(device)
    inputs = batch(config, latent, tokens, args.batch, torch.float32)
    runs = {name: Step(make, torch.float32, inputs).run for name, make in makers.items()}
    print_table(makers, median_in_turns(runs, args.steps - 1), config, latent, tokens, args.batch)


def run_full(
    makers: Mapping[str, Callable], config: Mapping[str, Any], latent: int, tokens: int, args: argparse.Namespace
) -> None:
    """Print a line per model and batch size, then the table for the models that fit at the first batch size."""
    from omniedit.training.ranks import join_ranks, leave_ranks

    device, first = join_ranks(), dict[str, float]()
    for name, make in makers.items():
        flops, count = operations(make, config, latent, tokens), args.batch
        while True:
            options = TrainConfig(
                batch_size=count,
                dtype="bfloat16",
                zero_stage=args.zero_stage,
                checkpoint_activations=args.checkpointing,
                compile=args.compile,
                zero_offload=args.zero_offload,
                optimizer=args.optimizer,
                base=BaseConfig(quantize=args.quantize),
                lora=LoraConfig(rank=args.lora_rank, dora=args.dora),
            )
            inputs = partial(batch, config, latent, tokens, count, torch.bfloat16)
            seconds = time_alone(make, options, args.steps, device, inputs)
            print(full_line(name, count, seconds, flops), flush=True)
            if seconds is not None and count == args.batch:
                first[name] = seconds
            if seconds is None or not args.largest_batch:
                break
            count *= 2
    if first:
        print_table(makers, first, config, latent, tokens, args.batch)
    leave_ranks()


def full_line(name: str, count: int, seconds: float | None, flops: int) -> str:
    if seconds is None:
        return f"{name}: out of memory at batch {count}"
    peak = peak_flops()
    mfu = f", MFU {count * flops / seconds / peak:.1%}" if peak else ""
    return f"{name}: batch {count}, {count / seconds:.2f} images/s{mfu}, {memory_gb():.1f} GB at most"


def time_alone(
    make: Callable, options: TrainConfig, steps: int, device: torch.device, inputs: Callable[[], dict[str, Tensor]]
) -> float | None:
    """Return the median seconds of a model's step, or None if it does not fit in memory."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    step = None
    try:
        with torch.device(device):
            step = TrainerStep(make, options, inputs())
        for _ in range(FIRST + steps):
            step.run()
        return statistics.median(step.seconds[FIRST:])
    except torch.OutOfMemoryError:
        return None
    finally:
        step = None
        gc.collect()
        torch.cuda.empty_cache()


def print_table(
    makers: Mapping[str, Callable],
    seconds: Mapping[str, float],
    config: Mapping[str, Any],
    latent: int,
    tokens: int,
    count: int,
) -> None:
    """Print each model's step, its seconds per FLOP relative to the peer's, and its share of the GPU's peak if
    known.
    """
    peer, *_ = makers
    flops = {name: count * operations(makers[name], config, latent, tokens) for name in seconds}
    rates = {name: flops[name] / seconds[name] for name in seconds}
    print(f"{'':<24}{'TFLOP':>9}{'s a step':>10}{'samples/s':>11}{'TFLOP/s':>9}{'time a FLOP over peer':>23}{'MFU':>7}")
    for name, rate in rates.items():
        over = f"{rates[peer] / rate:.3f}" if peer in rates else ""
        peak = peak_flops()
        mfu = f"{rate / peak:.0%}" if peak else ""
        print(
            f"{name:<24}{flops[name] / 1e12:>9.3f}{seconds[name]:>10.3f}{count / seconds[name]:>11.2f}"
            f"{rate / 1e12:>9.3f}{over:>23}{mfu:>7}"
        )


if __name__ == "__main__":
    main()
