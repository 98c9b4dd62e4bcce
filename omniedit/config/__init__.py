"""Config of a run: its schema by section, loading and checking of files, generated documentation.

A new key is declared in the module of its section; `schema` composes the sections. Code that uses the key belongs
elsewhere.
"""

from typing import TYPE_CHECKING

from omniedit.lazy import load_on_first_use

if TYPE_CHECKING:
    from omniedit.config.schema import Config

__all__ = ["Config"]


__getattr__, __dir__ = load_on_first_use(__name__, {"schema": __all__})
