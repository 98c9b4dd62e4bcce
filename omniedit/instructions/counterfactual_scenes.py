"""Counterfactual scenes (Yu et al. 2024, AnyEdit): captions that combine concepts which are rarely seen together.

Every concept is offered equally often, which balances the distribution of the photos.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from omniedit.instructions.edit_proposals.classes import Phrase, PromptText
from omniedit.instructions.edit_proposals.paraphrase_check import is_mentioned
from omniedit.instructions.edit_proposals.prompt_builder import text
from omniedit.instructions.edit_proposals.replies import ParsedReply, ReplyIssue, list_under, reject_unusable
from omniedit.instructions.edit_proposals.reply_retries import ModelQuestion, ask
from omniedit.instructions.edit_proposals.table import first_problem, json_object
from omniedit.instructions.stemming import stems
from omniedit.instructions.word_lists import read_list
from omniedit.storage.seeded_random import make_rng
from omniedit.vlm import ChatModel, Prompt

MAX_CHOICES = 12
"""Number of concepts, and of places, in a prompt; its reply has at most half as many scenes."""
_MAX_CAPTION_WORDS = 40
"""Maximum number of words in a caption."""
_TOKENS, _TOKENS_PER_SCENE = 60, 110


class Scene(BaseModel):
    """Scene to draw.

    Args:
        caption: description for the text-to-image model; the photo's caption afterwards.
        concepts: its two concepts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    concepts: list[Phrase] = Field(min_length=2, max_length=2)
    place: Phrase
    caption: PromptText


@dataclass(frozen=True)
class SceneConcepts:
    """Concepts and places of one prompt."""

    concepts: tuple[str, ...]
    places: tuple[str, ...]


def propose_scenes(
    model: ChatModel, count: int, seed: int, tries: int = 3, concepts: Sequence[str] = (), places: Sequence[str] = ()
) -> tuple[list[Scene], list[str]]:
    """Return up to `count` scenes, each with its own combination, and the reasons why others cannot be used.

    Args:
        seed: seed that draws the concepts of each prompt. Runs with the same seed that share a cache of replies get the
            same scenes.
        tries: maximum number of attempts per prompt.
        concepts, places: concepts and places to choose from; by default the shipped lists.
    """
    half = MAX_CHOICES // 2
    offers = draw_offers(-(-count // half), seed, concepts or read_list("concepts"), places or read_list("contexts"))
    questions = [ModelQuestion(scenes_prompt(offer, half), partial(read_scenes, offer=offer)) for offer in offers]
    replies = ask(model, questions, tries)
    combined = {frozenset(scene.concepts): scene for parsed in reversed(replies) for scene in reversed(parsed.parts)}
    scenes = [scene for parsed in replies for scene in parsed.parts if combined[frozenset(scene.concepts)] is scene]
    return list(islice(scenes, count)), [flaw.reason for parsed in replies for flaw in parsed.flaws]


def draw_offers(count: int, seed: int, concepts: Sequence[str], places: Sequence[str]) -> list[SceneConcepts]:
    """Draw the concepts and places of prompts. No concept is drawn a second time before all have been drawn once."""
    rng = make_rng("scenes", seed)
    rounds = [_rounds(names, count * MAX_CHOICES, rng) for names in (concepts, places)]
    parts = [
        [tuple(names[first : first + MAX_CHOICES]) for first in range(0, len(names), MAX_CHOICES)] for names in rounds
    ]
    return [SceneConcepts(*pair) for pair in zip(*parts, strict=True)]


def scenes_prompt(offer: SceneConcepts, count: int) -> Prompt:
    """Build the prompt for scenes of the offered concepts, without an image."""
    facts = f"concepts: {'; '.join(offer.concepts)}\nplaces: {'; '.join(offer.places)}\nwanted: {count}"
    return Prompt((text("scenes"), facts), _TOKENS + count * _TOKENS_PER_SCENE)


@reject_unusable
def read_scenes(reply: str, offer: SceneConcepts) -> ParsedReply[Scene]:
    """Return the scenes of a reply that combine two offered concepts in an offered place."""
    scenes: list[Scene] = []
    flaws: list[ReplyIssue] = []
    for item in list_under(json_object(reply), "scenes"):
        try:
            scene = TypeAdapter(Scene).validate_python(item)
        except ValidationError as error:
            flaws.append(ReplyIssue(first_problem(error)))
            continue
        used = {name for other in scenes for name in other.concepts}
        if reason := _flaw(scene, offer, used):
            flaws.append(ReplyIssue(reason))
        else:
            scenes.append(scene)
    return ParsedReply(tuple(scenes), tuple(flaws))


def _flaw(scene: Scene, offer: SceneConcepts, used: set[str]) -> str | None:
    """Return why a scene cannot be used, or None."""
    words = set(stems(scene.caption))
    for concept in scene.concepts:
        if concept not in offer.concepts:
            return f"'{concept}' is not one of the concepts to combine"
        if concept in used:
            return f"'{concept}' is in another scene already"
        if not is_mentioned(concept, words):
            return f"the caption does not name '{concept}'"
    if scene.concepts[0] == scene.concepts[1]:
        return f"'{scene.concepts[0]}' is combined with itself"
    if scene.place not in offer.places:
        return f"'{scene.place}' is not one of the places"
    if not is_mentioned(scene.place, words):
        return f"the caption does not name the place '{scene.place}'"
    if len(scene.caption.split()) > _MAX_CAPTION_WORDS:
        return f"the caption has more than {_MAX_CAPTION_WORDS} words"
    return None


def _rounds(names: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """Return `count` names: all of them in random order, then all in another order, and so on."""
    result: list[str] = []
    while len(result) < count:
        result += [names[index] for index in rng.permutation(len(names))]
    return result[:count]
