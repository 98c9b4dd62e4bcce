"""Bidirectional interaction module (BIM): instruction and image features attend to each other (SmartEdit, section 4.2).

Shapes: B samples, M instruction embeddings of width D, P image features of width V, C latent channels, h w latent
height and width.
"""

from typing import Literal

from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn.functional import interpolate

from omniedit.models.editor import set_to_zero

Mode = Literal["both", "one_way", "none"]
"""What interacts: the whole module, the image with the instruction only (the paper's SimpleCA), or nothing (Plain)."""


class Interaction(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Self-attention of the instruction, instruction queries image, MLP, image queries instruction.

    Both results pass projections that start at zero. The editor's output is therefore unchanged until training.

    Args:
        width: D, width of the instruction embeddings, a multiple of `heads`.
        image_width: V, width of the image features.
        channels: C, channels of the editor's condition.
        mode: parts of the module that exist; the paper's ablation (its Table 2).
    """

    @register_to_config
    def __init__(self, width: int, image_width: int, channels: int, heads: int = 8, mode: Mode = "both") -> None:
        super().__init__()
        self.mode = mode
        if mode == "none":
            return
        self.from_image = nn.Linear(image_width, width)
        if mode == "both":
            self.self_attention = nn.MultiheadAttention(width, heads, batch_first=True)
            self.image_to_text = nn.MultiheadAttention(width, heads, batch_first=True)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
            self.to_text = set_to_zero(nn.Linear(width, width))
        self.text_to_image = nn.MultiheadAttention(width, heads, batch_first=True)
        self.to_condition = set_to_zero(nn.Conv2d(width, channels, 1))

    def forward(
        self, text_BMD: Tensor, image_BPV: Tensor, grid: tuple[int, int], latent_size: tuple[int, int]
    ) -> tuple[Tensor, Tensor | None]:
        """Return the instruction embeddings (B, M, D), and the residual of the condition (B, C, h, w) or None.

        Args:
            grid: rows and columns of the image features; their product is P.
            latent_size: h and w.
        """
        if self.mode == "none":
            return text_BMD, None
        image_BPD = self.from_image(image_BPV)
        if self.mode == "both":
            text_BMD = text_BMD + self.to_text(self._read_image(text_BMD, image_BPD))
        informed_BPD, _ = self.text_to_image(image_BPD, text_BMD, text_BMD, need_weights=False)
        features = informed_BPD.transpose(1, 2).unflatten(2, grid)
        return text_BMD, interpolate(self.to_condition(features), latent_size, mode="bilinear", align_corners=False)

    def _read_image(self, text_BMD: Tensor, image_BPD: Tensor) -> Tensor:
        """Return the MLP's output for instruction embeddings that have queried each other and the image, (B, M, D)."""
        attended, _ = self.self_attention(text_BMD, text_BMD, text_BMD, need_weights=False)
        queried, _ = self.image_to_text(text_BMD + attended, image_BPD, image_BPD, need_weights=False)
        return self.mlp(text_BMD + attended + queried)
