"""Rationales of the reference judge: sentences about what is visible, without figures."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from omniedit.instructions.grammar import IRREGULAR_PLURAL, with_article
from omniedit.instructions.stemming import strip_article
from omniedit.plain_text import clean_line

MAX_NAME_LENGTH = 60
"""Maximum length of a name in characters. Of a longer name, only the part before its first comma is used."""
UNMET, MET = 3.5, 7.5
"""Scores below which a request was not met, and from which it was met."""
_DETAILS = re.compile(
    r"\s(?:of|with|without|in|on|at|by|from|to|under|over|above|behind|between|near|next|that|which|who)\b.*",
    re.IGNORECASE,
)
"""Part of a phrase after its noun: 'on the left' in 'red car on the left'."""
_COLOUR = re.compile(r"black|white|gr[ea]y|red|orange|yellow|green|blue|purple|pink|brown|gold|silver", re.IGNORECASE)
_NUMBER = re.compile(r"two|three|four|five|six|several|many", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """Score in [0, 10] with its reason.

    Args:
        variants: several paraphrases of the reason, each of one or two sentences without figures.
        measurement: the figures behind the score, for debugging; not part of the rationale.
    """

    score: float
    variants: tuple[str, ...]
    measurement: str = ""


def write_rationale(findings: Sequence[Finding], pair_id: str) -> str:
    """Join one variant of each finding. Only the pair's id decides which one."""
    digest = hashlib.sha256(pair_id.encode()).digest()
    return " ".join(
        finding.variants[byte % len(finding.variants)] for finding, byte in zip(findings, digest, strict=False)
    )


@dataclass(frozen=True)
class TruthObject:
    """Object of a truth, with verbs and pronouns that agree with it: 'the bottle ... is', 'the bottle and the glass ...
    are'.

    Args:
        name: without an article: 'bottle', 'bottle and the glass'.
        a: the name with an indefinite article: 'a bottle', 'an orange', 'some figs'.
    """

    name: str
    a: str
    plural: bool

    @classmethod
    def parse(cls, text: str) -> "TruthObject":
        """Return the object that a truth names; an empty name becomes 'object'."""
        name = strip_article(clean_value(text)).removeprefix("some ").strip() or "object"
        head = _DETAILS.sub("", name)
        first, joined, _ = head.partition(" and ")
        last = head.split()[-1]
        irregular = IRREGULAR_PLURAL.fullmatch(last) is not None
        several = bool(joined) and not _COLOUR.fullmatch(first.split()[-1])
        article = "some" if irregular else with_article(head).partition(" ")[0]
        return cls(
            name=name,
            a=name if _NUMBER.fullmatch(name.split()[0]) else f"{article} {name}",
            plural=irregular or several or with_article(last).startswith("some "),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_(self) -> str:
        return "are" if self.plural else "is"

    @property
    def was(self) -> str:
        return "were" if self.plural else "was"

    @property
    def has(self) -> str:
        return "have" if self.plural else "has"

    @property
    def its(self) -> str:
        return "their" if self.plural else "its"

    @property
    def it(self) -> str:
        return "them" if self.plural else "it"

    @property
    def it_(self) -> str:
        return "they" if self.plural else "it"

    @property
    def looks(self) -> str:
        return "look" if self.plural else "looks"


def clean_value(text: str) -> str:
    """Return a name or value of a truth as it fits into a sentence: short, on one line, without colons."""
    line = clean_line(text).replace(":", ",").replace(";", ",").strip(" .,!?")
    return line if len(line) <= MAX_NAME_LENGTH else line.partition(",")[0].rstrip()


@dataclass(frozen=True)
class Shortfall:
    """Sentences about one requirement of an edit, if it is not met and if it is met in part."""

    unmet: tuple[str, ...]
    partial: tuple[str, ...]

    def choose(self, score: float, done: tuple[str, ...], met: float = MET) -> tuple[str, ...]:
        """Return `done` for a score of at least `met`, otherwise the sentences for a score below or above `UNMET`."""
        return done if score >= met else self.unmet if score < UNMET else self.partial

    def fill_in(self, **values: object) -> "Shortfall":
        return Shortfall(fill_in(self.unmet, **values), fill_in(self.partial, **values))


def choose_sentences(done: tuple[str, ...], *requirements: tuple[float, Shortfall]) -> tuple[str, ...]:
    """Return `done` if all requirements are met, else the sentences about the one that is most to blame.

    That is the first requirement that is not met or, if there is none, the one that is met least.

    Args:
        requirements: how far each is met, in [0, 1], the most important one first.
    """
    for degree, lack in requirements:
        if 10 * degree < UNMET:
            return lack.unmet
    least, lack = min(requirements, key=lambda requirement: requirement[0])
    return done if 10 * least >= MET else lack.partial


def weigh(
    done: tuple[str, ...], requirements: Sequence[tuple[float, Shortfall]], measurement: str, **values: object
) -> Finding:
    """Return a finding with the degree of the least met requirement, and filled-in sentences.

    Args:
        done, requirements: as in `choose_sentences`.
        values: fields of the sentences.
    """
    sentences = fill_in(choose_sentences(done, *requirements), **values)
    return Finding(10 * min(degree for degree, _ in requirements), sentences, measurement)


def fill_in(templates: tuple[str, ...], **values: object) -> tuple[str, ...]:
    """Fill in the fields of each template."""
    return tuple(template.format(**values) for template in templates)
