"""Supervised pretraining of the small image encoder: the feature of a patch is the sum of the embeddings of its words.

The words are its column, and size, colour and kind of the object in it, or `EMPTY`. This replaces the pretraining of
CLIP and of a projector, which bring image features and words into one space.
Shapes: B images, P patches, V words of the vocabulary, D width.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.smartedit.questions import Questions
from benchmarks.smartedit.world import COLUMN_NAMES, COLUMNS, Placed

EMPTY = "nothing"


def patch_words(scene: Sequence[Placed]) -> list[list[str]]:
    """Return the words of each patch, row by row; the grid has as many rows as columns."""
    side = len(COLUMNS)
    words = [[COLUMN_NAMES[place % side], EMPTY] for place in range(side**2)]
    for thing in scene:
        row = int(thing.y * side)
        words[row * side + thing.column][1:] = [thing.size, thing.paint, thing.noun]
    return words


def image_features(model: Any, pixel_values: Tensor) -> Tensor:
    """Return image features as the language model reads them, (B, P, D)."""
    return torch.stack(list(model.get_image_features(pixel_values=pixel_values).pooler_output))


def feature_loss(model: Any, processor: Any, rows: Sequence[Questions]) -> Tensor:
    """Return the squared distance of image features from the sums of their words' embeddings, as a mean."""
    embeddings = model.get_input_embeddings().weight.detach()
    features = image_features(
        model, processor.image_processor([row.source for row in rows], return_tensors="pt")["pixel_values"]
    )
    counts_BPV = torch.zeros(*features.shape[:2], len(embeddings))
    for place, row in enumerate(rows):
        ids = [processor.tokenizer.convert_tokens_to_ids(words) for words in patch_words(row.scene)]
        for patch, known in enumerate(ids):
            counts_BPV[place, patch, known] = 1
    return (features - counts_BPV @ embeddings).square().sum(-1).mean()
