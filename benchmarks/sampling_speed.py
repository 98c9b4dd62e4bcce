"""Measure the seconds per edit of EditNet and of diffusers' `StableDiffusion3ControlNetPipeline`, which take turns.

    python benchmarks/sampling_speed.py                     # a small SD3, on a CPU
    python benchmarks/sampling_speed.py --full              # SD3-Medium's size at 1024 x 1024, on a GPU, in bfloat16

Both go from text embeddings and an image to latents in 28 steps of the same scheduler. The peer has a ControlNet as
deep as its SD3 and one guidance scale: two forward passes per step, in one batch. EditNet has two guidance scales:
three forward passes per step. It is also run with the embeddings of text and source computed in each step, not once,
and with a control block before every second block. Weights are random, because speed does not depend on them.
"""

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from unittest import mock

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    SD3ControlNetModel,
    SD3Transformer2DModel,
    StableDiffusion3ControlNetPipeline,
)
from torch import nn

from benchmarks.timing import median_in_turns
from benchmarks.training_speed import SMALL
from omniedit.models import create
from omniedit.models.cost import SD3_MEDIUM
from omniedit.models.sampling import Conditioning, Guidance, SamplerState, sample

STEPS = 28
PEER = "StableDiffusion3ControlNetPipeline, one scale"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="SD3-Medium's size, in bfloat16")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")
    config, side, tokens = (SD3_MEDIUM, 1024, 333) if args.full else (SMALL, 256, 77)
    dtype = torch.bfloat16 if args.full else torch.float32
    prompt = torch.randn(2, tokens, config["joint_attention_dim"])
    pooled = torch.randn(2, config["pooled_projection_dim"])
    texts = [x.to(dtype) for x in (*prompt[:, None], *pooled[:, None])]
    scales = Guidance(7.5, 1.5)
    runs = {
        "EditNet, two scales": edit(config, side, dtype, texts, scales),
        "EditNet, no guidance": edit(config, side, dtype, texts, Guidance(1.0, 1.0)),
        "EditNet, two scales, embedded in each step": edit_without_reuse(config, side, dtype, texts, scales),
        "EditNet every 2 blocks, two scales": edit(config, side, dtype, texts, scales, "editnet_every2"),
        PEER: controlnet(config, side, dtype, texts),
    }
    medians = median_in_turns(runs, args.rounds)
    print(f"at {side} x {side}, {STEPS} steps, {args.rounds} rounds in turns")
    for name, median in medians.items():
        print(f"{name:<48}{median:>8.2f} s an image, {median / medians[PEER]:.2f} of the peer's")


def edit(
    config: dict[str, Any], side: int, dtype: torch.dtype, texts: list, guidance: Guidance, name: str = "editnet"
) -> Callable[[], Any]:
    network = nn.Module.to(create(name, config), dtype).eval()
    source, noise = torch.randn(2, 1, 16, side // 8, side // 8)
    scheduler, inputs = FlowMatchEulerDiscreteScheduler(shift=3.0), Conditioning(source, *texts)
    return lambda: sample(network, scheduler, SamplerState(inputs, guidance, noise), STEPS)


def edit_without_reuse(*given: Any) -> Callable[[], Any]:
    """Return an edit that embeds text and source in each step."""
    run = edit(*given)

    def run_without_reuse() -> None:
        with mock.patch("omniedit.models.sampling.reuse_constant_outputs", lambda network: nullcontext()):
            run()

    return run_without_reuse


def controlnet(config: dict[str, Any], side: int, dtype: torch.dtype, texts: list) -> Callable[[], Any]:
    transformer = SD3Transformer2DModel.from_config(config)
    control = SD3ControlNetModel.from_transformer(
        transformer,
        num_layers=config["num_layers"],
        num_extra_conditioning_channels=0,
        load_weights_from_transformer=False,
    )
    vae: Any = AutoencoderKL(
        block_out_channels=(32, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=16,
        shift_factor=0.0609,
    )
    absent: dict[str, Any] = {
        f"{kind}{number}": None for kind in ("text_encoder", "tokenizer") for number in ("", "_2", "_3")
    }
    pipeline: Any = StableDiffusion3ControlNetPipeline(
        transformer=transformer.to(dtype).eval(),
        controlnet=control.to(dtype).eval(),
        vae=vae.to(dtype),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        **absent,
    )
    pipeline.set_progress_bar_config(disable=True)
    prompt, negative, pooled, negative_pooled = texts
    return lambda: pipeline(
        prompt_embeds=prompt,
        negative_prompt_embeds=negative,
        pooled_prompt_embeds=pooled,
        negative_pooled_prompt_embeds=negative_pooled,
        control_image=torch.zeros(1, 3, side, side, dtype=dtype),
        num_inference_steps=STEPS,
        height=side,
        width=side,
        output_type="latent",
    )


if __name__ == "__main__":
    main()
