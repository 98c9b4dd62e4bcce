"""Edits that people rate (`RatedEdit`), and the selection of some of them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TypeVar

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import ImageFile

T = TypeVar("T")

CHECK = "unchanged source"
"""Editor of an attention check. Its edit is the source itself, for which an attentive rater gives SC 0."""


@dataclass(frozen=True)
class RatedEdit:
    """Edit of one editor.

    Args:
        item_id: names source and instruction; the same for all editors.
        editor: never shown to raters.
        image_group: digest of the source image; edits of one source are drawn together in a bootstrap.
        digest: SHA-256 of all that a rater sees, so that a changed edit counts as a new one.
        source, edited: functions that read the encoded images.
    """

    item_id: str
    editor: str
    task: str
    instruction: str
    image_group: str
    digest: str
    source: ImageFile = field(compare=False)
    edited: ImageFile = field(compare=False)

    @property
    def is_check(self) -> bool:
        return self.editor == CHECK


@dataclass(frozen=True)
class EditSet:
    """Edits of one input, and a message for each edit that cannot be rated."""

    edits: Sequence[RatedEdit]
    problems: Sequence[str] = ()


def select(
    edits: Sequence[RatedEdit], editors: Sequence[str], tasks: Sequence[str], limit: int | None, seed: int
) -> list[RatedEdit]:
    """Return the edits of some editors and tasks, all edits of at most `limit` items.

    Items are drawn by a digest of seed and id, so that a larger limit includes the items of a smaller one.

    Args:
        editors, tasks: names; empty for all.

    Raises:
        UserError: a name is unknown, or nothing is left.
    """
    for option, requested, known in (
        ("--editors", editors, {edit.editor for edit in edits}),
        ("--tasks", tasks, {edit.task for edit in edits}),
    ):
        if unknown := [name for name in requested if name not in known]:
            raise UserError(f"{option}: no edit belongs to {unknown[0]!r}; available: {', '.join(sorted(known))}")
    chosen = [
        edit for edit in edits if edit.editor in (editors or [edit.editor]) and edit.task in (tasks or [edit.task])
    ]
    item_ids = set(draw(sorted({edit.item_id for edit in chosen}), seed, str)[:limit])
    if not item_ids:
        raise UserError("there is no edit to rate")
    return [edit for edit in chosen if edit.item_id in item_ids]


def draw(values: Sequence[T], seed: object, name: Callable[[T], str]) -> list[T]:
    """Return values in an order that depends only on seed and names, not on the other values."""
    return sorted(values, key=lambda value: blake2b(f"{seed}|{name(value)}".encode(), digest_size=16).digest())


def add_checks(edits: Sequence[RatedEdit], count: int, seed: int) -> list[RatedEdit]:
    """Return edits with `count` attention checks, each with the source of a drawn item as its edit.

    Raises:
        UserError: there are fewer items than checks.
    """
    items = {edit.item_id: edit for edit in edits}
    if count > len(items):
        raise UserError(f"--checks {count}: there are only {len(items)} items; give at most this number")
    drawn = draw(list(items.values()), f"check {seed}", lambda edit: edit.item_id)[:count]
    return [*edits, *map(_to_check, drawn)]


def _to_check(edit: RatedEdit) -> RatedEdit:
    digest = f"{CHECK}, {edit.image_group}, {edit.instruction}"  # the same for the edits of all editors
    return replace(edit, editor=CHECK, edited=edit.source, digest=digest)


def group_by_item(edits: Sequence[RatedEdit]) -> Mapping[str, list[RatedEdit]]:
    """Return the edits of each item, by editor."""
    items: dict[str, list[RatedEdit]] = defaultdict(list)
    for edit in sorted(edits, key=lambda edit: edit.editor):
        items[edit.item_id].append(edit)
    return items
