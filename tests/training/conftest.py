"""Fixtures of the training tests."""

from pathlib import Path

import pytest

from helpers.small_training import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with sealed buckets of a few pairs and an untrained base."""
    root = tmp_path_factory.mktemp("run")
    make_run(root)
    return root
