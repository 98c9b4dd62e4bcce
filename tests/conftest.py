"""What tests of several folders share."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from workflow.chain import SMALL, add_odd_files, checkout, shrink_sample, snakemake


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests on Slurm first: they are the longest of one module, and a module's tests go to one worker."""
    items.sort(key=lambda item: "slurm" not in item.path.parts)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the small chain went through on this machine; its tests leave it as they found it.

    Workers of pytest-xdist each get a copy of the first one's.
    """
    base = tmp_path_factory.getbasetemp()
    first = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "chain"
    with FileLock(first.with_suffix(".lock")):
        if not (first / "whole").exists():
            make_run(first)
            (first / "whole").touch()
    return shutil.copytree(first, tmp_path_factory.mktemp("run") / "chain", symlinks=True)


def make_run(root: Path) -> None:
    root.mkdir()
    checkout(root, SMALL)
    shrink_sample(root / "photos")
    add_odd_files(root / "photos")
    snakemake(root, "all")
