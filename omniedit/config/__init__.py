"""Config of a run: its schema by section, loading and checking of files, generated documentation.

A new key is declared in the module of its section; `schema` composes the sections. Code that uses the key belongs
elsewhere.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniedit.config.schema import Config

__all__ = ["Config"]


def __getattr__(name: str) -> Any:
    """Load `Config` on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'omniedit.config' has no attribute {name!r}")
    return getattr(import_module("omniedit.config.schema"), name)
