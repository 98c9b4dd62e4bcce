"""Measure the memory of prompt-to-prompt in SD3's joint attention: one layer, one pair, 1024 x 1024, on a CPU.

    python -m benchmarks.attention_memory

The layer has SD3-Medium's width and SD3's 333 text tokens. Also prints the size that the attention maps of all heads
would have; the layer never holds them all at once.
"""

import torch
from diffusers.models.attention_processor import Attention, JointAttnProcessor2_0

from benchmarks.timing import peak_gb
from omniedit.models.cost import SD3_MEDIUM
from omniedit.specialists.learned.attention_control import AttentionControl, ControlRange, JointControl
from omniedit.specialists.learned.token_alignment import TokenMap

WIDTH, HEADS = SD3_MEDIUM["caption_projection_dim"], SD3_MEDIUM["num_attention_heads"]
IMAGE_TOKENS, TEXT_TOKENS = 64 * 64, 77 + 256
STEPS = 28


@torch.no_grad()
def main() -> None:
    attention = Attention(
        query_dim=WIDTH,
        added_kv_proj_dim=WIDTH,
        dim_head=WIDTH // HEADS,
        heads=HEADS,
        out_dim=WIDTH,
        context_pre_only=False,
        bias=True,
    )
    words = torch.ones(TEXT_TOKENS)
    control = AttentionControl([TokenMap(torch.eye(TEXT_TOKENS), words, words)], ControlRange(), STEPS)
    image, text = torch.randn(2, IMAGE_TOKENS, WIDTH), torch.randn(2, TEXT_TOKENS, WIDTH)
    before = peak_gb()
    JointControl("layer", control, JointAttnProcessor2_0())(attention, image, text)
    maps = 4 * HEADS * IMAGE_TOKENS * (IMAGE_TOKENS + TEXT_TOKENS) / 1e9
    print(f"a layer with a pair: {peak_gb() - before:.2f} GB; maps of one row's image tokens, all heads: {maps:.2f} GB")


if __name__ == "__main__":
    main()
