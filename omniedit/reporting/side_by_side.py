"""Page that shows the edits of several editors side by side, with slider and zoom, filters by task, score and judges.

`render_embedded` returns one file with its images, small enough for Snakemake's report. `write_folder` writes a page
next to its image files, for any number of items. Both open without a server and load nothing from elsewhere.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from os.path import relpath
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from omniedit.imaging.images import Image
from omniedit.reporting.page import MAX_PAGE_BYTES, encode_webp, image_uri, render
from omniedit.storage.atomic import replace_file, write_text

Picture = Path | Callable[[], Image]
"""Image file that the page links, or a function that returns an image to store with the page."""

SKELETON_BYTES = 60_000
"""Upper bound of the size of a page without items."""
EMBEDDED_PIXELS, FOLDER_PIXELS = 120_000, 1_000_000
"""Largest area of an image in the page and in the folder."""
QUALITY = 85
IMAGES = "images"


@dataclass(frozen=True)
class JudgeScore:
    """Scores of one judge, from 0 to 10; None for a missing score.

    Args:
        reason: rationale, or the reason for missing scores.
    """

    judge: str
    o: float | None
    sc: float | None = None
    pq: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Output:
    """Output of one editor for an item.

    Args:
        picture: the edited image; None if the editor failed.
        failure: reason of the failure.
    """

    editor: str
    picture: Picture | None
    scores: Sequence[JudgeScore] = ()
    failure: str = ""


@dataclass(frozen=True)
class ComparedItem:
    """Item of a benchmark with the outputs of all editors, in the order of the page.

    Args:
        target: image that the benchmark gives as the right result.
        references: reference images that the editors saw besides the source.
    """

    item_id: str
    task: str
    instruction: str
    source: Picture
    outputs: Sequence[Output]
    target: Picture | None = None
    references: Sequence[Picture] = ()


@dataclass(frozen=True)
class Heading:
    """Text above the items.

    Args:
        origin: run or benchmark.
        labels: names of editors and tasks for readers; others are shown unchanged.
    """

    title: str
    origin: str
    lead: str
    labels: Mapping[str, str] = field(default_factory=dict)


def render_embedded(heading: Heading, items: Iterable[ComparedItem], total: int) -> str:
    """Render the page with its images in it. As many items are shown as fit, in equal numbers per task.

    Args:
        items: items to show, best first within a task; reading stops when the page is full.
        total: number of items in all.
    """
    shown: list[dict[str, Any]] = []
    images = _EmbeddedImages()
    room = MAX_PAGE_BYTES - SKELETON_BYTES
    for item in items:
        before = images.count
        values = _item_values(item, images.place)
        room -= len(script_json(values)) + 1
        if images.size > room:
            images.forget(before)
            break
        shown.append(values)
    return _render(heading, shown, images.uris, total)


def write_folder(page: Path, heading: Heading, items: Iterable[ComparedItem]) -> None:
    """Write the page, and its images to the folder `images` next to it, except images that are files already."""
    images = _FolderImages(page.parent)
    shown = [_item_values(item, images.place) for item in items]
    write_text(page, _render(heading, shown, images.uris, len(shown)))


def alternate_tasks(items: Iterable[ComparedItem]) -> Iterator[ComparedItem]:
    """Yield the first item of each task, then the second ones, and so on."""
    by_task: dict[str, list[ComparedItem]] = defaultdict(list)
    for item in items:
        by_task[item.task].append(item)
    return (item for item in chain.from_iterable(zip_longest(*by_task.values())) if item is not None)


class _EmbeddedImages:
    """Images of a page as data: URIs; equal images are stored once."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, picture: Picture) -> int:
        uri = image_uri(_read(picture), EMBEDDED_PIXELS, QUALITY)
        return self._places.setdefault(uri, len(self._places))

    @property
    def uris(self) -> list[str]:
        return list(self._places)

    @property
    def count(self) -> int:
        return len(self._places)

    @property
    def size(self) -> int:
        """Characters of all addresses, with quotes and commas."""
        return sum(len(uri) + 3 for uri in self._places)

    def forget(self, count: int) -> None:
        """Keep the first `count` images."""
        self._places = {uri: place for uri, place in self._places.items() if place < count}


class _FolderImages:
    """Images of a page as addresses relative to it; the same file or function gives the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[Picture, int] = {}
        self.uris: list[str] = []

    def place(self, picture: Picture) -> int:
        if picture not in self._places:
            path = picture if isinstance(picture, Path) else self._write(picture())
            self._places[picture] = len(self.uris)
            self.uris.append(quote(Path(relpath(path, self._folder)).as_posix()))
        return self._places[picture]

    def _write(self, image: Image) -> Path:
        path = self._folder / IMAGES / f"{len(self.uris):06}.webp"
        with replace_file(path) as temporary:
            temporary.write_bytes(encode_webp(image, FOLDER_PIXELS, QUALITY))
        return path


def _read(picture: Picture) -> Image:
    if not isinstance(picture, Path):
        return picture()
    from omniedit.sources.photo_file import EncodedPhoto

    with EncodedPhoto(picture) as photo:
        return photo.decode()


def _item_values(item: ComparedItem, place: Callable[[Picture], int]) -> dict[str, Any]:
    """Return the values of an item that the page's script needs; images are numbers in the list of addresses."""
    return {
        "id": item.item_id,
        "task": item.task,
        "instruction": item.instruction,
        "source": place(item.source),
        "target": None if item.target is None else place(item.target),
        "references": [place(reference) for reference in item.references],
        "outputs": [_output_values(output, place) for output in item.outputs],
    }


def _output_values(output: Output, place: Callable[[Picture], int]) -> dict[str, Any]:
    scores = [
        {
            "judge": score.judge,
            "o": _round(score.o),
            "sc": _round(score.sc),
            "pq": _round(score.pq),
            "why": score.reason,
        }
        for score in output.scores
    ]
    picture = None if output.picture is None else place(output.picture)
    return {"editor": output.editor, "image": picture, "failure": output.failure, "scores": scores}


def _round(score: float | None) -> float | None:
    return None if score is None else round(score, 2)


def _render(heading: Heading, shown: Sequence[Mapping[str, Any]], uris: Sequence[str], total: int) -> str:
    data = {"items": shown, "images": uris, "labels": dict(heading.labels)}
    values = {
        "title": heading.title,
        "run": heading.origin,
        "lead": heading.lead,
        "total": total,
        "shown": len(shown),
        "data": script_json(data),
    }
    return render("side_by_side", values)


def script_json(data: Any) -> Markup:
    """Format data as JSON that cannot end its <script> element."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
