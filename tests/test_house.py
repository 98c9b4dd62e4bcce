"""Tests that packages import only from earlier packages, and that each package describes its contents."""

import ast
from pathlib import Path

import pytest

import omniedit

PACKAGE = Path(omniedit.__file__).parent
ORDER = (
    *("earlier_names", "lazy", "tasks", "aspect", "plain_text", "redaction", "errors", "architectures"),
    *("storage", "imaging", "pairs", "config", "sources", "exchange", "models", "vlm", "buckets", "grounding"),
    *("instructions", "quality", "specialists", "training", "scoring", "evaluation"),
    *("subjects", "reporting", "run", "browsing", "cli"),
)
"""Packages and root modules. Each imports only from those before it (docs/design.md)."""


def read_imports(file: Path) -> set[str]:
    """Return the modules that a file imports, also within functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= set(names) if node.module == "omniedit" else {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found - {"omniedit.__version__"}


def test_every_package_has_a_place_in_the_order() -> None:
    packages = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert packages - {"__init__", "__main__"} == set(ORDER)


@pytest.mark.parametrize("package", ORDER)
def test_package_imports_only_from_earlier_packages(package: str) -> None:
    files = (
        [PACKAGE / f"{package}.py"]
        if (PACKAGE / f"{package}.py").is_file()
        else sorted((PACKAGE / package).rglob("*.py"))
    )
    later = ORDER[ORDER.index(package) + 1 :]
    up = {(str(file), name) for file in files for name in read_imports(file) if name.startswith("omniedit.")}
    assert not {(file, name) for file, name in up if name.split(".")[1] in later}


PACKAGES = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_package_docstring_describes_its_contents(package: Path) -> None:
    assert len(ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or "") > 60


def test_only_run_imports_snakemake() -> None:
    known = {file for file in PACKAGE.rglob("*.py") for name in read_imports(file) if name.startswith("snakemake")}
    assert {file.relative_to(PACKAGE).parts[0] for file in known} == {"run"}
