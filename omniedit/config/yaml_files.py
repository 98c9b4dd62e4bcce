"""Read a YAML file of the config; a repeated key is an error."""

from pathlib import Path
from typing import Any

import yaml

from omniedit.config.typed_text import TextLoader
from omniedit.errors import UserError


class _UniqueKeys:
    """Mixin that rejects repeated keys, as the YAML specification does; PyYAML silently takes the last value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for number, key in enumerate(keys):
            if any((key.tag, key.value) == (other.tag, other.value) for other in keys[:number]):
                raise yaml.MarkedYAMLError(problem=f"the key '{key.value}' is given twice", problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)  # type: ignore[misc]


class _UniqueKeyLoader(_UniqueKeys, yaml.SafeLoader):
    pass


class _UniqueKeyTextLoader(_UniqueKeys, TextLoader):
    pass


def read_yaml(path: str | Path, as_text: bool = False) -> dict[str, Any]:
    """Return the keys of a YAML file.

    Args:
        as_text: return every value as the text that was typed, for `typed_text.to_types`.

    Raises:
        UserError: the file is missing, unreadable, empty, not valid YAML or not a mapping, or it repeats a key.
    """
    try:
        values = yaml.load(
            Path(path).read_text(encoding="utf-8"), _UniqueKeyTextLoader if as_text else _UniqueKeyLoader
        )
    except FileNotFoundError:
        raise UserError(f"{path}: no such config file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        problem = " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
        raise UserError(f"{path}: not valid YAML: {problem}") from None
    if values in (None, ""):
        raise UserError(f"{path}: has no keys; add one, or leave the file out")
    if not isinstance(values, dict):
        raise UserError(f"{path}: a config is a mapping of keys to values, found {type(values).__name__}")
    return values
