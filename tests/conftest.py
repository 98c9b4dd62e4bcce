"""What tests of several folders share."""

from pathlib import Path

import pytest

from workflow.chain import SMALL, add_odd_files, checkout, shrink_sample, snakemake


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the small chain went through on this machine; its tests leave it as they found it."""
    root = checkout(tmp_path_factory.mktemp("chain"), SMALL)
    shrink_sample(root / "photos")
    add_odd_files(root / "photos")
    snakemake(root, "all")
    return root
