"""Gallery page of one task: accepted pairs, the best rejected pairs, and the reasons why photos were skipped."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniedit.pairs import EditPair, Rejection, Shard
from omniedit.pairs.provenance import IMPORTED, model_revisions
from omniedit.reporting.candidates import Candidate
from omniedit.reporting.page import MAX_PAGE_BYTES, image_uri, outline, render, shrink_to_area
from omniedit.tasks import Task

TASK_INTROS = {
    Task.OBJECT_SWAP: "One object in the photo is replaced by another in the same place and light.",
    Task.OBJECT_REMOVAL: "A named object is removed, and the scene behind it is filled in.",
    Task.OBJECT_ADDITION: "A removal in reverse: the photo is the edited image, and the source lacks the object.",
    Task.ATTRIBUTE_MODIFICATION: "An object keeps its shape and changes its colour or surface.",
    Task.BACKGROUND_SWAP: "The object in the foreground stays, and the scene behind it is replaced.",
    Task.ENVIRONMENT_CHANGE: "The same scene at another time of day, in another season or in other weather.",
    Task.STYLE_TRANSFER: "The same scene, painted, printed or drawn.",
}
GROUP_INTROS = {
    "subjects": "The subject of the reference images in a new scene, painted by its expert.",
    "inverse": "Accepted pairs with source and edited image exchanged, and an instruction that undoes the edit.",
    "composed": "Several accepted edits of one photo in one step.",
    "recaptioned": "Good edits that did not follow their instruction, with a new instruction.",
}
"""Leads of groups that have pairs of several tasks."""
FAMILY_INTROS = {
    "anyedit": "One of AnyEdit's edit types.",
    "complex": "The instruction names its object by place, size, colour, order, nature or action.",
    "perception": "A region of the photo is painted as the instruction says.",
    "subject": "The subject of the reference images in a new scene.",
}
OTHER_INTRO = "Pairs that were made elsewhere and imported."
REFERENCE_PIXELS = 20_000
"""Area of a reference image on the page."""
RANDOM_WEIGHTS = "random-weights"
"""Owner of the repositories with untrained models, which benchmarks/rehearsal.py makes."""
SKELETON_BYTES = 100_000
MIN_AREA, MAX_AREA = 200_000, 800_000
"""Limits of an image's area in pixels. Within them, the area is chosen so that all pairs fit on the page."""
PROBE_AREA = 50_000
"""Area in pixels at which the bytes of the images are measured."""
BYTES_EXPONENT = 0.8
"""Exponent of the growth of WebP bytes with pixels: 0.75 as measured on the sample photos, plus a margin."""


@dataclass(frozen=True)
class GallerySize:
    """Maximum number of pairs that a gallery shows."""

    kept: int = 12
    rejected: int = 6


def gallery(
    run: str,
    task: Task,
    candidates: Sequence[Candidate],
    rejections: Sequence[Rejection],
    min_score: float,
    sample: GallerySize,
    seed: int,
) -> str:
    """Render the gallery page. Accepted pairs are drawn at random, rejected pairs are those with the highest O."""
    accepted = [c for c in candidates if c.kept]
    rejected = [c for c in candidates if not c.kept]
    drawn_accepted = by_score(draw(accepted, sample.kept, np.random.default_rng(seed)))
    drawn_rejected = by_score(rejected)[: sample.rejected]
    cards = fit_cards(alternating(drawn_accepted, drawn_rejected))
    shown_accepted = [card for card in cards if card["kept"]]
    shown_rejected = [card for card in cards if not card["kept"]]
    values = {
        "title": task.label,
        "run": run,
        "lead": TASK_INTROS.get(task) or GROUP_INTROS.get(task.name) or FAMILY_INTROS.get(task.family, OTHER_INTRO),
        "min_score": min_score,
        "candidates": len(candidates),
        "kept_count": len(accepted),
        "kept_share": len(accepted) / len(candidates) if candidates else None,
        "rejected_count": len(rejected),
        "random_weights": any(card["random_weights"] for card in cards),
        "has_masks": any(card["outline"] for card in cards),
        "kept": shown_accepted,
        "kept_note": count_note(len(shown_accepted), len(accepted), "drawn at random, highest O first"),
        "rejected": shown_rejected,
        "rejected_note": count_note(len(shown_rejected), len(rejected), "those with the highest O"),
        "rejections": rejections,
        "rejections_by_reason": by_reason(rejections),
    }
    return render("gallery", values)


def count_note(count: int, total: int, order: str) -> str:
    return f"All {total}, highest O first." if count == total else f"{count} of {total}: {order}."


def draw(candidates: Sequence[Candidate], count: int, rng: np.random.Generator) -> list[Candidate]:
    """Draw at most `count` candidates, each with the same probability."""
    chosen = rng.permutation(len(candidates))[:count]
    return [candidates[index] for index in chosen]


def by_score(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Sort candidates by O, the highest first and unscorable ones last."""
    return sorted(candidates, key=lambda c: (-1.0 if c.o_score is None else c.o_score, c.pair_id), reverse=True)


def alternating(first: Sequence[Candidate], second: Sequence[Candidate]) -> list[Candidate]:
    """Interleave two candidates of the first list with one of the second, so that a full page shows some of both."""
    mixed: list[Candidate] = []
    accepted, rejected = list(first), list(second)
    while accepted or rejected:
        mixed += accepted[:2] + rejected[:1]
        accepted, rejected = accepted[2:], rejected[1:]
    return mixed


def fit_cards(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Return cards with images as large as possible for the page. At the smallest size, only as many cards as fit are
    returned.
    """
    cards = [card(candidate) for candidate in candidates]
    pixels = max_image_area(cards)
    while True:
        fitting = list(limit_cards(with_images(card, pixels) for card in cards))
        if len(fitting) == len(cards) or pixels == MIN_AREA:
            return fitting
        pixels = max(MIN_AREA, pixels // 2)


def max_image_area(cards: Sequence[dict[str, Any]]) -> int:
    """Estimate the image area in pixels at which all cards just fit, from their bytes at `PROBE_AREA`."""
    size = sum(card_bytes(with_images(card, PROBE_AREA)) for card in cards)
    fitting = PROBE_AREA * ((MAX_PAGE_BYTES - SKELETON_BYTES) / size) ** (1 / BYTES_EXPONENT) if size else MAX_AREA
    return int(min(MAX_AREA, max(MIN_AREA, fitting)))


def limit_cards(cards: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the first cards, as many as fit on a page."""
    room = MAX_PAGE_BYTES - SKELETON_BYTES
    for card in cards:
        room -= card_bytes(card)
        if room < 0:
            return
        yield card


def card_bytes(card: dict[str, Any]) -> int:
    texts = [value for value in card.values() if isinstance(value, str)]
    return sum(map(len, texts)) + sum(len(reference["image"]) for reference in card["references"])


def with_images(card: dict[str, Any], pixels: int) -> dict[str, Any]:
    """Return the card with its images as data: URIs of at most `pixels`."""
    return card | {side: image_uri(card[side], pixels) for side in ("before", "after")}


def card(candidate: Candidate) -> dict[str, Any]:
    """Return the values of a candidate for the template, with images as arrays of at most `MAX_AREA` pixels."""
    with Shard(candidate.shard) as shard:
        pair = shard[candidate.row]
    height, width = pair.source.shape[:2]
    return {
        "pair_id": pair.pair_id,
        "instruction": pair.instruction,
        "wordings": pair.instructions[1:],
        "before": shrink_to_area(pair.source, MAX_AREA),
        "after": shrink_to_area(pair.edited, MAX_AREA),
        "references": [
            {
                "image": image_uri(reference.image, REFERENCE_PIXELS),
                "role": reference.role,
                "caption": reference.caption or "",
            }
            for reference in pair.references
        ],
        "outline": "" if pair.mask is None else outline(pair.mask),
        "outline_height": round(1000 * height / width),
        "mask_share": None if pair.mask is None else float(pair.mask.mean()),
        "kept": candidate.kept,
        "reason": candidate.reason,
        "o_score": candidate.o_score,
        "scores": candidate.sub_scores,
        "reasoning": candidate.reasoning,
        "credits": credits_line(pair),
        "random_weights": any(name.startswith(f"{RANDOM_WEIGHTS}/") for name in model_revisions(pair.provenance)),
    }


def credits_line(pair: EditPair) -> str:
    """Format the credits of a pair: photographer (or that the source is generated), licence, specialist and models.

    An imported pair has its data set in place of the specialist.
    """
    facts, licence = pair.provenance, pair.provenance.get("licence") or "unknown licence"
    if imported := facts.get(IMPORTED):
        author = f" by {facts['author']}" if facts.get("author") else ""
        data_set = imported.get("dataset") or "another data set"
        return f"Photo {facts['source_id']}{author}, {licence}; imported from {data_set}; {pair.pair_id}"
    models = ", ".join(f"{name} {revision}".strip() for name, revision in sorted(model_revisions(facts).items()))
    specialist = f"specialist {facts.get('specialist') or 'unknown'}" + (f" ({models})" if models else "")
    source = f"Photo {facts['source_id']} by {facts.get('author') or 'unknown'}"
    if facts.get("generated"):
        source = f"Source generated for photo {facts['source_id']}"
    return f"{source}, {licence}; edit by {specialist}, seed {facts.get('seed', '?')}; {pair.pair_id}"


def by_reason(rejections: Sequence[Rejection]) -> list[tuple[str, list[str]]]:
    """Return (reason, ids of skipped photos), the most frequent reason first."""
    photos: dict[str, list[str]] = {}
    for rejection in rejections:
        photos.setdefault(rejection.reason, []).append(rejection.source_id)
    return sorted(photos.items(), key=lambda item: (-len(item[1]), item[0]))
