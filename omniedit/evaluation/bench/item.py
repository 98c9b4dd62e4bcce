"""Requests of a benchmark (`BenchItem`) and the set that they belong to (`BenchSet`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omniedit.pairs import Captions

ImageFile = Callable[[], bytes]
"""Function that reads an encoded image, so that a set holds no pixels."""


@dataclass(frozen=True)
class BenchItem:
    """Request of a benchmark: an image and what to do with it.

    Args:
        item_id: unique in the set; the path of the output without its suffix, in the layout of the published benchmark
            (`{task}/{language}/{key}` of GEdit-Bench).
        task: type of the edit, by the benchmark's own name.
        instruction: request to the editor.
        source: image to edit.
        target: image that the benchmark gives as the right result, if any.
        mask: region to edit, white, if the benchmark gives one.
        references: images that the instruction points to, by role.
        captions: descriptions of the source and of the requested result, for metrics and for editors that need them.
        session: name of the session, if the item is a turn of one.
        turn: number of the turn, from 1.
        extra: the benchmark's other columns, by its names (language, explanation, question, answer).
    """

    item_id: str
    task: str
    instruction: str
    source: ImageFile
    target: ImageFile | None = None
    mask: ImageFile | None = None
    references: tuple[tuple[str, ImageFile], ...] = ()
    captions: Captions = field(default_factory=Captions)
    session: str | None = None
    turn: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BenchSet:
    """Benchmark as read from its published files.

    Args:
        name: name in the registry, with its part ("gedit-en").
        version: SHA-256 of all inputs that decide the items, in hexadecimal.
        items: requests in the benchmark's order.
        rejected: unusable rows, by their place, with the reason.
        chained: whether a turn edits the editor's output of the previous turn, not the set's own source.
    """

    name: str
    version: str
    items: Sequence[BenchItem]
    rejected: Mapping[str, str] = field(default_factory=dict)
    chained: bool = False
