"""Fixtures of the tests of endpoints."""

from collections.abc import Iterator

import pytest

from helpers import vlm_server as server
from helpers.endpoint_prompts import GOOD
from helpers.vlm_server import Server, serving


@pytest.fixture
def good() -> Iterator[Server]:
    with serving(server.says(GOOD)) as running:
        yield running
