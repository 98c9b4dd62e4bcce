"""Prompts for the experts of subjects: from templates, or imagined by a language model (Chen et al. 2023, section
4)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from omniedit.config.subjects import PREFIX
from omniedit.imaging.color_names import COLOURS
from omniedit.instructions.edit_proposals.prompt_builder import text
from omniedit.instructions.edit_proposals.replies import ParsedReply, ReplyIssue, list_under, reject_unusable
from omniedit.instructions.edit_proposals.reply_retries import ModelQuestion, ask
from omniedit.instructions.edit_proposals.table import json_object
from omniedit.instructions.grammar import with_article
from omniedit.instructions.word_lists import read_list
from omniedit.plain_text import clean_line
from omniedit.storage.seeded_random import make_rng
from omniedit.subjects.subject import Subject
from omniedit.tasks import Task
from omniedit.vlm import ChatModel, Prompt

_TOKENS, _TOKENS_PER_PROMPT = 80, 110
MAX_LENGTH = 400
"""Length limit of a caption and of an instruction, in characters."""
STYLES = (
    *("a watercolour painting", "an oil painting with thick strokes", "a pencil sketch", "a charcoal drawing"),
    *("a Japanese woodblock print", "a stained glass window", "a linocut", "a mosaic of small tiles"),
    *("a pointillist painting", "an art deco poster", "a paper collage", "a child's crayon drawing"),
)
VIEWS = (
    *("from above", "from behind", "from the left side", "from the right side", "from below"),
    *("from close up", "from far away", "from a low angle"),
)
OBJECTS = (
    *("a wooden chair", "a stack of books", "a red umbrella", "a bicycle", "a potted plant", "a lantern"),
    *("a wicker basket", "an old suitcase", "a brass trumpet", "a bowl of oranges"),
)
ACCESSORIES = (
    *("a knitted scarf", "a party hat", "a pair of sunglasses", "a red bow", "a flower garland", "a straw hat"),
    *("a golden medal", "a small backpack"),
)
_TEMPLATES: dict[str, tuple[str, str]] = {
    "stylise": ("{value} of {a_name}", "Show the {name} as {value}."),
    "recontextualise": ("a photo of {a_name}, the place is {value}", "Show the {name} in another place: {value}."),
    "view": ("a photo of {a_name} seen {value}", "Show the {name} {value}."),
    "attribute": ("a photo of {a_changed}", "Make the {name} {value}."),
    "compose": ("a photo of {a_name} next to {value}", "Show the {name} next to {value}."),
    "accessorise": ("a photo of {a_name} with {value}", "Give the {name} {value}."),
}
"""Caption and instruction of each skill."""


@dataclass(frozen=True)
class NewImage:
    """Image that an expert will paint.

    Args:
        task: of the skill.
        caption: description of the image, which names the subject.
        instruction: sentence that asks for the image.
    """

    task: Task
    caption: str
    instruction: str


def read_values(skill: str) -> tuple[str, ...]:
    """Return the values to choose from in the templates of a skill."""
    if skill == "recontextualise":
        return tuple(read_list("contexts"))
    if skill == "attribute":
        return tuple(COLOURS)
    return {"stylise": STYLES, "view": VIEWS, "compose": OBJECTS, "accessorise": ACCESSORIES}[skill]


def fill_templates(subject: Subject, tasks: Sequence[Task], count: int, seed: int) -> list[NewImage]:
    """Return `count` prompts of each task; values repeat only when all have been used."""
    prompts = []
    for task in tasks:
        skill = task.removeprefix(PREFIX)
        values = read_values(skill)
        chosen = make_rng(seed, subject.subject_id, skill).permutation(len(values))
        for number in np.resize(chosen, count):
            value = values[number]
            words = {"name": subject.name, "a_name": with_article(subject.name), "value": value}
            words["a_changed"] = with_article(f"{value} {subject.name}")
            caption, instruction = (template.format(**words) for template in _TEMPLATES[skill])
            prompts.append(NewImage(task, caption, instruction))
    return prompts


def imagine(
    model: ChatModel, subject: Subject, tasks: Sequence[Task], count: int, tries: int
) -> tuple[list[NewImage], list[str]]:
    """Return up to `count` prompts of each task from a language model, and the reasons why others cannot be used."""
    captions = "\n".join(f"- {demonstration.caption}" for demonstration in subject.demonstrations)
    skills = ", ".join(task.removeprefix(PREFIX) for task in tasks)
    facts = f"name: {subject.name}\ncaptions:\n{captions}\nskills: {skills}\nwanted for each skill: {count}"
    prompt = Prompt((text("subject_prompts"), facts), _TOKENS + _TOKENS_PER_PROMPT * count * len(tasks))
    (reply,) = ask(model, [ModelQuestion(prompt, partial(read_prompts, name=subject.name, tasks=tasks))], tries)
    prompts = []
    for task in tasks:
        prompts += [part for part in reply.parts if part.task == task][:count]
    return prompts, [flaw.reason for flaw in reply.flaws]


@reject_unusable
def read_prompts(reply: str, name: str, tasks: Sequence[Task]) -> ParsedReply[NewImage]:
    """Return the usable prompts of a reply: those of a requested skill that name the subject in both texts."""
    parts: list[NewImage] = []
    flaws: list[ReplyIssue] = []
    for item in list_under(json_object(reply), "prompts"):
        prompt = _read_prompt(item, name, tasks, {part.caption for part in parts})
        (flaws if isinstance(prompt, ReplyIssue) else parts).append(prompt)  # type: ignore[arg-type]
    missing = [task.removeprefix(PREFIX) for task in tasks if task not in {part.task for part in parts}]
    flaws += [ReplyIssue(f"no usable prompt of the skill {skill}") for skill in missing]
    return ParsedReply(tuple(parts), tuple(dict.fromkeys(flaws)))


def find_name(name: str, caption: str) -> int | None:
    """Return the match of a subject's name in a text, as whole words in any case; None if the text does not name it."""
    found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", caption, re.IGNORECASE)
    return found.start() if found else None


def _read_prompt(item: Any, name: str, tasks: Sequence[Task], known: set[str]) -> NewImage | ReplyIssue:
    """Return the prompt of an item of a reply, or the reason why it cannot be used."""
    if not isinstance(item, dict):
        return ReplyIssue("a prompt is not a JSON object")
    skill, caption, instruction = (item.get(key) for key in ("skill", "caption", "instruction"))
    if f"{PREFIX}{skill}" not in tasks:
        return ReplyIssue(f"skill {str(skill)[:40]!a} is not one of the requested skills")
    task = Task(f"{PREFIX}{skill}")
    if not isinstance(caption, str) or not isinstance(instruction, str):
        return ReplyIssue("a prompt lacks caption or instruction", task)
    caption, instruction = clean_line(caption, MAX_LENGTH), clean_line(instruction, MAX_LENGTH)
    for key, sentence in (("caption", caption), ("instruction", instruction)):
        if find_name(name, sentence) is None:
            return ReplyIssue(f"the {key} does not name the {name}", task)
    if caption in known:
        return ReplyIssue("a caption repeats another one", task)
    return NewImage(task, caption, instruction)
