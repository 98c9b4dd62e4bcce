"""What a vision-language model is asked about a photo, from the texts under `prompts/`; their digest is stored with
every proposal.

The fixed text goes first and is the same for all photos, so that endpoints that cache what prompts begin with bill it
less.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from omniedit.instructions.meaning import Thing
from omniedit.instructions.proposals import Proposal
from omniedit.instructions.styles import styles
from omniedit.tasks import Task
from omniedit.vlm import Picture, Prompt

_FOLDER = resources.files("omniedit.instructions")
MAX_THINGS = 8
_TOKENS_A_THING, _TOKENS_AN_EDIT, _TOKENS_A_REWRITING, _TOKENS_MORE = 50, 180, 160, 60
_QUOTED = 4000
"""Characters of a reply that a model is shown again."""


@dataclass(frozen=True)
class Offers:
    """What a photo's edits may choose from: few of many, so that a shard's photos together come to all of them."""

    attributes: tuple[str, ...]
    environments: tuple[str, ...]
    styles: tuple[str, ...]


@dataclass(frozen=True)
class DraftEdit:
    """A proposal for a photo, its instruction said in one way so far.

    Args:
        thing: what its object is; None where it has none.
    """

    task: Task
    proposal: Proposal
    thing: Thing | None

    @property
    def name(self) -> str:
        """The kind of its object, '' where it has none."""
        return self.thing.name if self.thing else ""


def offers_for(source_id: str) -> Offers:
    """The same for the same photo in every run, so that its replies stay in the cache."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(source_id.encode()).digest()[:8], "little"))

    def drawn(all_of_them: Sequence[str], count: int) -> tuple[str, ...]:
        return tuple(rng.choice(all_of_them, count, replace=False).tolist())

    return Offers(drawn(_lines("attributes.txt"), 5), drawn(_lines("environments.txt"), 8), drawn(styles(), 12))


def objects_prompt(picture: Picture) -> Prompt:
    """Which things a photo shows; read by `replies.read_objects`."""
    return Prompt((text("objects"), picture), _TOKENS_MORE + MAX_THINGS * _TOKENS_A_THING)


def edits_prompt(
    picture: Picture, things: Sequence[Thing], offers: Offers, tasks: Sequence[Task], per_task: int
) -> Prompt:
    """Which edits suit a photo, for all tasks at once; read by `replies.read_edits`."""
    words = {
        "things": "; ".join(thing.expression for thing in things) or "none",
        "proposals wanted of each kind": str(per_task),
        "attributes to choose from": "; ".join(offers.attributes),
        "environments to choose from": "; ".join(offers.environments),
        "styles to choose from": "; ".join(offers.styles),
    }
    told = "\n".join(f"{name}: {value}" for name, value in words.items())
    fixed = "".join(text(name) for name in ("edits", *tasks))
    return Prompt((fixed, picture, told), _TOKENS_MORE + len(tasks) * per_task * _TOKENS_AN_EDIT)


def wordings_prompt(edits: Sequence[DraftEdit]) -> Prompt:
    """Other ways to say each edit's instruction, from words alone; read by `replies.read_wordings`."""
    told = "\n".join(f"{number}. {_describe_edit(edit)}" for number, edit in enumerate(edits, 1))
    return Prompt((text("wordings"), told), _TOKENS_MORE + len(edits) * _TOKENS_A_REWRITING)


def retry_prompt(prompt: Prompt, reply: str, flaws: Sequence[str]) -> Prompt:
    """The same question to a model that is told what was wrong with its reply."""
    faults = "".join(f"- {flaw}\n" for flaw in flaws)
    return Prompt((*prompt.parts, f"your reply: {reply[:_QUOTED]}", text("again") + faults), prompt.max_tokens)


def digest() -> str:
    """16 hex digits of the SHA-256 of all texts."""
    names = ("objects", "edits", *Task, "wordings", "again")
    return hashlib.sha256("".join(map(text, names)).encode()).hexdigest()[:16]


@cache
def text(name: str) -> str:
    return (_FOLDER / "prompts" / f"{name}.txt").read_text(encoding="utf-8")


@cache
def _lines(name: str) -> tuple[str, ...]:
    return tuple((_FOLDER / name).read_text(encoding="utf-8").splitlines())


def _describe_edit(edit: DraftEdit) -> str:
    about = {"thing": edit.thing.expression} if edit.thing else {}
    fields = edit.proposal.model_dump(include={"new_object", "place", "attribute", "value", "environment", "style"})
    about |= {name: value for name, value in fields.items() if value}
    words = "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in about.items())
    return f"{edit.task}; {words}; instruction: {edit.proposal.instructions[0]}"
