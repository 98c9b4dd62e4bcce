"""Imports of the code base, read from its source."""

import ast
import sys
from functools import cache
from pathlib import Path

from helpers.chain import REPOSITORY


def third_party_imports(files: set[Path]) -> set[str]:
    """Return the third-party top-level modules that the files import, directly or through omniedit at any depth."""
    todo, seen, found = list(files), set(files), set()
    while todo:
        for name in imports(todo.pop()):
            top = name.partition(".")[0]
            if top != "omniedit" and top not in sys.stdlib_module_names:
                found.add(top)
            new = {file for file in read_files(name) if top == "omniedit"} - seen
            todo, seen = todo + list(new), seen | new
    return found


@cache
def imports(file: Path) -> frozenset[str]:
    """Return the names that a file imports, or looks up with find_spec as a constant, except for type checkers."""
    tree, names = ast.parse(file.read_text()), set[str]()
    for_checkers = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    ]
    skipped = {id(inner) for node in for_checkers for statement in node.body for inner in ast.walk(statement)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and id(node) not in skipped and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "find_spec":
            names |= {arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    return frozenset(names)


@cache
def read_files(module: str) -> list[Path]:
    """Return a module's file and those of its parent packages."""
    parts = module.split(".")
    stems = [REPOSITORY.joinpath(*parts[: depth + 1]) for depth in range(len(parts))]
    paths = [path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py")]
    return [path for path in paths if path.is_file()]
