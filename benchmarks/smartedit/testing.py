"""Test of whether an editor edits the object that the instruction means.

Shapes: B images, C latent channels, h w latent height and width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.ablation.encoding import encode_latents
from benchmarks.ablation.testing import error
from benchmarks.smartedit.settings import Setting
from benchmarks.smartedit.world import CUES, Row, make_row
from omniedit.imaging.images import Image
from omniedit.models.codec import LappedCodec, decode
from omniedit.models.encoders.mllm import EncodedInstructions
from omniedit.models.sampling import Conditioning, Guidance, SamplerState, sample

COLUMN_SEED, TEST_SEED = 1_001, 20231211
SUCCESS = 0.5
"""Share of the requested change: an edit must exceed it in the object that is meant, and stay below it in all
others."""
SHOWN = 2
"""Number of items of each cue whose edits are saved for display."""


def rows_per_cue(items: int) -> dict[str, list[Row]]:
    """Return instructions with known expressions, and with held-out ones of each cue."""
    sets = {"known": [make_row("complex", COLUMN_SEED, index) for index in range(items)]}
    return sets | {cue: [make_row("complex", COLUMN_SEED, index, True, cue) for index in range(items)] for cue in CUES}


@dataclass(frozen=True)
class Items:
    """Test items, cue by cue, with the codec's image of each source and the noise from which edits start."""

    rows: list[Row]
    sources: Tensor
    noise: Tensor
    steps: int

    @classmethod
    def make(cls, setting: Setting, vae: LappedCodec) -> "Items":
        """Draw the items, always the same; their expressions are held out."""
        number = setting.items_per_cue
        rows = [
            make_row("complex", TEST_SEED, number * place + index, held_out=True, cue=cue)
            for place, cue in enumerate(CUES)
            for index in range(number)
        ]
        sources = encode_latents(vae, [row.source for row in rows])
        noise = torch.randn(sources.shape, generator=torch.Generator().manual_seed(TEST_SEED))
        return cls(rows, sources, noise, setting.sampling_steps)

    def edit(self, editor: Any, scheduler: Any, read: EncodedInstructions, start: int, vae: LappedCodec) -> np.ndarray:
        """Return the edits of items from `start` on, (B, H, W, 3) uint8, without guidance."""
        place = slice(start, start + len(read.prompt_embeds))
        source, noise = self.sources[place], self.noise[place]
        if read.residual is not None:
            source = source + read.residual
        text, pooled = read.prompt_embeds, read.pooled
        state = SamplerState(Conditioning(source, text, text, pooled, pooled), Guidance(1.0, 1.0), noise)
        latents = sample(editor, scheduler, state, self.steps)
        images = (decode(vae, latents) + 1) / 2
        return np.asarray((255 * images.clamp(0, 1)).round().to(torch.uint8).permute(0, 2, 3, 1))


def measures(items: Items, answers: Sequence[Image]) -> list[dict[str, Any]]:
    """Return a row per cue with a value per item.

    `chosen`: the object that the instruction means changed most. `success`: it was changed by more than half, and all
    others by less.
    """
    rows = []
    number = len(items.rows) // len(CUES)
    for place, cue in enumerate(CUES):
        here = slice(place * number, (place + 1) * number)
        shares = [changes(row, answer) for row, answer in zip(items.rows[here], answers[here], strict=True)]
        meant = [row.meant for row in items.rows[here]]
        chosen = [int(np.argmax(share) == this) for share, this in zip(shares, meant, strict=True)]
        success = [
            int(share[this] > SUCCESS and np.delete(share, this).max() < SUCCESS)
            for share, this in zip(shares, meant, strict=True)
        ]
        rows.append({"cue": cue, "chosen": chosen, "success": success})
    return rows


def changes(row: Row, answer: Image) -> np.ndarray:
    """Return the share of the requested change that each object shows: 1 for all, 0 for none."""
    return np.array(
        [
            1 - error(answer, edited, mask) / error(row.source, edited, mask)
            for edited, mask in zip(row.answers, row.masks, strict=True)
        ]
    )


def chance(items: Items) -> float:
    """Return the expected share of items in which a random choice is right."""
    return float(np.mean([1 / len(row.masks) for row in items.rows]))
