"""Tests of names from before modules moved into packages."""

import importlib

import pytest

from omniedit.earlier_names import MODULES
from omniedit.run.slurm_queue import list_queued_jobs


@pytest.mark.parametrize("earlier", MODULES)
def test_module_is_imported_by_its_earlier_name_with_a_warning(earlier: str) -> None:
    with pytest.warns(DeprecationWarning, match=MODULES[earlier]):
        module = importlib.reload(importlib.import_module(f"omniedit.{earlier}"))
    new = importlib.import_module(f"omniedit.{MODULES[earlier]}")
    name = next(name for name in vars(new) if not name.startswith("_"))
    assert getattr(module, name) is getattr(new, name)


def test_function_is_available_under_its_earlier_name() -> None:
    module = importlib.import_module("omniedit.slurm")
    assert module.queued_jobs is list_queued_jobs
    with pytest.raises(AttributeError):
        _ = module.nothing
