"""Clusters of web images: rows of one address or site whose images show one subject (Chen et al. 2023, section 4).

Images from one page of a shop are likely to show the same product. Groups with very different images are rejected.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from omniedit.config.subjects import RIGHTS, SubjectsConfig
from omniedit.errors import UserError
from omniedit.exchange.cells import BadRow, read_images, read_text
from omniedit.exchange.image_files import ImageFiles
from omniedit.exchange.importing import RowReader
from omniedit.exchange.layout import Column, Layout
from omniedit.exchange.rows import Row
from omniedit.imaging.images import Image, decode_image, pixels_sha256
from omniedit.pairs import Rejection
from omniedit.plain_text import clean_line
from omniedit.storage.seeded_random import hash_number
from omniedit.subjects.captions import Captioner
from omniedit.subjects.features import Embed, similarities
from omniedit.subjects.subject import Demonstration, RejectedCluster, Subject

MAX_ROWS = 40
"""Maximum number of images of a group that are compared, the first ones. Larger pages rarely show one subject."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:)?//")
_HOST = re.compile(r"[^\s\\.][^\s\\]*")
_BARE = re.compile(r".+\.[^.]*[^\W\d][^.]*|\d+(\.\d+){3}")
"""Host of an address without a scheme: its last label has a letter, or it is an IP address. "undefined", "n/a",
"javascript:void(0)" and "3.14" do not match."""


@dataclass(frozen=True)
class WebRow:
    """Image file of a row, its text, and the rights that the row states. `place` names the row in errors."""

    file: bytes
    text: str
    rights: dict[str, str]
    place: str


@dataclass(frozen=True)
class WebImage:
    """Row with its pixels. Only one group at a time is decoded, because a shard of a crawl does not fit in memory."""

    row: WebRow
    pixels: Image


@dataclass
class PageGroup:
    """Rows of one address or site that have an image file, with the numbers of all rows and of rows without a file."""

    files: list[WebRow] = field(default_factory=list)
    rows: int = 0
    unreadable: int = 0


def build_layout(options: SubjectsConfig) -> Layout:
    """Return the columns of the rows as a layout of the importer."""
    columns = {
        options.image_column: Column(field="source"),
        options.url_column: Column(field="origin"),
        options.text_column: Column(field="source_caption", optional=options.captions == "model"),
        **{name: Column(field=name, optional=True) for name in RIGHTS},
    }
    return Layout(name="rows", required=("source", "origin"), columns=columns)


def read_groups(options: SubjectsConfig, shard: int, shards: int) -> tuple[dict[str, PageGroup], list[Rejection]]:
    """Return the groups of a shard by name, and the rows without a group, with the reason.

    A group is assigned to a shard by the digest of its name or, with `is_partitioned`, by its file.

    Raises:
        UserError: the files cannot be read, lack a column, or would be divided although they are partitioned.
    """
    assert options.path is not None
    layout = build_layout(options)
    reader = RowReader(options.path, layout)
    if options.is_partitioned and len(reader.files) < shards:
        raise UserError(
            f"subjects.is_partitioned: {len(reader.files)} files for {shards} shards, so a file's groups would be"
            " divided; set sources.shards to at most the number of files, or is_partitioned to false"
        )
    groups: dict[str, PageGroup] = {}
    rejected: list[Rejection] = []
    files = ImageFiles(reader.images_root)
    for row in reader.shard(shard, shards) if options.is_partitioned else reader.shard(0):
        if isinstance(row, Rejection):
            rejected += [row] if options.is_partitioned or shard == 0 else []
            continue
        try:
            name = group_name(read_text(row, layout, "origin") or "", options.group_by)
        except BadRow as error:
            rejected += [Rejection(row.place, str(error))] if options.is_partitioned or shard == 0 else []
            continue
        if options.is_partitioned or hash_number(name) % shards == shard:
            _add_row(groups.setdefault(name, PageGroup()), row, layout, files)
    files.close()
    return groups, rejected


def group_name(url: str, group_by: str) -> str:
    """Return the group of an address: host and path without query and fragment, or only the host.

    Different spellings of one address have one name: with and without `www.`, percent-encoded or not.

    Raises:
        BadRow: the text is not an address.
    """
    address = clean_line(url)
    try:
        parts = urlsplit(address if _SCHEME.match(address) else f"//{address}")
        host = (parts.hostname or "").removeprefix("www.").rstrip(".")
    except ValueError as error:
        raise BadRow(f"url {address[:80]!a}: {error}") from None
    is_host = _HOST.fullmatch(host) and (_SCHEME.match(address) or (_BARE.fullmatch(host) and "@" not in parts.netloc))
    if not is_host:
        raise BadRow(f"url {address[:80]!a}: not an address")
    return host if group_by == "site" else f"{host}{clean_line(unquote(parts.path)).rstrip('/')}"


def _add_row(group: PageGroup, row: Row, layout: Layout, files: ImageFiles) -> None:
    group.rows += 1
    if len(group.files) >= MAX_ROWS:
        return
    try:
        (file, *_), _ = read_images(row, layout.find("source"), files)
        text = read_text(row, layout, "source_caption") or ""
        rights = {key: read_text(row, layout, key) or "" for key in RIGHTS}
    except (BadRow, UserError, ValueError):  # ValueError: the row has no image
        group.unreadable += 1
        return
    group.files.append(WebRow(file, text, rights, row.place))


def find_subjects(
    groups: dict[str, PageGroup], options: SubjectsConfig, embed: Embed, captioner: Captioner
) -> Iterator[Subject | RejectedCluster]:
    """Yield the subject of each group, or the rejection of the group with its reason, in the order of their names."""
    count = 0
    for name, group in sorted(groups.items()):
        subject_id = make_subject_id(name)
        about: dict[str, Any] = {"group": name, "rows": group.rows}
        if count == options.per_shard:
            yield RejectedCluster(subject_id, f"the shard already has {count} subjects (subjects.per_shard)", about)
            continue
        images = decode_images(group.files)
        about["unreadable"] = group.unreadable + len(group.files) - len(images)
        places, reason, about["similarity"] = choose_images(images, options, embed)
        chosen = [images[place] for place in places]
        if not reason:
            noun, captions, reason = captioner.describe(
                [each.pixels for each in chosen], [each.row.text for each in chosen]
            )
        if reason:
            yield RejectedCluster(subject_id, reason, about)
            continue
        count += 1
        demonstrations = tuple(
            Demonstration(each.row.file, caption) for each, caption in zip(chosen, captions, strict=True)
        )
        rights = {key: join_rights([each.row.rights[key] for each in chosen]) for key in RIGHTS}
        yield Subject(subject_id, noun, demonstrations, None, about | rights | {"origin": name})


def decode_images(rows: Sequence[WebRow]) -> list[WebImage]:
    """Return the rows whose image can be decoded, with its pixels."""
    images = []
    for row in rows:
        with suppress(UserError):
            images.append(WebImage(row, decode_image(row.file, row.place)))
    return images


def join_rights(values: Sequence[str]) -> str:
    """Return the licence or author that all images of a subject share, or all different ones, such as 'CC0; not
    stated'.
    """
    different = {value or "not stated" for value in values}
    return values[0] if len(different) == 1 else "; ".join(sorted(different))


def make_subject_id(name: str) -> str:
    """Return an id that is readable, safe as a file name, and unique to the group."""
    readable = re.sub(r"[^A-Za-z0-9]+", "_", name)[:60].strip("_")
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def choose_images(
    images: Sequence[WebImage], options: SubjectsConfig, embed: Embed
) -> tuple[list[int], str, float | None]:
    """Return the indices of the images that show one subject, the reason of a rejection ('' if there is none), and the
    similarity.

    Copies of an image are left out first. Then the image that is least similar to the others is left out repeatedly,
    until each image has a mean similarity of at least `min_similarity` to the others.
    """
    places = _without_equal_pixels(images)
    minimum = options.min_demonstrations
    if len(places) < minimum:
        return [], f"{len(places)} different images, fewer than {minimum}", None
    similar_NN = similarities(embed([images[place].pixels for place in places]))
    rows = _without_copies(similar_NN, options.max_similarity)
    if len(rows) < minimum:
        return [], f"{len(rows)} images that are not copies of one another, fewer than {minimum}", None
    while len(rows) >= minimum:
        means = mean_to_others(similar_NN[np.ix_(rows, rows)])
        if means.min() >= options.min_similarity and len(rows) <= options.max_demonstrations:
            return [places[row] for row in rows], "", round(float(means.mean()), 4)
        rows.pop(int(means.argmin()))
    return [], f"its images differ: fewer than {minimum} have a similarity of {options.min_similarity:g}", None


def _without_equal_pixels(images: Sequence[WebImage]) -> list[int]:
    first: dict[str, int] = {}
    for place, image in enumerate(images):
        first.setdefault(pixels_sha256(image.pixels), place)
    return list(first.values())


def _without_copies(similar_NN: NDArray[np.float64], max_similarity: float) -> list[int]:
    """Return the rows whose similarity to each row returned earlier is below `max_similarity`."""
    rows: list[int] = []
    for row in range(len(similar_NN)):
        if not rows or similar_NN[row, rows].max() < max_similarity:
            rows.append(row)
    return rows


def mean_to_others(similar_NN: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each row's mean similarity to the other rows, (N,)."""
    count = len(similar_NN)
    return (similar_NN.sum(axis=1) - np.diag(similar_NN)) / max(count - 1, 1)
