"""Train the head of the judge that ships, on real photos' edits and on the rendered world, and write its file.

    python -m benchmarks.planted_pairs PAIRS --photos PHOTOS --set tuning
    python -m benchmarks.ablation.assets --out results/ablation/assets.npz
    python -m benchmarks.student.head PAIRS --assets results/ablation/assets.npz --out omniedit/scoring/shipped/head.npz

An unchanged pair is right. A pair is wrong with the instruction of another pair, with another pair's image, with no
change, or with a defect of `omniedit.scoring.student.defects`. A re-encoded copy of the right edit with a slight cast
is right too, because generative editors change all pixels a little.
"""

import argparse
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.ablation.assets import Assets
from benchmarks.student.candidates import build_world, make_pairs, shard_seed
from benchmarks.student.head_training import WHOLE, Lessons, train_head
from omniedit.imaging.images import Image
from omniedit.pairs import EditPair, Shard
from omniedit.run.program import run_program
from omniedit.scoring.student.change import measure_change
from omniedit.scoring.student.defects import IMAGE_DEFECTS
from omniedit.scoring.student.evidence import image_vectors
from omniedit.scoring.student.head import pair_features
from omniedit.scoring.student.matching import ImageEvidence, gather_evidence
from omniedit.storage.progress import Progress
from omniedit.tasks import OMNIEDIT_TASKS

REQUEST = ("value", "style", "environment", "background", "object", "new_object")
"""Keys of a truth that give the request."""
SIDE, SHARD = 256, 7
"""Side of the rendered images in pixels, and the number that their seeds come from."""
WRONG = 4
"""Number of wrong instructions per pair from another task, and number from the same task."""


@dataclass
class Example:
    """Pair with the evidence of all its variants.

    Args:
        variants: evidence by name: `right`, or the fault.
    """

    task: str
    photo: str
    instruction: str
    request: tuple[Any, ...]
    is_right: bool
    variants: dict[str, ImageEvidence] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, help="folder of shards with edits of photos")
    parser.add_argument("--assets", type=Path, required=True, help="of the rendered world")
    parser.add_argument("--per-shard", type=int, default=40, help="first pairs of each shard (default: %(default)s)")
    parser.add_argument("--rendered", type=int, default=40, help="rendered pairs of each task (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    groups = [read_pairs(args.pairs, args.per_shard), render_pairs(Assets.load(args.assets), args.rendered)]
    with Progress("pairs", total=sum(map(len, groups))) as progress:
        groups_of_examples = [list(progress.over(make_examples(pairs))) for pairs in groups]
    examples = [example for group in groups_of_examples for example in group]
    usual_logits = np.mean([example.variants["right"].logits[0] for example in examples], axis=0)
    usual_vector = np.mean([image_vectors(example.variants["right"].logits)[0] for example in examples], axis=0)
    lessons = Lessons()
    for group in groups_of_examples:
        add_lessons(lessons, group, usual_logits, usual_vector)
    train_head(lessons, usual_logits, usual_vector, examples[0].variants["right"]).save(args.out)


def read_pairs(folder: Path, limit: int) -> list[EditPair]:
    """Read the first pairs of each shard below a folder."""
    pairs = []
    for file in sorted(folder.rglob("*.h5")):
        with Shard(file) as shard:
            pairs += [shard[row] for row in range(min(limit, len(shard)))]
    return pairs


def render_pairs(assets: Assets, count: int) -> list[EditPair]:
    """Return pairs of the rendered world, `count` of each task."""
    return [
        pair
        for task in sorted(OMNIEDIT_TASKS)
        for pair in make_pairs(build_world("training", assets, SIDE, shard_seed("training", task, SHARD)), task, count)
    ]


def make_examples(pairs: Sequence[EditPair]) -> Iterator[Example]:
    """Yield each pair with its variants. The networks read only the right pair: defects hardly change their output."""
    rng = np.random.default_rng(0)
    whole: dict[str, np.ndarray] = {}
    for pair in pairs:
        truth = pair.provenance.get("truth") or {}
        request = (pair.task, *(truth.get(name) for name in REQUEST))
        right = gather_evidence(pair.source, pair.edited)
        whole[pair.pair_id] = right.logits[1]
        photo = str(pair.provenance["source_id"])
        example = Example(str(pair.task), photo, pair.instruction, request, not truth.get("mistaken"), {"right": right})
        if example.is_right:
            other = pairs[int(rng.integers(len(pairs)))]
            if other.provenance["source_id"] != photo:
                edited = cv2.resize(other.edited, pair.source.shape[1::-1], interpolation=cv2.INTER_AREA)
                seen = whole.get(other.pair_id, right.logits[1])
                logits_VC = np.stack([right.logits[0], seen, right.logits[0], seen])
                example.variants["other"] = _to_evidence(
                    pair.source, np.asarray(edited, np.uint8), logits_VC, (0.5, 0.5)
                )
            for name, edited in _variants(pair, rng):
                logits_VC = right.logits if name not in UNCHANGED else right.logits[[0, 0, 0, 0]]
                likeness = (1.0, 1.0) if name in UNCHANGED else right.likeness
                example.variants[name] = _to_evidence(pair.source, edited, logits_VC, likeness)
        yield example


UNCHANGED = ("no_change", "recoded")


def _variants(pair: EditPair, rng: np.random.Generator) -> Iterator[tuple[str, Image]]:
    """Yield the source, the source as JPEG, a soft copy of the edit, and one of the defects that the pair can have.

    A local pair also has a defect over its whole image, because editors that change all pixels spoil the rest too.
    """
    yield "no_change", pair.source
    yield "recoded", _to_jpeg(pair.source, int(rng.integers(70, 96)))
    yield "soft", _soften(pair.edited, rng)
    if pair.mask is not None:
        name = str(rng.choice(WHOLE))
        edited = IMAGE_DEFECTS[name](replace(pair, mask=None), rng)
        if edited is not None:
            yield f"whole_{name}", edited
    for name in rng.permutation([name for name in IMAGE_DEFECTS if name != "no_change"]).tolist():
        edited = IMAGE_DEFECTS[name](pair, np.random.default_rng(zlib.crc32(f"{pair.pair_id}|{name}".encode())))
        if edited is not None:
            yield name, edited
            return


def _soften(image: Image, rng: np.random.Generator) -> Image:
    """Shrink the image a little and enlarge it again, add a slight colour cast, and encode it as JPEG."""
    height, width = image.shape[:2]
    scale = rng.uniform(0.6, 0.95)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    soft = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) + rng.normal(0, 2.5, 3)
    return _to_jpeg(np.clip(soft, 0, 255).astype(np.uint8), int(rng.integers(80, 96)))


def _to_jpeg(image: Image, quality: int) -> Image:
    content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)


def _to_evidence(source: Image, edited: Image, logits_VC: np.ndarray, likeness: tuple[float, float]) -> ImageEvidence:
    change = measure_change(source, edited)
    return ImageEvidence(change.measures, change.colours, logits_VC, likeness)


def add_lessons(
    lessons: Lessons, examples: Sequence[Example], usual_logits: np.ndarray, usual_vector: np.ndarray
) -> None:
    """Add the features of all variants of all examples, and of wrong instructions from the same folder."""
    rng = np.random.default_rng(0)
    for example in examples:
        variants = example.variants if example.is_right else {"mistaken": example.variants["right"]}
        instructions = [(name, evidence, example.instruction) for name, evidence in variants.items()]
        if example.is_right:
            right = example.variants["right"]
            instructions += [("wrong", right, text) for text in _wrong_instructions(example, examples, rng)]
        rows: dict[str, list[np.ndarray]] = {name: [] for name, *_ in instructions}
        for name, evidence, text in instructions:
            rows[name].append(pair_features(evidence, text, usual_logits, usual_vector))
        lessons.add(rows)


def _wrong_instructions(example: Example, examples: Sequence[Example], rng: np.random.Generator) -> Iterator[str]:
    others = [each for each in examples if each.photo != example.photo and each.request != example.request]
    for same in (True, False):
        choice = [each for each in others if (each.task == example.task) == same]
        for _ in range(WRONG if choice else 0):
            yield choice[rng.integers(len(choice))].instruction


if __name__ == "__main__":
    run_program(main)
