"""Evidence about a pair from a classifier and a text encoder: logits of its images, and how words match them.

C  ImageNet's 1,000 classes     V  views of a pair: both images, both crops     D  width of MiniLM's vectors
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from omniedit.grounding.names import class_logits
from omniedit.grounding.nouns import plain_nouns
from omniedit.imaging.images import Image
from omniedit.scoring.student.change import ImageChange, crop

if TYPE_CHECKING:
    from omniedit.models.text import Text

BATCH = 100
"""Number of names to encode at once."""
TEMPERATURE = 0.06
"""Temperature, in cosine similarity, of the softmax over classes for a word."""
MIN_SIMILAR, SIMILAR = 0.35, 0.65
"""Similarity of a word to its nearest class from which the classifier may know the word, and from which it surely
does."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Views:
    """Features of a pair's views.

    Args:
        logits: (V, C), standardised for each view.
        likeness: cosine similarity of the features of source and edited image: the whole images, and the crops.
    """

    logits: Vectors
    likeness: tuple[float, float]


def view_pair(source: Image, edited: Image, change: ImageChange) -> Views:
    """Classify both images, whole and around the change."""
    images = [source, edited, crop(source, change.box), crop(edited, change.box)]
    logits_VC, features = class_logits(images)
    return Views(standardise(logits_VC), (cosine(features[0], features[1]), cosine(features[2], features[3])))


def standardise(logits_VC: Vectors) -> Vectors:
    """Scale each row to mean 0 and variance 1, so that views with and without a clear object can be compared."""
    centred = logits_VC - logits_VC.mean(-1, keepdims=True)
    return np.asarray(centred / (centred.std(-1, keepdims=True) + 1e-6), np.float32)


def word_evidence(words: Sequence[str], logits_VC: Vectors) -> Vectors:
    """Return (W, V) values: how clearly each view shows the object that a word names; 0 for words that are unlike all
    classes.
    """
    if not words:
        return np.zeros((0, len(logits_VC)), np.float32)
    similarity_WC = embed(words) @ class_vectors().T
    choice_WC = np.exp((similarity_WC - similarity_WC.max(1, keepdims=True)) / TEMPERATURE)
    choice_WC /= choice_WC.sum(1, keepdims=True)
    return np.asarray(choice_WC @ logits_VC.T * knowledge(words)[:, None], np.float32)


def knowledge(words: Sequence[str]) -> Vectors:
    """Return (W,) values in [0, 1]: how near each word is to a class of the classifier."""
    nearest_W = (embed(words) @ class_vectors().T).max(1)
    return np.asarray(np.clip((nearest_W - MIN_SIMILAR) / (SIMILAR - MIN_SIMILAR), 0, 1), np.float32)


def image_vectors(logits_VC: Vectors) -> Vectors:
    """Return (V, D) unit vectors of views in the space of texts: the mean vector of their ten likeliest classes
    (Norouzi et al. 2014, ConSE).
    """
    best_VK = np.argsort(-logits_VC, axis=1)[:, :10]
    weights_VK = np.exp(np.take_along_axis(logits_VC, best_VK, 1))
    mixed = np.einsum("vk,vkd->vd", weights_VK, class_vectors()[best_VK])
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), np.float32)


@cache
def class_vectors() -> Vectors:
    """Return (C, D) unit vectors of the names of ImageNet's classes. Encoding them takes a second."""
    import torch

    text, nouns = _text_encoder(), list(plain_nouns())
    pooled = []
    with torch.inference_mode():
        for start in range(0, len(nouns), BATCH):
            tokens = text.tokenizer(nouns[start : start + BATCH], padding=True, return_tensors="pt")
            token_mask = tokens["attention_mask"][..., None].float()
            pooled.append((text.text_encoder(**tokens).last_hidden_state * token_mask).sum(1) / token_mask.sum(1))
    vectors_CD = torch.cat(pooled).numpy()
    return np.asarray(vectors_CD / np.linalg.norm(vectors_CD, axis=1, keepdims=True), np.float32)


def embed(texts: Sequence[str]) -> Vectors:
    """Return (N, D) unit vectors of texts. Vectors are cached."""
    return np.stack([_embed_one(text) for text in texts])


@cache
def _embed_one(text: str) -> Vectors:
    encoder = _text_encoder()
    vector = encoder.encode([text])[1][0].numpy()
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


@cache
def _text_encoder() -> "Text":
    from omniedit.models.text import load_minilm  # transformers takes seconds to import

    return load_minilm()


def cosine(a: Vectors, b: Vectors) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-6))
