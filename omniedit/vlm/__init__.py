"""Clients of vision-language models, behind an OpenAI-compatible chat endpoint or on this machine.

messages     prompts and replies
endpoint     single requests to an endpoint
completions  readers of an endpoint's answers, in the dialects of providers
proxies      proxies that the environment names
limits       limits on requests and tokens per minute
retries      repeated attempts after transient faults
budget       limits on spending, shared by a run's jobs: estimate, reserve, settle
ledger       record of what each job has spent
cache        replies on disk, so that no request is paid for twice
client       concurrent prompts, with all of the above
thinking     separation of a reply's answer from its thinking
loose_json   valid and almost valid JSON in a reply
local        model that transformers loads, with the same interface (not imported here, because it needs torch)

Public names are loaded on first use, because most jobs only read replies and contact no endpoint.
"""

from typing import TYPE_CHECKING

from omniedit.lazy import load_on_first_use

if TYPE_CHECKING:
    from omniedit.vlm.client import ChatModel, Client, MissingReply
    from omniedit.vlm.endpoint import Endpoint
    from omniedit.vlm.messages import Prompt, PromptImage, Reply

__all__ = ["ChatModel", "Client", "Endpoint", "MissingReply", "Prompt", "PromptImage", "Reply"]


__getattr__, __dir__ = load_on_first_use(
    __name__,
    {
        "client": ("Client", "MissingReply", "ChatModel"),
        "endpoint": ("Endpoint",),
        "messages": ("Prompt", "PromptImage", "Reply"),
    },
    earlier={"Unanswered": "MissingReply"},
)
