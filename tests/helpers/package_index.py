"""Guard for tests that need a package index."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def index_needed() -> Iterator[None]:
    """Skip the test if uv, run within the block, cannot reach a package index; fail if CI is set, as by .ci/run."""
    try:
        yield
    except subprocess.CalledProcessError as error:
        offline = re.search("error sending request|Could not connect|dns error|No module named uv", error.stderr)
        if offline and "CI" not in os.environ:
            pytest.skip(f"no package index here: {offline[0]}")
        raise AssertionError(error.stderr) from None
