"""Classes of proposals: an edit of one photo, as a vision-language model proposes it, for each of OmniEdit's tasks."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from omniedit.instructions.stemming import noun
from omniedit.plain_text import clean_line

PHRASINGS = ("plain", "short", "detailed", "polite", "indirect")
"""Kinds of paraphrase. The plain instruction comes with its proposal; the others rewrite it."""
MAX_QUOTED = 80
"""Maximum number of characters quoted from a reply."""


def _has_words(text: str) -> str:
    if text and not any(character.isalnum() for character in text):
        raise ValueError(f"{quote(text)} has no letter or digit")
    return text


def quote(value: Any) -> str:
    """Quote any part of a reply in a reason: cut, on one line and in ASCII."""
    text = str(value)
    return ascii(text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}...")


def _clean(value: Any) -> Any:
    """Return a text on one line. An unpaired surrogate stays, and pydantic rejects it."""
    if not isinstance(value, str) or re.search("[\ud800-\udfff]", value):
        return value
    return clean_line(value) or value


Phrase = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_has_words), BeforeValidator(_clean)]
"""Phrase for something in a photo, without an article: 'red car on the left'."""
PhraseOrNothing = Annotated[str, Field(max_length=200), AfterValidator(_has_words), BeforeValidator(_clean)]
PromptText = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_has_words), BeforeValidator(_clean)]
"""Description of an image for a text-to-image model."""


class Proposal(BaseModel):
    """Edit of one photo.

    Args:
        instructions: paraphrases of the instruction, at least one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    instructions: list[Phrase] = Field(min_length=1)

    @property
    def truth(self) -> dict[str, Any]:
        """Return all fields of the edit but its instructions."""
        return self.model_dump(exclude={"instructions"})


class RemovalProposal(Proposal):
    """Removal of an object.

    Args:
        every: whether to remove all objects that match the phrase, or only the one that it refers to.
        background: what is visible once the object is gone.
    """

    object: Phrase
    every: bool = False
    background: PromptText


class AdditionProposal(RemovalProposal):
    """Addition of an object of the photo to the photo without it.

    Args:
        place: where the object goes, in words; '' if not given.
    """

    place: PhraseOrNothing = ""


class SwapProposal(Proposal):
    object: Phrase
    new_object: PromptText


class PromptedProposal(Proposal):
    """Edit of an image that a text-to-image model generates.

    Args:
        source_prompt, target_prompt: descriptions of the image before and after the edit; few words differ.
    """

    source_prompt: PromptText
    target_prompt: PromptText

    @model_validator(mode="after")
    def _check_prompts(self) -> "PromptedProposal":
        if self.source_prompt.split() == self.target_prompt.split():
            raise ValueError("source_prompt and target_prompt are the same")
        return self


class AttributeProposal(PromptedProposal):
    """Change of an object's attribute.

    Args:
        object: phrase that finds the object in the image of `source_prompt`.
        value: value of the attribute after the edit.
        emphasis: factor on the attention to the value's words.
    """

    object: Phrase
    attribute: Phrase
    value: Phrase
    emphasis: float = Field(1.0, gt=0, le=10)


class BackgroundProposal(Proposal):
    """Swap of the background.

    Args:
        object: object that stays.
        background: what is visible behind the object after the edit.
    """

    object: Phrase
    every: bool = False
    background: PromptText


class EnvironmentProposal(PromptedProposal):
    """Change of the environment.

    Args:
        object: foreground object that stays unchanged; '' if there is none.
    """

    environment: Phrase
    object: PhraseOrNothing = ""


class StyleProposal(Proposal):
    style: Phrase


class TypeProposal(Proposal):
    """Proposal of one of AnyEdit's types, which checks its own plausibility and lists what an instruction must name."""

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        """Return the parts of the edit that an instruction must name, each with the phrases that name it."""
        return {}

    def find_flaws(self, name: str) -> Iterator[str]:
        """Yield the reasons why the proposal does not make sense.

        Args:
            name: kind of the object, '' without one.
        """
        yield from ()

    def facets(self) -> Iterator[tuple[str, str]]:
        """Yield the facets besides the object, by which quotas and the report count proposals."""
        yield from ()


def facets(proposal: Proposal, name: str) -> Iterator[tuple[str, str]]:
    """Yield the facets of a proposal with their values, such as ('object', 'dog').

    Args:
        name: the object's kind, '' if unknown.
    """
    match proposal:
        case TypeProposal():
            if phrase := getattr(proposal, "object", ""):
                yield "object", name or phrase
            yield from proposal.facets()
        case SwapProposal(object=phrase, new_object=new):
            yield "object", name or phrase
            yield "new_object", noun(new)
        case RemovalProposal(object=phrase) | BackgroundProposal(object=phrase):
            yield "object", name or phrase
        case AttributeProposal(object=phrase, attribute=attribute, value=value):
            yield "object", name or phrase
            yield "attribute", attribute
            yield "value", value.lower()
        case EnvironmentProposal(environment=environment):
            yield "environment", environment
        case StyleProposal(style=style):
            yield "style", style
