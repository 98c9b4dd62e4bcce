"""Schema of a pair's provenance: keys, their types and meanings. Other keys are stored unchanged.

Only `source_id` is always present. A missing optional key, or None, means unknown.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from omniedit.aspect import RATIOS
from omniedit.errors import UserError

IMPORTED = "imported"
"""Key for facts that an import records: the data set, the row's place, the data set's own id, task and session, extra
columns, the names of the image files, and changes of images."""


Truth = Mapping[str, Any]
"""Known facts of an edit, by which the reference judge measures it: the value of the key `truth`."""


class Key(NamedTuple):
    """Key of the provenance: the allowed types of its value, and its meaning."""

    types: tuple[type, ...]
    meaning: str


REQUIRED = {"source_id": Key((str,), "id of the source photo or row; pairs of one photo share it")}
OPTIONAL = {
    "source_sha256": Key((str,), "digest of the source photo"),
    "source_phash": Key((str,), "perceptual hash of the source photo"),
    "ratio": Key((str,), f"aspect ratio, one of {', '.join(RATIOS)}"),
    "caption": Key((str,), "sentence that describes the source photo"),
    "named_objects": Key((list, tuple), "names of objects in the source photo"),
    "licence": Key((str,), "licence of the source image"),
    "author": Key((str,), "author of the source image"),
    "origin": Key((str,), "address of the source image"),
    "generated": Key((bool,), "whether a model made the source image"),
    "specialist": Key((str,), "program that made the edit"),
    "models": Key((dict, list, tuple), "models that made the edit: revisions by name, or names"),
    "editor": Key((str,), "editor that made the edited image of a benchmark pair"),
    "seed": Key((int,), "seed of the run"),
    "attempt": Key((int,), "number of the attempt at an edit of the photo"),
    "truth": Key((dict,), "what the edit should do, as the reference judge checks it"),
    IMPORTED: Key((dict,), "facts that the import records (`IMPORTED`)"),
    "known_truth": Key((bool,), "whether the truth is correct by construction and needs no check"),
    "derived": Key((dict,), "ids of the pairs that the pair was made from (`from`), and the way (`how`)"),
    "recaptioned": Key((dict,), "earlier instruction (`from`) and the model that rewrote it (`by`)"),
}
_KINDS = {str: "a text", bool: "true or false", int: "a whole number", dict: "a mapping", list: "a list"}


def check_provenance(provenance: Any, place: str) -> None:
    """Check a provenance against the schema.

    Args:
        place: file or pair, to name it in errors.

    Raises:
        UserError: a required key is missing, or a value has the wrong type; the message gives the remedy.
    """
    if not isinstance(provenance, Mapping):
        raise UserError(f"{place}: the provenance is {provenance!r:.60}; give a mapping with source_id")
    for name, key in REQUIRED.items():
        if not provenance.get(name):
            raise UserError(f"{place}: provenance.{name} is missing; give {_describe_types(key)} ({key.meaning})")
    for name, key in {**REQUIRED, **OPTIONAL}.items():
        value = provenance.get(name)
        if value is not None and not _has_type(value, key):
            remedy = f"give {_describe_types(key)} ({key.meaning})"
            raise UserError(f"{place}: provenance.{name} is {value!r:.60}; {remedy}, or leave the key out")
    if (provenance.get("ratio") or "1x1") not in RATIOS:
        raise UserError(f"{place}: provenance.ratio is {provenance['ratio']!a}; give one of {', '.join(RATIOS)}")


def to_json(value: Any, place: str) -> str:
    """Return a value as JSON with sorted keys.

    Raises:
        UserError: a part of the value cannot be written as JSON.
    """
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise UserError(f"{place}: {error}; convert it to texts, numbers, lists and mappings") from None


def model_revisions(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Return the revisions of the models that made an edit, by name; '' for a name without a revision."""
    models = provenance.get("models") or {}
    named = models if isinstance(models, Mapping) else dict.fromkeys(models, "")
    return {str(name): str(revision or "") for name, revision in named.items()}


def _has_type(value: Any, key: Key) -> bool:
    if isinstance(value, bool):  # a subclass of int
        return bool in key.types
    return isinstance(value, key.types)


def _describe_types(key: Key) -> str:
    return " or ".join(_KINDS[kind] for kind in key.types if kind in _KINDS)
