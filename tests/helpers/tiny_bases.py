"""Tiny transformers of each base, inputs for them, and what diffusers itself computes from these inputs."""

from typing import Any

import torch
from diffusers import FluxTransformer2DModel, QwenImageTransformer2DModel, ZImageTransformer2DModel

from helpers.tiny_models import SD3, SD35
from helpers.tiny_models import base as tiny_sd3

TEXT_WIDTH = 24
FLUX = {"num_layers": 2, "num_single_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2}
FLUX |= {"joint_attention_dim": TEXT_WIDTH, "pooled_projection_dim": TEXT_WIDTH}
QWEN: dict[str, Any] = {"num_layers": 3, "attention_head_dim": 16, "num_attention_heads": 2}
Z_IMAGE: dict[str, Any] = {"dim": 32, "n_layers": 3, "n_refiner_layers": 1, "n_heads": 2, "n_kv_heads": 2}
Z_IMAGE |= {"cap_feat_dim": TEXT_WIDTH, "axes_dims": [4, 6, 6], "axes_lens": [600, 64, 64]}
BASES = ("sd3", "sd35", "flux", "flux_schnell", "qwen_image", "z_image")


def make(name: str) -> Any:
    torch.manual_seed(0)
    net = {
        "sd3": lambda: tiny_sd3(SD3),
        "sd35": lambda: tiny_sd3(SD35),
        "flux": lambda: FluxTransformer2DModel(**FLUX, axes_dims_rope=(4, 6, 6), guidance_embeds=True),
        "flux_schnell": lambda: FluxTransformer2DModel(**FLUX, axes_dims_rope=(4, 6, 6)),
        "qwen_image": lambda: QwenImageTransformer2DModel(
            **QWEN, joint_attention_dim=TEXT_WIDTH, axes_dims_rope=(4, 6, 6)
        ),
        "z_image": lambda: ZImageTransformer2DModel(**Z_IMAGE),
    }[name]()
    if name == "z_image":
        for pad_token in (net.x_pad_token, net.cap_pad_token):
            torch.nn.init.normal_(pad_token)
    return net.eval()


def inputs(name: str, dtype: torch.dtype = torch.float32, texts: tuple[int, int] = (5, 5)) -> dict[str, torch.Tensor]:
    """Return inputs of an editor over a base.

    Args:
        texts: number of text tokens that count in each sample, for bases with a mask.
    """
    g = torch.Generator().manual_seed(1)
    noisy, condition = (torch.randn(2, 16, 8, 12, generator=g).to(dtype) for _ in range(2))
    prompt = torch.randn(2, max(texts), TEXT_WIDTH, generator=g).to(dtype)
    pooled = torch.randn(2, TEXT_WIDTH, generator=g).to(dtype)
    if name in ("qwen_image", "z_image"):
        pooled = torch.stack([(torch.arange(max(texts)) < tokens).to(dtype) for tokens in texts])
    timestep = torch.tensor([992.0, 4.0], dtype=dtype)  # bfloat16 has these values
    given = {"noisy": noisy, "timestep": timestep, "prompt_embeds": prompt, "pooled": pooled}
    return given | {"condition": condition}


def demonstrations(base: str, count: int = 2) -> dict[str, torch.Tensor]:
    """Return references with masks and captions, as further inputs of an editor over a base."""
    g = torch.Generator().manual_seed(3)
    is_masked = base in ("qwen_image", "z_image")
    return {
        "references": torch.randn(2, count, 16, 8, 12, generator=g),
        "reference_mask": torch.ones(2, count, dtype=torch.bool),
        "reference_prompts": torch.randn(2, count, 5, TEXT_WIDTH, generator=g),
        "reference_pooled": torch.ones(2, count, 5) if is_masked else torch.randn(2, count, TEXT_WIDTH, generator=g),
    }


def diffusers_velocity(net: Any, x: dict[str, torch.Tensor], *images: torch.Tensor) -> torch.Tensor:
    """Return the velocity that diffusers' pipelines take from a transformer.

    Args:
        images: latents of further images in the sequence, as in FLUX.1-Kontext and Qwen-Image-Edit.
    """
    name, size, time = type(net).__name__, x["noisy"].shape[-2:], x["timestep"] / 1000
    if name == "SD3Transformer2DModel":
        return net(x["noisy"], x["prompt_embeds"], x["pooled"], x["timestep"]).sample
    if name == "ZImageTransformer2DModel":
        texts = [text[mask > 0] for text, mask in zip(x["prompt_embeds"], x["pooled"], strict=True)]
        sample = net(list(x["noisy"].unsqueeze(2)), (1000 - x["timestep"]) / 1000, texts).sample
        return -torch.stack(sample).squeeze(2)
    tokens = torch.cat([pack(each) for each in (x["noisy"], *images)], dim=1)
    if name == "FluxTransformer2DModel":
        rows, columns = size[0] // 2, size[1] // 2
        ids = torch.cat([flux_ids(rows, columns, index) for index in range(1 + len(images))])
        guidance = torch.full([2], 3.5) if net.config.guidance_embeds else None
        text_ids = torch.zeros(x["prompt_embeds"].shape[1], 3)
        output = net(tokens, x["prompt_embeds"], x["pooled"], time, ids, text_ids, guidance).sample
    else:
        shapes = [[(1, size[0] // 2, size[1] // 2)] * (1 + len(images))] * 2
        output = net(tokens, x["prompt_embeds"], x["pooled"].bool(), time, shapes).sample
    output = output[:, : size.numel() // 4].reshape(2, size[0] // 2, size[1] // 2, 16, 2, 2)
    return output.permute(0, 3, 1, 4, 2, 5).reshape(2, 16, *size)


def pack(latents: torch.Tensor) -> torch.Tensor:
    batch, channels, height, width = latents.shape
    cells = latents.view(batch, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return cells.reshape(batch, height * width // 4, 4 * channels)


def flux_ids(rows: int, columns: int, index: int) -> torch.Tensor:
    ids = torch.zeros(rows, columns, 3)
    ids[..., 0], ids[..., 1], ids[..., 2] = index, torch.arange(rows)[:, None], torch.arange(columns)
    return ids.reshape(-1, 3)
