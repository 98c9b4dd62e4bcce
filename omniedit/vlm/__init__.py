"""Vision-language models, behind an OpenAI-compatible chat endpoint or on this machine, asked many things at once.

endpoint    what is asked, what comes back, one request
limits      requests and tokens a minute
retries     which faults are tried again, and when
budget      what may be spent: estimated, reserved, settled; a run's jobs share one
cache       replies on disk, so that nothing is paid for twice
client      all of these together
thinking    where a reply's thinking ends and its answer begins
loose_json  JSON in a reply, valid or nearly so
local       a model that transformers loads, asked the same way (not imported here: torch)

Public names load on first use: most jobs read replies and ask no endpoint.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniedit.vlm.client import Client, Model, Unanswered
    from omniedit.vlm.endpoint import Endpoint, Picture, Prompt, Reply

_HOME = {
    "Client": "client",
    "Endpoint": "endpoint",
    "Model": "client",
    "Picture": "endpoint",
    "Prompt": "endpoint",
    "Reply": "endpoint",
    "Unanswered": "client",
}

__all__ = ["Client", "Endpoint", "Model", "Picture", "Prompt", "Reply", "Unanswered"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'omniedit.vlm' has no attribute {name!r}")
    return getattr(import_module(f"omniedit.vlm.{_HOME[name]}"), name)
