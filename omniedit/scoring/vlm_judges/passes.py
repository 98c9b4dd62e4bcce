"""Passes of a batch of prompts through a model, with cached keys and values.

B  prompts of a batch     T  tokens     V  the vocabulary
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

TokenPrompt = Sequence[int]
"""Tokens of a prompt, including those of its images."""


class Passes:
    """Forward passes over the texts of a batch, with cached keys and values.

    Args:
        model: image-text-to-text model of transformers.
        cache: keys and values of the text read before.
        mask_BT: 1 for text, 0 for padding.
    """

    def __init__(self, model: Any, cache: DynamicCache, mask_BT: Tensor) -> None:
        self.model, self.cache, self.mask_BT = model, cache, mask_BT
        self._offset_B1 = mask_BT.new_zeros(len(mask_BT), 1)

    def read_prompts(self, ids_BT: Tensor, mask_BT: Tensor, images: Mapping[str, Any]) -> Tensor:
        """Read prompts, padded on the left, whose first tokens are cached.

        Args:
            ids_BT: all tokens of the prompts, including those in the cache.
            images: arguments of `forward` that show their images.

        Returns:
            The (B, V) probabilities of the next token.
        """
        known = self.mask_BT.shape[1]
        positions, self._offset_B1 = prompt_positions(self.model, ids_BT, mask_BT, images)
        self.mask_BT = mask_BT
        return self._forward(ids_BT[:, known:], positions[..., known:], **images)

    def read(self, ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
        """Read further tokens, padded on the left, and return the (B, V) probabilities of the next one."""
        self.mask_BT = torch.cat([self.mask_BT, mask_BT], dim=1)
        positions_BT = text_positions(self.mask_BT)[:, -ids_BT.shape[1] :] + self._offset_B1
        if hasattr(self.model.model, "get_rope_index"):
            return self._forward(ids_BT, positions_BT.expand(3, *positions_BT.shape))
        return self._forward(ids_BT, positions_BT)

    def forget(self, tokens: int) -> None:
        """Drop the last tokens, as if they had not been read."""
        self.cache.crop(-tokens)
        self.mask_BT = self.mask_BT[:, :-tokens]

    def _forward(self, ids_BT: Tensor, positions: Tensor, **images: Any) -> Tensor:
        output: Any = self.model(
            input_ids=ids_BT,
            attention_mask=self.mask_BT,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
            **images,
        )
        return output.logits[:, -1].float().softmax(-1)


def text_positions(mask_BT: Tensor) -> Tensor:
    """Return the (B, T) positions of tokens in their texts, counted without padding."""
    return (mask_BT.cumsum(1) - 1).clamp(min=0)


def prompt_positions(model: Any, ids_BT: Tensor, mask_BT: Tensor, images: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Return the position of each token, and by how much the text after the prompts is shifted.

    Returns:
        Positions (B, T), or (3, B, T) in time, height and width if the model uses three axes (Qwen-VL); shifts (B, 1).
    """
    if not hasattr(model.model, "get_rope_index"):
        return text_positions(mask_BT), torch.zeros_like(mask_BT[:, :1])
    kinds_BT = image_tokens(model, ids_BT)
    return model.model.get_rope_index(
        ids_BT, mm_token_type_ids=kinds_BT, image_grid_thw=images.get("image_grid_thw"), attention_mask=mask_BT
    )


def image_tokens(model: Any, ids_BT: Tensor) -> Tensor:
    """Return 1 for tokens of images, 0 for text."""
    return (ids_BT == model.config.image_token_id).int()


def pad_left(texts: Sequence[TokenPrompt], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (B, T) tokens and mask; tokens where the mask is 0 have no effect."""
    length = max(map(len, texts))
    ids = [[0] * (length - len(text)) + list(text) for text in texts]
    mask = [[0] * (length - len(text)) + [1] * len(text) for text in texts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)
