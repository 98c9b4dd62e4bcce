"""Prompts for a vision-language model about a photo, built from the texts in `prompts/`. Their digest is stored with
every proposal.

The fixed text comes first and is the same for all photos, so that endpoints that cache prompt prefixes charge less for
it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from omniedit.instructions.edit_proposals.classes import Proposal
from omniedit.instructions.edit_proposals.paraphrase_check import PhotoObject
from omniedit.instructions.word_lists import read_list, styles
from omniedit.storage.seeded_random import make_rng
from omniedit.tasks import TASKS, Task
from omniedit.vlm import Prompt, PromptImage

_FOLDER = resources.files("omniedit.instructions.edit_proposals")
MAX_OBJECTS = 8
_TOKENS_PER_ITEM, _TOKENS_PER_EDIT, _TOKENS_PER_REWRITING, _TOKENS_MORE = 50, 180, 160, 60
_TOKENS_PER_NAME = 20
MENTIONED_FIELDS = {
    *("new_object", "place", "attribute", "value", "environment", "style", "kind", "count", "more"),
    *("new_text", "action", "direction", "scale", "anchor", "side", "degrees", "cause"),
}
"""Fields of proposals that a paraphrase may have to name."""
_MAX_QUOTED = 4000
"""Maximum number of characters of a reply that a retry repeats."""


@dataclass(frozen=True)
class EditOptions:
    """Options for a photo's edits: a few of many, so that the photos of a shard together cover all of them."""

    attributes: tuple[str, ...]
    environments: tuple[str, ...]
    styles: tuple[str, ...]


@dataclass(frozen=True)
class DraftEdit:
    """Proposal for a photo that has only its plain instruction so far.

    Args:
        thing: object of the proposal, if any.
    """

    task: Task
    proposal: Proposal
    thing: PhotoObject | None

    @property
    def name(self) -> str:
        """Return the kind of the object, '' without one."""
        return self.thing.name if self.thing else ""


def offers_for(source_id: str) -> EditOptions:
    """Draw the options of a photo. They depend only on its source id, so that later runs find the replies in the
    cache.
    """
    rng = make_rng(source_id)

    def draw_sample(all_of_them: Sequence[str], count: int) -> tuple[str, ...]:
        return tuple(rng.choice(all_of_them, count, replace=False).tolist())

    return EditOptions(
        draw_sample(read_list("attributes"), 5), draw_sample(read_list("environments"), 8), draw_sample(styles(), 12)
    )


def objects_prompt(image: PromptImage) -> Prompt:
    """Build the prompt for the objects of a photo; `replies.read_objects` reads the reply."""
    return Prompt((text("objects"), image), _TOKENS_MORE + MAX_OBJECTS * _TOKENS_PER_ITEM)


def edits_prompt(
    image: PromptImage, objects: Sequence[PhotoObject], offers: EditOptions, tasks: Sequence[Task], per_task: int
) -> Prompt:
    """Build the prompt for the edits that suit a photo, for all tasks at once; `replies.read_edits` reads the reply."""
    words = {
        "things": "; ".join(obj.expression for obj in objects) or "none",
        "proposals of each kind": str(per_task),
        "attributes to choose from": "; ".join(offers.attributes),
        "environments to choose from": "; ".join(offers.environments),
        "styles to choose from": "; ".join(offers.styles),
    }
    facts = "\n".join(f"{name}: {value}" for name, value in words.items())
    fixed = "".join(text(name) for name in ("edits", *tasks))
    return Prompt((fixed, image, facts), _TOKENS_MORE + len(tasks) * per_task * _TOKENS_PER_EDIT)


def paraphrase_prompt(edits: Sequence[DraftEdit]) -> Prompt:
    """Build the prompt for paraphrases of each edit's instruction, without an image.

    `replies.read_paraphrases` reads the reply.
    """
    listed = "\n".join(f"{number}. {_describe_edit(edit)}" for number, edit in enumerate(edits, 1))
    return Prompt((text("wordings"), listed), _TOKENS_MORE + len(edits) * _TOKENS_PER_REWRITING)


def meaning_prompt(sentences: Sequence[str], names: Sequence[str]) -> Prompt:
    """Build the prompt for the objects that sentences refer to, without an image; for `replies.read_meanings`."""
    listed = "\n".join(f"{number}. {sentence}" for number, sentence in enumerate(sentences, 1))
    facts = f"objects: {'; '.join(names)}\n{listed}"
    return Prompt((text("meant"), facts), _TOKENS_MORE + len(sentences) * _TOKENS_PER_NAME)


def retry_prompt(prompt: Prompt, reply: str, flaws: Sequence[str]) -> Prompt:
    """Repeat a prompt, followed by the model's last reply and its flaws."""
    faults = "".join(f"- {flaw}\n" for flaw in flaws)
    return Prompt((*prompt.parts, f"your reply: {reply[:_MAX_QUOTED]}", text("again") + faults), prompt.max_tokens)


def digest(family: str = "omniedit") -> str:
    """Return 16 hex digits of the SHA-256 of all prompt texts for the tasks of a family."""
    names = ("objects", "edits", *(task for task in TASKS if task.family == family), "wordings", "again")
    return hashlib.sha256("".join(map(text, names)).encode()).hexdigest()[:16]


@cache
def text(name: str) -> str:
    return (_FOLDER / "prompts" / f"{name}.txt").read_text(encoding="utf-8")


def _describe_edit(edit: DraftEdit) -> str:
    about = {"thing": edit.thing.expression} if edit.thing else {}
    fields = edit.proposal.model_dump(include=MENTIONED_FIELDS)
    about |= {name: value for name, value in fields.items() if value}
    words = "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in about.items())
    return f"{edit.task}; {words}; instruction: {edit.proposal.instructions[0]}"
