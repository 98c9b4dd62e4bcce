"""Training of the head of the judge that ships, from the features of its lessons.

N  lessons     I  image features     T  text features     A  agreement features
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus

from omniedit.scoring.student.head import (
    MAX_STANDARDISED,
    MAX_UNCHANGED,
    MIN_CHANGED,
    NOT_QUALITY,
    QUALITY_ONLY,
    Head,
    feature_names,
)
from omniedit.scoring.student.matching import ImageEvidence

WHOLE = ("blur", "noise", "blocks")
"""Defects that a pair can also have over the whole image, outside its mask."""
DEFECTS = ("blur", "noise", "blocks", "seam", "over_editing", *(f"whole_{name}" for name in WHOLE))
"""Defects of quality."""
STEPS, LEARNING_RATE = 400, 0.05
SHRINK, SHRINK_PRODUCTS = 0.02, 0.03
"""Weights of the squared distance of the weights from `PRIOR`, and of the squared products."""
PRIOR = {
    "new_seen": 0.18,
    "new_gain": 0.3,
    "new_gain_whole": 0.18,
    "old_seen": 0.18,
    "old_loss": 0.3,
    "old_loss_whole": 0.12,
    "old_there": 0.12,
    "place_seen": 0.18,
    "any_seen": 0.3,
    "any_in_source": 0.12,
    "any_change": 0.12,
    "similar_source": 0.36,
    "similar_edited": 0.24,
    "similar_source_crop": 0.3,
    "similar_edited_crop": 0.3,
    "similar_new_change": 0.18,
    "similar_old_change": 0.12,
    "similar_new_edited": 0.24,
    "similar_old_source": 0.18,
    "colour_gain": 0.3,
    "colour_rank": 0.24,
    "colour_after": 0.06,
    "colour_loss": 0.12,
}
"""Weights of agreement without training: each of these is evidence for the instruction by its meaning."""


class Lessons:
    """Features of right and wrong pairs; each wrong one belongs to a right one."""

    def __init__(self) -> None:
        self.features: list[np.ndarray] = []
        self.names: list[str] = []
        self.rights: list[int] = []

    def add(self, rows: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Add one example's features by name; `right` comes first if there is one."""
        right = len(self.names) if "right" in rows else -1
        for name, many in rows.items():
            self.features += many
            self.names += [name] * len(many)
            self.rights += [right] * len(many)

    def places(self, *names: str) -> tuple[Tensor, Tensor]:
        """Return the indices of the lessons of some names, and those of their right pairs."""
        found = np.flatnonzero(np.isin(self.names, names))
        return torch.tensor(found), torch.tensor(np.array(self.rights)[found])


class Bilinear(nn.Module):
    """Logit from agreement, image and text features, and the products of text and image features."""

    def __init__(self, images: int, texts: int, prior_A: Tensor) -> None:
        super().__init__()
        self.prior_A = prior_A
        self.agreement = nn.Parameter(prior_A.clone())
        self.image, self.text = nn.Parameter(torch.zeros(images)), nn.Parameter(torch.zeros(texts))
        self.products = nn.Parameter(torch.zeros(texts, images))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, image_NI: Tensor, text_NT: Tensor, agreement_NA: Tensor) -> Tensor:
        products = ((text_NT @ self.products) * image_NI).sum(1)
        return agreement_NA @ self.agreement + image_NI @ self.image + text_NT @ self.text + products + self.bias

    def penalty(self) -> Tensor:
        apart = ((self.agreement - self.prior_A) ** 2).sum() + (self.image**2).sum() + (self.text**2).sum()
        return SHRINK * apart + SHRINK_PRODUCTS * (self.products**2).sum()


class Network(nn.Module):
    """Success, restraint and quality as logits."""

    def __init__(self, coarse: Sequence[int], clear: Sequence[int], texts: int, prior_A: Tensor) -> None:
        super().__init__()
        self.coarse, self.clear = list(coarse), list(clear)
        self.success = Bilinear(len(coarse), texts, prior_A)
        self.restraint = Bilinear(len(coarse), texts, prior_A / 2)
        self.quality, self.quality_bias = nn.Parameter(torch.zeros(len(clear))), nn.Parameter(torch.zeros(1))

    def forward(self, image_NI: Tensor, text_NT: Tensor, agreement_NA: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        seen = image_NI[:, self.coarse], text_NT, agreement_NA
        quality = image_NI[:, self.clear] @ self.quality + self.quality_bias
        return self.success(*seen), self.restraint(*seen), quality

    def penalty(self) -> Tensor:
        return self.success.penalty() + self.restraint.penalty() + SHRINK * (self.quality**2).sum()


def train_head(lessons: Lessons, usual_logits: np.ndarray, usual_vector: np.ndarray, evidence: ImageEvidence) -> Head:
    """Train the head on standardised features of all lessons at once."""
    images, texts, agreements = feature_names(evidence, usual_logits, usual_vector)
    features = np.stack(lessons.features)
    means, deviations = features.mean(0), features.std(0) + 1e-3
    standard = (features - means) / deviations
    clipped = torch.tensor(np.clip(standard, -MAX_STANDARDISED, MAX_STANDARDISED).astype(np.float32))
    parts = clipped.split([len(images), len(texts), len(agreements)], dim=1)
    coarse = [place for place, name in enumerate(images) if name not in QUALITY_ONLY]
    clear = [place for place, name in enumerate(images) if name not in NOT_QUALITY]
    network = Network(coarse, clear, len(texts), torch.tensor([PRIOR.get(name, 0.0) for name in agreements]))
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    area = torch.tensor(features[:, images.index("area")])
    gate = ((area - MAX_UNCHANGED) / (MIN_CHANGED - MAX_UNCHANGED)).clamp(1e-3, 1).log()
    for _ in range(STEPS):
        loss = loss_terms(lessons, network(*parts), gate) + network.penalty()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    far = (np.abs(standard) > MAX_STANDARDISED).mean(1)[lessons.places("right")[0].numpy()]
    return Head(
        names=np.array([*images, *texts, *agreements]),
        means=means.astype(np.float32),
        deviations=deviations.astype(np.float32),
        usual_logits=usual_logits.astype(np.float32),
        usual_vector=usual_vector.astype(np.float32),
        quality=_spread(network.quality, clear, len(images)),
        quality_bias=network.quality_bias.detach().numpy(),
        farthest=np.array([np.percentile(far, 99)], np.float32),
        **_weights("success", network.success, coarse, len(images)),
        **_weights("restraint", network.restraint, coarse, len(images)),
    )


def loss_terms(lessons: Lessons, logits: tuple[Tensor, Tensor, Tensor], gate: Tensor) -> Tensor:
    """Return the loss of three logits: cross-entropy of each, and that of each preference of a right pair."""
    success, restraint, quality = logits
    overall = 2 * (torch.minimum(logsigmoid(success) + gate, logsigmoid(restraint)) + logsigmoid(quality))
    unchanged = "no_change", "recoded"

    def good(logit: Tensor, *names: str) -> Tensor:
        return _mean(softplus(-logit), lessons.places(*names)[0])

    def bad(logit: Tensor, *names: str) -> Tensor:
        return _mean(softplus(logit), lessons.places(*names)[0])

    def preference_loss(logit: Tensor, *names: str) -> Tensor:
        wrong, right = lessons.places(*names)
        return softplus(logit[wrong] - logit[right]).mean() if len(wrong) else logit.sum() * 0

    of_success = good(success, "right") + 0.5 * good(success, "soft") + 0.7 * bad(success, "wrong")
    of_success += 0.3 * bad(success, *unchanged) + 0.5 * bad(success, "other")
    of_success += 0.3 * bad(success, "wrong_place") + 0.3 * bad(success, "mistaken")
    of_restraint = good(restraint, "right") + 0.5 * good(restraint, "soft") + 0.4 * bad(restraint, "wrong")
    of_restraint += 0.5 * bad(restraint, "other", "over_editing") + 0.3 * bad(restraint, "wrong_place")
    of_quality = good(quality, "right") + 0.3 * good(quality, *unchanged) + 0.2 * good(quality, "soft")
    of_quality += bad(quality, *DEFECTS)
    pairs = (
        preference_loss(success, "wrong")
        + 0.5 * preference_loss(restraint, "wrong")
        + preference_loss(quality, *DEFECTS)
    )
    pairs += 0.3 * (preference_loss(success, *DEFECTS) + preference_loss(restraint, *DEFECTS))
    kinds = (("wrong",), unchanged, ("other",), ("wrong_place",), DEFECTS)
    return of_success + of_restraint + of_quality + pairs + sum(preference_loss(overall, *kind) for kind in kinds)


def _mean(values: Tensor, places: Tensor) -> Tensor:
    return values[places].mean() if len(places) else values.sum() * 0


def _weights(name: str, part: Bilinear, coarse: Sequence[int], images: int) -> dict[str, np.ndarray]:
    return {
        f"{name}_agreement": part.agreement.detach().numpy(),
        f"{name}_image": _spread(part.image, coarse, images),
        f"{name}_text": part.text.detach().numpy(),
        f"{name}_products": _spread(part.products, coarse, images),
        f"{name}_bias": part.bias.detach().numpy(),
    }


def _spread(weights: Tensor, places: Sequence[int], count: int) -> np.ndarray:
    """Return weights of some features as weights of all, 0 for the others."""
    spread = np.zeros((*weights.shape[:-1], count), np.float32)
    spread[..., list(places)] = weights.detach().numpy()
    return spread
