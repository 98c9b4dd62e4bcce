"""Public names of packages that load on first use: importing the package imports none of their modules."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def load_on_first_use(
    package: str, modules: Mapping[str, Sequence[str]], earlier: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package.

    Args:
        modules: names to export, by the module below the package that defines them.
        earlier: earlier name -> the name now.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        current = (earlier or {}).get(name, name)
        if current not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[current]}"), current)

    return get, lambda: list(sys.modules[package].__all__)
