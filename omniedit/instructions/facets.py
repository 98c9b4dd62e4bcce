"""By what proposals are counted, for quotas and for the report."""

from collections.abc import Iterator

from omniedit.instructions.proposals import (
    AttributeProposal,
    BackgroundProposal,
    EnvironmentProposal,
    Proposal,
    RemovalProposal,
    StyleProposal,
    SwapProposal,
)
from omniedit.instructions.words import noun

PHRASINGS = ("plain", "short", "detailed", "polite", "indirect")
"""How an instruction can be said; the plain one comes with its proposal, the others are rewritings of it."""


def facets(proposal: Proposal, name: str) -> Iterator[tuple[str, str]]:
    """What a proposal is counted by, and its value: ('object', 'dog').

    Args:
        name: the object's kind, '' where it is not known.
    """
    match proposal:
        case SwapProposal(object=phrase, new_object=new):
            yield "object", name or phrase
            yield "new_object", noun(new)
        case RemovalProposal(object=phrase) | BackgroundProposal(object=phrase):
            yield "object", name or phrase
        case AttributeProposal(object=phrase, attribute=attribute, value=value):
            yield "object", name or phrase
            yield "attribute", attribute
            yield "value", value.lower()
        case EnvironmentProposal(environment=environment):
            yield "environment", environment
        case StyleProposal(style=style):
            yield "style", style
