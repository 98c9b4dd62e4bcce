"""Proposals for AnyEdit's camera types and for `relation`: an object is placed elsewhere, or the view changes."""

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field

from omniedit.instructions.edit_proposals.classes import Phrase, PromptText, RemovalProposal, TypeProposal
from omniedit.instructions.stemming import head, noun, stems

SIDES = {
    "left": ("left",),
    "right": ("right",),
    "above": ("above", "top", "over", "onto"),
    "below": ("below", "under", "beneath", "bottom"),
}
"""Sides of another object, and words that mean them."""


class PlacementProposal(TypeProposal, RemovalProposal):
    """Object that is cut out and placed elsewhere or at another size; `background` fills its old place."""

    def find_flaws(self, name: str) -> Iterator[str]:
        if self.every:
            yield "every must be false: one object is placed"
        if name and head(name) in stems(self.background):
            yield f"background '{self.background}' names the object"


class MovementProposal(PlacementProposal):
    """Shift of an object.

    Args:
        distance: share of the image's width, or height for up and down.
    """

    direction: Literal["left", "right", "up", "down"]
    distance: float = Field(0.25, ge=0.1, le=0.6)

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        return {"direction": (self.direction, f"{self.direction}ward")}


class ResizeProposal(PlacementProposal):
    """Change of an object's size; the middle of its lower edge stays.

    Args:
        scale: its new size as a share of the old one.
    """

    scale: float = Field(ge=0.4, le=2)

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        larger = ("larger", "bigger", "enlarge", "grow", "zoom in", "scale up", "double", "increase the size")
        smaller = ("smaller", "shrink", "reduce", "tiny", "zoom out", "scale down", "half", "decrease the size")
        return {"size": larger if self.scale > 1 else smaller}

    def find_flaws(self, name: str) -> Iterator[str]:
        yield from super().find_flaws(name)
        if 0.85 < self.scale < 1.2:
            yield f"the scale {self.scale:g} hardly changes the size"


class RelationProposal(PlacementProposal):
    """Object that is placed next to another one, which stays.

    Args:
        anchor: phrase that refers only to the other object.
        side: where the object goes, as seen from the anchor.
    """

    anchor: Phrase
    side: Literal["left", "right", "above", "below"]

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        return {"anchor": (noun(self.anchor),), "side": SIDES[self.side]}

    def find_flaws(self, name: str) -> Iterator[str]:
        yield from super().find_flaws(name)
        if self.anchor.lower() == self.object.lower():
            yield "anchor and object are the same"


class OutpaintProposal(TypeProposal):
    """Continuation of the photo beyond its border.

    Args:
        side: where the view is extended.
        scene: description of the whole extended view.
    """

    side: Literal["all", "left", "right", "top", "bottom"] = "all"
    scene: PromptText

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        return {} if self.side == "all" else {"side": (self.side,)}


class RotationProposal(TypeProposal):
    """New view of an object or of the scene, as from a camera that moves around it.

    Args:
        direction: of the object's turn, as seen from above.
        degrees: angle of the turn.
    """

    object: Phrase
    direction: Literal["clockwise", "counterclockwise"]
    degrees: int = Field(45, ge=15, le=180)

    def key_phrases(self) -> Mapping[str, tuple[str, ...]]:
        return {"direction": (self.direction,) if self.direction == "clockwise" else (self.direction, "anticlockwise")}
