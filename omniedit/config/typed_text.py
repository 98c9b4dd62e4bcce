"""Convert text to the type of its key: `4.10` stays text if the key holds text, and becomes a number otherwise."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce
from typing import Any

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from omniedit.config.section import subsections
from omniedit.config.strict_yaml import Strict, StrictLoader


class QuotedValue(str):
    """Text that was written in quotes."""


class TextLoader(Strict, yaml.BaseLoader):
    """YAML loader that returns every scalar as the text that was typed."""

    def construct_scalar(self, node: Any) -> Any:
        text = super().construct_scalar(node)
        return QuotedValue(text) if node.style and isinstance(text, str) else text


def parse_options(options: Sequence[str]) -> dict[str, Any]:
    """Return the values of `key=value` options as typed; mappings of the same key are merged.

    Snakemake itself reads `123_456` as a number and drops quotes.
    """
    return reduce(merge, map(_parse_option, options), {})


def _parse_option(option: str) -> dict[str, Any]:
    key, _, text = option.partition("=")
    try:
        value = yaml.load(text, TextLoader)
        if isinstance(value, QuotedValue) and value[:1] == value[-1:] == '"':  # a second pair of quotes, for the shell
            value = yaml.load(value, TextLoader)
    except yaml.YAMLError:
        return {key: text}
    return {key: value}


def merge(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` overridden by `others`, key by key in nested mappings."""
    merged = dict(values)
    for key, value in others.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def to_types(values: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Return `values` with each text converted to its key's type in `model`; text that does not fit is left unchanged,
    and the check reports it.
    """
    typed = {}
    for key, value in values.items():
        section = subsections(model).get(key)
        if section and isinstance(value, Mapping):
            typed[str(key)] = to_types(value, section)
        else:
            annotation = model.model_fields[key].annotation if key in model.model_fields else Any
            typed[str(key)] = _to_type(value, annotation)
    return typed


def _to_type(value: Any, annotation: Any) -> Any:
    readings = [_read(value), _as_typed(value)]
    for reading in reversed(readings) if isinstance(value, QuotedValue) else readings:
        try:
            return TypeAdapter(annotation).validate_python(reading, strict=True)
        except ValidationError:
            continue
    return readings[0]


def _read(value: Any) -> Any:
    """Return text as YAML reads it; a date stays text, because JSON has no dates."""
    if isinstance(value, Mapping):
        return {
            str(key): _as_typed(item) if isinstance(item, QuotedValue) else _read(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_as_typed(item) if isinstance(item, QuotedValue) else _read(item) for item in value]
    if not isinstance(value, str):
        return value
    try:
        if value.isdecimal():  # unlike YAML 1.1, which reads a leading 0 as octal
            return int(value)
        read = yaml.load(value, StrictLoader)
    except (yaml.YAMLError, ValueError):
        return str(value)
    return str(value) if isinstance(read, date) else read


def _as_typed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _as_typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_typed(item) for item in value]
    return str(value) if isinstance(value, str) else value
