"""Complex edits (SmartEdit, Huang et al. 2023): one of several objects of a kind, and objects named by a clue.

The object is removed, recoloured or replaced by the specialists of single objects. For one of two objects, the images
of a removal are also exchanged, so that the instruction adds the object next to the other one. Removal, pasting and
harmonisation follow SmartEdit's production pipeline, which makes both an addition and a replacement from one photo.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from typing import Any

import numpy as np

from omniedit.grounding.nouns import KINDS, OBJECT, find_kind
from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.inpaint import MODELS
from omniedit.imaging.morphology import dilate
from omniedit.instructions.clues import find_clues
from omniedit.instructions.grammar import with_article
from omniedit.instructions.individuals import Individual
from omniedit.instructions.referring_expressions import CUES, refer
from omniedit.instructions.stemming import head
from omniedit.instructions.templates.complex import RELATIONS, complex_instructions
from omniedit.sources.photo import Photo
from omniedit.specialists.base import Donors, EditRequest, EditResult, EmbeddedSpecialist, NotApplicable
from omniedit.specialists.embedded.attribute import AttributeModification
from omniedit.specialists.embedded.fill_cache import FillCache
from omniedit.specialists.embedded.removal import possible_removals
from omniedit.specialists.embedded.swap import ObjectSwap, is_replaceable
from omniedit.specialists.embedded.target_individuals import list_individuals, name_uniquely
from omniedit.tasks import Task

MIN_OBJECT_SHARE = 0.004
"""Minimum share of the image that the object of an edit covers."""
MAX_SWAP_OFFERS = 6
"""Maximum number of replacements to consider. The first one of the same kind is used, such as an animal for an
animal."""
MIN_GAP = 0.1
"""Minimum gap between two salient objects of a kind, as a share of the square root of one's area; closer ones may be
parts of one object."""
CERTAIN_CUES = ("place", "colour")
"""Cues that are used if the photo has no listing of its objects. A found object may then be two that overlap, so
neither number nor size is certain."""


@dataclass(frozen=True)
class NamedTarget:
    """Object of a photo with the phrases that refer to it.

    Args:
        target: index of the object among the found ones.
        phrases: without an article; each refers only to this object.
        truth: values by which the reference judge resolves them.
        edits: tasks whose edits suit the phrases.
    """

    target: int
    phrases: tuple[str, ...]
    truth: dict[str, Any]
    edits: tuple[Task, ...] = (Task.OBJECT_REMOVAL, Task.ATTRIBUTE_MODIFICATION, Task.OBJECT_SWAP)


class ComplexEdit(EmbeddedSpecialist):
    """Edit of an object that is identified by an expression or a clue.

    Truth: the truth of the base edit, and `edit`, its task; `kind`, the object's noun; `expression`, the first phrase
    of the object; `alike`, the objects from which the phrase selects it, as `Individual`s; `among`, its index there.
    """

    task: Task

    def __init__(self, donors: Donors, objects: ObjectIndex | None = None) -> None:
        self._objects = objects or ObjectIndex()
        self._fills = FillCache()
        self._painter = AttributeModification(self._objects)
        self._swapper = ObjectSwap(donors, self._objects, self._fills)
        self._used: set[tuple[str, int, str, Task]] = set()
        self._request: dict[Task, Callable[..., EditRequest]] = {
            Task.OBJECT_REMOVAL: self._remove,
            Task.OBJECT_ADDITION: self._add,
            Task.ATTRIBUTE_MODIFICATION: self._recolour,
            Task.OBJECT_SWAP: self._swap,
        }

    def name_objects(self, photo: Photo, objects: Sequence[FoundObject]) -> Iterator[NamedTarget]:
        """Yield the objects to which phrases of this task can refer.

        Raises:
            NotApplicable: there is no such object; the text gives the reason.
        """
        raise NotImplementedError

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        objects = self._objects.find(photo, crowds=True)
        if not objects:
            raise NotApplicable("no object with a clear outline")
        options = [(naming, edit) for naming in self.name_objects(photo, objects) for edit in naming.edits]
        reasons = []
        for chosen in rng.permutation(len(options)):
            naming, edit = options[chosen]
            offer = (photo.source_id, naming.target, naming.phrases[0], edit)
            if offer in self._used:
                continue
            self._used.add(offer)
            try:
                return self._make_request(photo, objects, naming, edit, rng)
            except NotApplicable as reason:
                reasons.append(str(reason))
        raise NotApplicable("; ".join(dict.fromkeys(reasons)) or "no further object to edit")

    def _make_request(
        self, photo: Photo, objects: Sequence[FoundObject], naming: NamedTarget, edit: Task, rng: np.random.Generator
    ) -> EditRequest:
        view, renamed = name_uniquely(photo, objects, naming.target)
        request = self._request[edit](view, renamed, naming, rng)
        common = {"edit": edit.name, "expression": naming.phrases[0], **naming.truth}
        named = naming.truth["kind"] if edit is Task.OBJECT_ADDITION else naming.phrases[0]
        return replace(request, photo=photo, task=self.task, truth={**request.truth, **common, "object": named})

    def _remove(
        self, photo: Photo, objects: Sequence[FoundObject], naming: NamedTarget, rng: np.random.Generator
    ) -> EditRequest:
        target = objects[naming.target]
        holes = [removal for removal in possible_removals(photo, objects) if removal.names == (target.name,)]
        if not holes:
            raise NotApplicable(f"the {target.name} cannot be removed completely, or its hole is too large")
        instructions = complex_instructions("object_removal", naming.phrases, rng)
        return EditRequest(photo, self.task, instructions, {"box": list(holes[0].box)}, mask=holes[0].hole)

    def _add(
        self, photo: Photo, objects: Sequence[FoundObject], naming: NamedTarget, rng: np.random.Generator
    ) -> EditRequest:
        removal = self._remove(photo, objects, naming, rng)
        kind = naming.truth["kind"]
        place = RELATIONS[_place_in(naming.phrases[0])]
        texts = complex_instructions("object_addition", [kind], rng, with_article(kind), place)
        return replace(removal, instructions=texts)

    def _recolour(
        self, photo: Photo, objects: Sequence[FoundObject], naming: NamedTarget, rng: np.random.Generator
    ) -> EditRequest:
        request = self._painter.recolour(photo, objects[naming.target], objects, rng)
        texts = complex_instructions("attribute_modification", naming.phrases, rng, request.truth["value"])
        return replace(request, instructions=texts)

    def _swap(
        self, photo: Photo, objects: Sequence[FoundObject], naming: NamedTarget, rng: np.random.Generator
    ) -> EditRequest:
        old = objects[naming.target]
        if not is_replaceable(old, objects):
            raise NotApplicable(f"the {old.name} is cut off, too large, too small, unnamed, or partly hidden")
        kind = find_kind(naming.truth["kind"])
        offers = (self._swapper.replace_object(photo, old, objects, rng) for _ in range(MAX_SWAP_OFFERS))
        offered = takewhile(lambda each: each is not None, offers)
        request = next((each for each in offered if each and find_kind(each.truth["new_object"]) == kind), None)
        if request is None:
            raise NotApplicable(f"no further object of its kind fits in place of the {old.name}")
        texts = complex_instructions("object_swap", naming.phrases, rng, with_article(request.truth["new_object"]))
        return replace(request, instructions=texts)

    def _edit(self, request: EditRequest) -> EditResult | NotApplicable:
        edit = Task(request.truth["edit"])
        if edit in (Task.ATTRIBUTE_MODIFICATION, Task.OBJECT_SWAP):
            specialist = self._painter if edit is Task.ATTRIBUTE_MODIFICATION else self._swapper
            (edited,) = specialist.edit([request])
            return edited
        assert request.mask is not None
        filled, image = self._fills.fill(request.photo, request.mask), request.photo.image
        if edit is Task.OBJECT_ADDITION:
            return EditResult(image, request.mask, MODELS, source=filled)
        return EditResult(filled, request.mask, MODELS)


class ComplexUnderstanding(ComplexEdit):
    """Edit of one of several objects of a kind, identified by place, size, colour, order or a mirror.

    Truth: besides that of `ComplexEdit`, `cue`, a word of `referring.CUES`. `alike` are the objects of the kind.
    """

    task = Task("complex_understanding")

    def name_objects(self, photo: Photo, objects: Sequence[FoundObject]) -> Iterator[NamedTarget]:
        individuals, unplaced = list_individuals(photo, objects)
        is_listed = any(named.box for named in photo.objects)
        is_any = False
        for target, individual in enumerate(individuals[: len(objects)]):
            if (
                individual.area < MIN_OBJECT_SHARE
                or head(individual.noun) in unplaced
                or _may_be_others(individual, individuals)
            ):
                continue
            same_kind = [index for index, other in enumerate(individuals) if head(other.noun) == head(individual.noun)]
            if not is_listed and _touches_another(objects, target, same_kind):
                continue
            rows = [asdict(_round(individuals[index])) for index in same_kind]
            for cue, phrases in refer(target, individuals, CUES if is_listed else CERTAIN_CUES).items():
                phrases = [phrase for phrase in phrases if is_listed or "middle" not in phrase]
                if not phrases:
                    continue
                is_any = True
                truth = {"kind": individual.noun, "cue": cue, "alike": rows, "among": same_kind.index(target)}
                yield NamedTarget(target, tuple(phrases), truth)
                if cue == "place" and len(same_kind) == 2 and _place_in(phrases[0]):
                    yield NamedTarget(target, tuple(phrases), truth, (Task.OBJECT_ADDITION,))
        if not is_any:
            names = ", ".join(individual.noun for individual in individuals)
            raise NotApplicable(f"no two objects of one kind that differ in place, size, colour or order ({names})")


class ComplexReasoning(ComplexEdit):
    """Edit of an object that is named by its nature, action or use.

    Truth: besides that of `ComplexEdit`, `names`, the names of all objects in the photo, including those without an
        outline. `alike` are the objects with an outline, and `expression` is a clue of the table.
    """

    task = Task("complex_reasoning")

    def name_objects(self, photo: Photo, objects: Sequence[FoundObject]) -> Iterator[NamedTarget]:
        individuals, _ = list_individuals(photo, objects)
        rows = [asdict(_round(individual)) for individual in individuals]
        names = [individual.noun for individual in individuals]
        names += [named.name for named in photo.objects if named.box is None]
        is_any = False
        for target, individual in enumerate(individuals[: len(objects)]):
            if individual.area < MIN_OBJECT_SHARE or individual.noun in KINDS or individual.noun == OBJECT:
                continue
            for clue in find_clues(target, names):
                is_any = True
                truth = {"kind": individual.noun, "names": names, "alike": rows, "among": target}
                yield NamedTarget(target, (clue,), truth)
        if not is_any:
            raise NotApplicable(f"no clue in the table refers to exactly one object ({', '.join(names)})")


def _place_in(phrase: str) -> str:
    """Return the place in an expression, a key of RELATIONS; '' if it names none."""
    return next((word for word in RELATIONS if re.search(rf"\b{word}\b", phrase)), "")


def _may_be_others(individual: Individual, individuals: Sequence[Individual]) -> bool:
    """Return whether an object with another name may be of the same kind, such as an 'animal' next to a 'dog', or any
    'object'.
    """
    nouns = {other.noun for other in individuals if head(other.noun) != head(individual.noun)}
    is_of_kind = any(noun in KINDS and find_kind(individual.noun) == noun for noun in nouns)
    includes = individual.noun in KINDS and any(find_kind(noun) == individual.noun for noun in nouns)
    return individual.noun == OBJECT or OBJECT in nouns or is_of_kind or includes


def _touches_another(objects: Sequence[FoundObject], target: int, same_kind: Sequence[int]) -> bool:
    """Return whether an object almost touches another one of its kind."""
    mask = objects[target].mask
    around = dilate(mask, max(3, round(MIN_GAP * float(mask.sum()) ** 0.5)))
    return any((around & objects[index].mask).any() for index in same_kind if index != target and index < len(objects))


def _round(individual: Individual) -> Individual:
    """Return an individual with rounded numbers, as the truth stores it."""
    left, top, right, bottom = (round(edge, 4) for edge in individual.box)
    lab = (
        None
        if individual.lab is None
        else (round(individual.lab[0], 1), round(individual.lab[1], 1), round(individual.lab[2], 1))
    )
    return replace(individual, box=(left, top, right, bottom), area=round(individual.area, 5), lab=lab)
