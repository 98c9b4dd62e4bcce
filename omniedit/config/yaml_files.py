"""Read a YAML file of the config."""

from pathlib import Path
from typing import Any

import yaml

from omniedit.config.strict_yaml import StrictLoader
from omniedit.config.typed_text import TextLoader
from omniedit.errors import UserError


def read_yaml(path: str | Path, as_text: bool = False) -> dict[str, Any]:
    """Return the keys of a YAML file.

    Args:
        as_text: return every value as the text that was typed, for `typed_text.to_types`.

    Raises:
        UserError: the file is missing, unreadable, empty, not valid YAML or not a mapping, or it repeats a key.
    """
    try:
        values = yaml.load(Path(path).read_text(encoding="utf-8"), TextLoader if as_text else StrictLoader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such config file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not valid YAML: {error}; save it as UTF-8") from None
    except RecursionError:
        raise UserError(f"{path}: not valid YAML: nested too deeply") from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
        raise UserError(f"{path}: not valid YAML: {problem}") from None
    if values in (None, ""):
        raise UserError(f"{path}: has no keys; add one, or leave the file out")
    if not isinstance(values, dict):
        raise UserError(f"{path}: a config must be a mapping of keys to values, not {type(values).__name__}")
    return values
