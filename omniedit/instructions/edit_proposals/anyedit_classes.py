"""Classes of proposals for AnyEdit's 25 types, with the checks and the facets of each.

A type that is a task of OmniEdit under another name has that task's class.
"""

from collections.abc import Iterator, Mapping

from pydantic import Field

from omniedit.instructions.edit_proposals.camera_classes import (
    MovementProposal,
    OutpaintProposal,
    RelationProposal,
    ResizeProposal,
    RotationProposal,
)
from omniedit.instructions.edit_proposals.classes import (
    AdditionProposal,
    BackgroundProposal,
    Phrase,
    PhraseOrNothing,
    PromptedProposal,
    PromptText,
    Proposal,
    RemovalProposal,
    StyleProposal,
    SwapProposal,
    TypeProposal,
)
from omniedit.instructions.stemming import content, head, noun, stems
from omniedit.tasks import Task

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class AlterationProposal(TypeProposal):
    """New colour, material or appearance of an object that stays in its place.

    Args:
        value: its new appearance: 'green', 'polished copper', 'covered in moss'.
    """

    object: Phrase
    value: Phrase

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        return {"value": (self.value,)}

    def find_flaws(self, name: str) -> Iterator[str]:
        if set(content(self.object)) >= set(content(self.value)):
            yield f"the object '{self.object}' already is '{self.value}'"

    def facets(self) -> Iterator[tuple[str, str]]:
        yield "value", self.value.lower()


class CountingProposal(TypeProposal, RemovalProposal):
    """Change of the number of objects of one kind by one.

    Args:
        object: the one object that is removed.
        kind: the kind of all of them: 'dog'.
        count: their number in the photo.
        more: whether the instruction asks for one more; the photo is then the edited image.
    """

    kind: Phrase
    count: int = Field(ge=2, le=len(NUMBERS) - 1)
    more: bool = False

    @property
    def result(self) -> int:
        """Return the number that the instruction asks for."""
        return self.count if self.more else self.count - 1

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        return {
            "kind": (self.kind,),
            "number": (NUMBERS[self.result], str(self.result), "a single")[: 3 if self.result == 1 else 2],
        }

    def find_flaws(self, name: str) -> Iterator[str]:
        if self.every:
            yield "every must be false: one object is removed"
        if name and head(name) != head(self.kind):
            yield f"the object '{self.object}' is not a '{self.kind}'"
        if head(self.kind) in stems(self.background):
            yield f"background '{self.background}' names the object"


class TextProposal(TypeProposal, SwapProposal):
    """Replacement of a printed text by another one.

    Args:
        object: the surface that carries the text.
        text, new_text: the text before and after the edit.
        new_object: description of the surface that quotes the new text.
    """

    text: Phrase
    new_text: Phrase

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        return {"text": (self.new_text,)}

    def find_flaws(self, name: str) -> Iterator[str]:
        if self.text.lower() == self.new_text.lower():
            yield "text and new_text are the same"
        if self.new_text not in self.new_object:
            yield f"new_object does not quote the text '{self.new_text}'"


class ActionProposal(TypeProposal, PromptedProposal):
    """New action of a person or an animal.

    Args:
        action: action after the edit: 'sleeping', 'jumping over the fence'.
    """

    object: Phrase
    action: Phrase

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        return {"action": (self.action,)}

    def find_flaws(self, name: str) -> Iterator[str]:
        source, target = set(stems(self.source_prompt)), set(stems(self.target_prompt))
        if name and not {head(name)} <= source & target:
            yield f"the prompts do not both name the object '{name}'"
        if not set(content(self.action)) <= target:
            yield f"target_prompt does not say '{self.action}'"
        if set(content(self.action)) <= source:
            yield f"source_prompt already says '{self.action}'"

    def facets(self) -> Iterator[tuple[str, str]]:
        yield "value", self.action.lower()


class ToneProposal(TypeProposal):
    """New season, weather, time of day or light of the whole photo."""

    environment: Phrase

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        return {"environment": (self.environment,)}

    def facets(self) -> Iterator[tuple[str, str]]:
        yield "environment", self.environment


class ImplicitProposal(TypeProposal):
    """Result of a cause that the instruction names: 'What happens if it does not rain for a year?'

    Args:
        cause: words of the cause that the instruction has: 'no rain for a year'.
        explicit: instruction that says what is then seen: 'Make the lawn dry and yellow.'
    """

    cause: Phrase
    explicit: PromptText

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        return {"cause": (self.cause,)}

    def find_flaws(self, name: str) -> Iterator[str]:
        if self.instructions[0].lower() == self.explicit.lower():
            yield "the instruction names the result, not the cause"


class ReferenceProposal(TypeProposal, SwapProposal):
    """Swap for the object of a reference image, which a model draws from `new_object`."""

    def facets(self) -> Iterator[tuple[str, str]]:
        yield "new_object", noun(self.new_object)


class MaterialProposal(AlterationProposal):
    """Material of a reference image for an object; `value` describes the material."""

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        return {}


class ConditionedProposal(TypeProposal, RemovalProposal):
    """Removal, or swap if there is a new object, that a condition image shows.

    Args:
        background: what is seen in the object's place after a removal.
        new_object: '' for a removal.
    """

    new_object: PhraseOrNothing = ""

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        return {"new object": (noun(self.new_object),)} if self.new_object else {}

    def find_flaws(self, name: str) -> Iterator[str]:
        if name and self.new_object and head(self.new_object) == head(name):
            yield f"new_object '{self.new_object}' is of the same kind as the object"
        if name and not self.new_object and head(name) in stems(self.background):
            yield f"background '{self.background}' names the object"

    def facets(self) -> Iterator[tuple[str, str]]:
        if self.new_object:
            yield "new_object", noun(self.new_object)


_TYPES: dict[type[Proposal], tuple[str, ...]] = {
    RemovalProposal: ("remove",),
    CountingProposal: ("counting",),
    AdditionProposal: ("add",),
    SwapProposal: ("replace",),
    AlterationProposal: ("color_alter", "appearance_alter", "material_change"),
    ActionProposal: ("action_change",),
    TextProposal: ("textual_change",),
    BackgroundProposal: ("background_change",),
    ToneProposal: ("tone_transfer",),
    StyleProposal: ("style_change",),
    MovementProposal: ("movement",),
    ResizeProposal: ("resize",),
    OutpaintProposal: ("outpaint",),
    RotationProposal: ("rotation_change",),
    ImplicitProposal: ("implicit_change",),
    RelationProposal: ("relation",),
    ReferenceProposal: ("visual_reference",),
    MaterialProposal: ("material_transfer",),
    ConditionedProposal: ("visual_bbox", "visual_depth", "visual_scribble", "visual_segment", "visual_sketch"),
}
TYPE_CLASSES = {Task(name): kind for kind, names in _TYPES.items() for name in names}
"""Class of the proposals of each type."""
