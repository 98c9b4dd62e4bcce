"""Tests of the language: names and docstrings in plain technical English, as CONTRIBUTING.md asks."""

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("omniedit", "scripts", "benchmarks", "envs", "tests")
PARTICIPLES = """
told taught made found kept grown drawn shown known given taken seen brought held heard left lost meant met paid sent
said cut felt got gone hidden laid led shaped shut spent stood struck thought thrown understood won written worn chosen
begun broken
"""
NO_PARTICIPLES = "read set put seed need feed speed bed red embed built done closed sent left cut proceed"
BAD_OPENINGS = """
The A An What Of Whether Why How Where As Those All That This Its Their So Who Which When Beside In By For Each
"""
TURNS = re.compile(
    r"\b(?:told|tells?|anew|so (?:many|much|long|few)|beside|asked of|that which|what is there|by what|of which|"
    r"go(?:ne|es|ing)? on (?:from|with)|stands? still|the like|(?:is|are) wanted|worth the|(?:has|have) none|nobody|"
    r"no more than|those that|has seen|heard?|comes? out|what (?:they|it))\b"
)
DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)


def docstrings(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
            yield node, text


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    return {file: ast.parse(file.read_text()) for file in files}


def share(found: list[str], count: int) -> float:
    print("\n".join(found))
    return len(found) / count


def is_participle(name: str) -> bool:
    word = name.strip("_").lower().split("_")[0]
    return word not in NO_PARTICIPLES.split() and (
        word in PARTICIPLES.split() or (word.endswith("ed") and len(word) > 4)
    )


def test_function_names_are_verbs_or_nouns(trees: dict[Path, ast.Module]) -> None:
    names = [
        (file, node.name)
        for file, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("__")
    ]
    assert share([f"{file}: {name}" for file, name in names if is_participle(name)], len(names)) < 0.03
    assert len([name for _, name in names if name.endswith("_of")]) < 10


def test_docstrings_open_with_a_verb_or_a_noun(trees: dict[Path, ast.Module]) -> None:
    texts = [(file, node, text) for file, tree in trees.items() for node, text in docstrings(tree)]
    bad = [
        f"{file}: {text[:80]}"
        for file, node, text in texts
        if not isinstance(node, ast.Module) and text.split()[0].strip(",.:;'\"") in BAD_OPENINGS.split()
    ]
    assert share(bad, len(texts)) < 0.02


def test_docstrings_have_no_translated_phrases(trees: dict[Path, ast.Module]) -> None:
    texts = [(file, text) for file, tree in trees.items() for _, text in docstrings(tree)]
    bad = [f"{file}: {found[0]!r} in {text[:80]}" for file, text in texts if (found := TURNS.search(text))]
    assert share(bad, len(texts)) < 0.02


def test_exceptions_that_docstrings_name_exist(trees: dict[Path, ast.Module]) -> None:
    """Check the sections `Raises` and `Warns`, which a renamed exception may leave behind."""
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    known = {*dir(builtins), *(node.name for node in nodes if isinstance(node, ast.ClassDef))}
    known |= {alias.asname or alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    unknown = [
        f"{file.relative_to(ROOT)}: {name}"
        for file, tree in trees.items()
        for _, text in docstrings(tree)
        for section in re.findall(r"^(?:Raises|Warns):\n((?: {4}.*\n?)+)", text, re.MULTILINE)
        for name in re.findall(r"^ {4}([A-Z]\w+): ", section, re.MULTILINE)
        if name not in known
    ]
    assert not unknown


def parameter_names(node: ast.AST) -> set[str]:
    """Return the names of a function's parameters, or of a class's fields and the parameters of its `__init__`."""
    if isinstance(node, ast.ClassDef):
        names = {
            field.target.id
            for field in node.body
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        }
        return names.union(*(parameter_names(each) for each in node.body if getattr(each, "name", "") == "__init__"))
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    given = node.args
    return {each.arg for each in ast.walk(given) if isinstance(each, ast.arg)}


def test_parameters_that_docstrings_name_exist(trees: dict[Path, ast.Module]) -> None:
    """Check the sections `Args`, which a renamed parameter may leave behind. Fields of base classes are not known."""
    unknown = [
        f"{file.relative_to(ROOT)}: {node.name}: {name}"
        for file, tree in trees.items()
        for node, text in docstrings(tree)
        if not isinstance(node, ast.Module) and not (isinstance(node, ast.ClassDef) and node.bases)
        for section in re.findall(r"^Args:\n((?: {4}.*\n?|\n)+)", text, re.MULTILINE)
        for names in re.findall(r"^ {4}([a-zA-Z_][\w, ]*): ", section, re.MULTILINE)
        for name in names.split(", ")
        if name not in parameter_names(node)
    ]
    assert not unknown
