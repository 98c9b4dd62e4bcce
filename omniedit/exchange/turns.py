"""Rows that hold a whole session, split into a row for each turn."""

from collections.abc import Iterator, Mapping
from typing import Any

from omniedit.exchange.layout import Layout, SessionLayout
from omniedit.exchange.rows import Row


def split_turns(row: Row, layout: Layout) -> Iterator[Row]:
    """Yield the turns of a session as rows, or the row itself if it has no session."""
    turns = row.values.get(layout.turns) if layout.turns else None
    if layout.chain and isinstance(row.values.get(layout.chain.instructions), list):
        yield from _split_chain(row, layout, layout.chain)
    elif isinstance(turns, list):
        shared = {name: value for name, value in row.values.items() if name != layout.turns}
        for number, values in enumerate(turns, 1):
            if isinstance(values, dict):
                yield Row(row.file, row.number, {**shared, **values}, row.key, number)
    else:
        yield row


def _split_chain(row: Row, layout: Layout, chain: SessionLayout) -> Iterator[Row]:
    """Yield the turns of a chain of images: the source of a turn is the edited image of the previous turn."""
    source, edited, instruction = (next(layout.find(name))[0] for name in ("source", "edited", "instruction"))
    images, texts = _by_id(row.values.get(chain.images)), row.values[chain.instructions]
    values = {name: value for name, value in row.values.items() if name not in (chain.images, chain.instructions)}
    for name, _ in layout.find("origin"):
        values |= {name: images.get(chain.original)}
    for number, text in enumerate(texts, 1):
        image = images.get(chain.last if number == len(texts) else f"{chain.each}{number}")
        values = {**values, instruction: text, edited: image}
        yield Row(row.file, row.number, values, row.key, number)
        values = {**values, source: image}


def _by_id(images: Any) -> Mapping[str, Any]:
    """Return path or address by id of a list of mappings with `id` and `url`."""
    entries = images if isinstance(images, list) else []
    return {str(entry.get("id")): entry.get("url") for entry in entries if isinstance(entry, dict)}
