"""Tests that ask a package index."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def index_needed() -> Iterator[None]:
    """A skip where uv, called within, reaches no package index; a failure where CI is set, as .ci/run does."""
    try:
        yield
    except subprocess.CalledProcessError as error:
        offline = re.search("error sending request|Could not connect|dns error|No module named uv", error.stderr)
        if offline and "CI" not in os.environ:
            pytest.skip(f"no package index here: {offline[0]}")
        raise AssertionError(error.stderr) from None
