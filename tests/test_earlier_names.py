"""Tests of names from before modules moved into packages."""

import importlib
from importlib.util import find_spec

import pytest

from omniedit.earlier_names import MODULES
from omniedit.run.slurm_queue import list_queued_jobs


@pytest.mark.parametrize("earlier", ["files", "quality.change", "storage.shards", "evaluation.bench.sets.review"])
def test_module_is_imported_by_its_earlier_name_with_a_warning(earlier: str) -> None:
    with pytest.warns(DeprecationWarning, match=MODULES[earlier]):
        module = importlib.reload(importlib.import_module(f"omniedit.{earlier}"))
    new = importlib.import_module(f"omniedit.{MODULES[earlier]}")
    name = next(name for name in vars(new) if not name.startswith("_"))
    assert getattr(module, name) is getattr(new, name)


def test_every_earlier_name_is_free_and_its_new_module_exists() -> None:
    found = {name: find_spec(f"omniedit.{name}") for earlier in MODULES.items() for name in earlier}
    assert not [new for new in MODULES.values() if (spec := found[new]) is None or spec.origin is None]
    assert not [earlier for earlier in MODULES if (spec := found[earlier]) is None or spec.origin is not None]


def test_function_is_available_under_its_earlier_name() -> None:
    module = importlib.import_module("omniedit.slurm")
    assert module.queued_jobs is list_queued_jobs
    with pytest.raises(AttributeError):
        _ = module.nothing
