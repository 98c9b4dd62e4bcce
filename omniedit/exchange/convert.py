"""Conversion of a data set's rows to pairs: fields by the layout, ids, tasks, provenance."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from omniedit.aspect import closest_ratio
from omniedit.errors import UserError
from omniedit.exchange.cells import (
    BadRow,
    find_json,
    read_extra,
    read_images,
    read_instructions,
    read_scores,
    read_text,
    read_turn,
    to_clean_text,
)
from omniedit.exchange.image_files import BadImage, ImageFiles
from omniedit.exchange.layout import Layout
from omniedit.exchange.pair_images import PairImages, Sizes, check_image, check_images
from omniedit.exchange.rows import Row, reject
from omniedit.exchange.task_names import to_task
from omniedit.exchange.turns import split_turns
from omniedit.imaging.images import Image, pixels_sha256
from omniedit.pairs import Captions, EncodedPair, Reference, Rejection
from omniedit.pairs.checks import MAX_LENGTH, check_pair, check_sizes
from omniedit.pairs.provenance import IMPORTED
from omniedit.plain_text import clean_line
from omniedit.sources.near_duplicates import perceptual_hash
from omniedit.sources.photo_index import make_source_id
from omniedit.tasks import Task

ADJACENT = "members of one sample must follow each other in a tar, as tar --sort=name packs them"
_ROLE = "reference"
"""Role of a reference if neither the layout nor the task gives one."""


@dataclass
class PairMaker:
    """Maker of pairs from rows.

    Args:
        name: name of the data set in the run; ids of pairs begin with it.
        task: task of rows that do not name one.
        tasks: the user's mapping from the data set's task names to tasks.
        sizes: policy for images of different sizes.
        licence: licence of all pairs; None to use the licence of the row or the layout.
        ids: ids in use, without the data set's name; each pair adds its own.
    """

    layout: Layout
    name: str
    files: ImageFiles
    task: str
    tasks: dict[str, str] = field(default_factory=dict)
    sizes: Sizes = "resize"
    licence: str | None = None
    ids: set[str] = field(default_factory=set)

    def make(self, row: Row) -> Iterator[EncodedPair | Rejection]:
        """Yield the pair of a row, or the pairs of all turns of a session. A rejection takes the place of a pair that
        fails.
        """
        for turn in split_turns(row, self.layout):
            try:
                yield self._make_pair(turn)
            except (BadRow, BadImage, UserError) as error:
                yield reject(turn.place, str(error))

    def _make_pair(self, row: Row) -> EncodedPair:
        layout = self.layout
        own_id = read_text(row, layout, "id") or row.key or None
        session, turn = self._read_session(row)
        instructions = read_instructions(row, layout)
        if not instructions:
            raise BadRow(f"no instruction{self._describe_lack(row, 'instruction')}")
        task_name = read_text(row, layout, "task")
        images, references, file_names = self._read_images(row)
        task = self._to_task(task_name)
        imported: dict[str, Any] = {"dataset": layout.name, "place": row.place}
        imported |= {"id": own_id, "task": task_name, "session": session, "files": file_names}
        imported["columns"], left_out = read_extra(row, layout)
        imported |= {"changes": images.changes, "left_out": left_out}
        default_role = task.references[0] if task.references else _ROLE
        pair = EncodedPair(
            pair_id=self._make_id(row, own_id, session, turn),
            task=task,
            instructions=tuple(instructions),
            source=images.source,
            edited=images.edited,
            mask=images.mask,
            provenance=self._provenance(row, images, imported),
            references=tuple(replace(reference, role=reference.role or default_role) for reference in references),
            captions=Captions(read_text(row, layout, "source_caption"), read_text(row, layout, "edited_caption")),
            session=session and clean_line(f"{self.name}-{session}", MAX_LENGTH),
            turn=turn,
            imported_scores=read_scores(row, layout),
        )
        check_pair(pair)
        check_sizes(pair)
        self.ids.add(pair.pair_id.removeprefix(self._prefix))
        return pair

    @property
    def _prefix(self) -> str:
        return f"{self.name}-"

    def _read_session(self, row: Row) -> tuple[str | None, int | None]:
        """Return the data set's name of the session and the number of the turn; '' and None if the row has no
        session.
        """
        session, turn = read_text(row, self.layout, "session"), row.turn or read_turn(row, self.layout)
        if session is None and row.turn:
            session = row.name
        return session, turn if session else None

    def _to_task(self, name: str | None) -> Task:
        try:
            return Task(self.task) if name is None else to_task(name, self.layout.task_names, self.tasks)
        except ValueError as error:
            raise BadRow(str(error)) from None

    def _read_images(self, row: Row) -> tuple[PairImages, list[Reference[bytes]], dict[str, str]]:
        """Return the checked images, the references, and the names of the files."""
        found: dict[str, tuple[list[bytes], str]] = {}
        for name in ("source", "edited", "mask"):
            found[name] = read_images(row, self.layout.find(name), self.files)
            if not found[name][0] and name != "mask":
                raise BadRow(f"no {name} image{self._describe_lack(row, name)}")
        source, edited, mask = (contents[0] if contents else None for contents, _ in found.values())
        assert source is not None and edited is not None
        images = check_images(source, edited, mask, self.sizes, self.layout.has_cutouts)
        references = [Reference("input", content) for content in found["source"][0][1:]]
        names = {name: path for name, (_, path) in found.items() if path}
        for reference, path in self._references(row):
            references.append(reference)
            names |= {f"reference {len(references)}": path} if path else {}
        checked = [
            replace(each, image=check_image(each.image, f"reference {number}", images.changes)[0])
            for number, each in enumerate(references, 1)
        ]
        return images, checked, names

    def _describe_lack(self, row: Row, field: str) -> str:
        """Return where a field was looked for and, if the column does not exist, the columns that the row has."""
        names = [name for name, _ in self.layout.find(field)]
        place = f" in {' or '.join(names)}"
        if any(name in row.values for name in names):
            return place
        remedy = f"; if another column holds it, give --columns {field}=NAME"
        remedy += f"; {ADJACENT}" if row.key and row.file.container == "tar" else ""
        return f"{place}; the row has {', '.join(map(str, row.values)) or 'no columns'}{remedy}"

    def _references(self, row: Row) -> Iterator[tuple[Reference[bytes], str]]:
        """Yield each reference with its file name; role '' stands for the task's default."""
        for name, column in self.layout.find("reference"):
            contents, path = read_images(row, iter([(name, column)]), self.files)
            yield from ((Reference(column.name, content), path) for content in contents)
        for name, column in self.layout.find("references"):
            for each in find_json(row, name, list):
                if not isinstance(each, dict):
                    raise BadRow(
                        f"column {name!a}: a reference is {type(each).__name__}, not a mapping with role, image"
                    )
                image = each.get("image")
                if isinstance(image, str) and row.key:  # in a tar, it may name a member
                    image = row.values.get(image, image)
                inner = Row(row.file, row.number, {name: image}, row.key)
                contents, path = read_images(inner, iter([(name, column)]), self.files)
                role = clean_line(str(each.get("role") or ""), MAX_LENGTH)
                caption = None if each.get("caption") is None else to_clean_text(each["caption"], name)
                yield from ((Reference(role, content, caption), path) for content in contents)

    def _make_id(self, row: Row, own_id: str | None, session: str | None, turn: int | None) -> str:
        """Return a unique id: by the data set's own id, the turn of a session, or the row's file and number."""
        readable = own_id or (f"{session}-{turn}" if session and turn else session) or row.name
        if own_id and self.layout.unique_in_file:
            readable = f"{row.name.rpartition('-')[0]}-{own_id}"
        return f"{self._prefix}{make_source_id(row.place, readable, self.ids)}"

    def _provenance(self, row: Row, images: PairImages, imported: dict[str, Any]) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        for name, _ in self.layout.find("provenance"):
            facts |= {key: value for key, value in find_json(row, name, dict).items() if key != IMPORTED}
        known: dict[str, Any] = {key: read_text(row, self.layout, key) for key in ("licence", "author", "origin")}
        known["licence"] = self.licence or known["licence"] or facts.get("licence") or self.layout.licence
        measured = measure_source(images.source_image)
        source_id = facts.get("source_id") or imported["session"] or imported["id"] or row.place
        about = {key: value for key, value in imported.items() if value}
        return {
            **measured,
            **facts,
            **{key: value for key, value in known.items() if value},
            "source_id": clean_line(str(source_id), MAX_LENGTH),
            IMPORTED: about,
        }


def measure_source(image: Image) -> dict[str, str]:
    """Return the keys of the provenance that follow from the source image."""
    height, width = image.shape[:2]
    return {
        "source_sha256": pixels_sha256(image),
        "source_phash": perceptual_hash(image),
        "ratio": closest_ratio(width, height),
    }
