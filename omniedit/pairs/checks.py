"""Checks of a pair before it is stored, for pairs that come from outside."""

from math import isfinite

from omniedit.errors import UserError
from omniedit.imaging.images import encoded_size
from omniedit.pairs.pair import EditPair, EncodedPair
from omniedit.pairs.provenance import check_provenance

MAX_LENGTH = 200
"""Length limit of a role and of a session's name, in characters."""


def check_pair(pair: EditPair | EncodedPair) -> None:
    """Check everything but the images.

    Raises:
        UserError: a value cannot be stored; the message names the pair, the value and the remedy.
    """
    place = pair.pair_id
    if not pair.instructions or not all(isinstance(text, str) for text in pair.instructions):
        raise UserError(f"{place}: instructions are {pair.instructions!r:.60}; give at least one text")
    for reference in pair.references:
        _check_name(reference.role, f"{place}: the role of a reference")
        if not isinstance(reference.caption, str | None):
            raise UserError(f"{place}: the caption of a reference is {reference.caption!r:.60}; give a text or None")
    if pair.session is not None:
        _check_name(pair.session, f"{place}: session")
    if pair.turn is not None and (not isinstance(pair.turn, int) or pair.turn < 1 or pair.session is None):
        raise UserError(f"{place}: turn is {pair.turn!a} of session {pair.session!a}; give both; turns count from 1")
    for name, score in pair.imported_scores.items():
        if not isinstance(score, str | int | float) or (isinstance(score, float) and not isfinite(score)):
            raise UserError(f"{place}: imported score {name!a} is {score!a}; give a finite number or a text")
    check_provenance(pair.provenance, place)


def check_sizes(pair: EncodedPair) -> None:
    """Check the image headers: all images are readable, and edited image and mask have the source's size.

    Raises:
        UserError: an image is unreadable or of a different size.
    """
    size = encoded_size(pair.source, f"{pair.pair_id}: source")
    for name, encoded in (("edited", pair.edited), ("mask", pair.mask)):
        if encoded is not None and (own := encoded_size(encoded, f"{pair.pair_id}: {name}")) != size:
            sizes = f"{own[0]} x {own[1]} pixels, its source {size[0]} x {size[1]}"
            raise UserError(f"{pair.pair_id}: the {name} image has {sizes}; resize it or reject the pair")
    for number, reference in enumerate(pair.references, 1):
        encoded_size(reference.image, f"{pair.pair_id}: reference {number}")


def _check_name(name: object, label: str) -> None:
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > MAX_LENGTH:
        raise UserError(f"{label} is {name!r:.60}; give a printable text of at most {MAX_LENGTH} characters")
