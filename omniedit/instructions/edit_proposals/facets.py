"""Facets by which quotas and the report count proposals."""

from collections.abc import Iterator

from omniedit.instructions.edit_proposals.classes import (
    AttributeProposal,
    BackgroundProposal,
    EnvironmentProposal,
    Proposal,
    RemovalProposal,
    StyleProposal,
    SwapProposal,
    TypeProposal,
)
from omniedit.instructions.stemming import noun

PHRASINGS = ("plain", "short", "detailed", "polite", "indirect")
"""Kinds of paraphrase. The plain instruction comes with its proposal; the others are rewritings of it."""


def facets(proposal: Proposal, name: str) -> Iterator[tuple[str, str]]:
    """Yield the facets of a proposal with their values, such as ('object', 'dog').

    Args:
        name: the object's kind, '' if unknown.
    """
    match proposal:
        case TypeProposal():
            if phrase := getattr(proposal, "object", ""):
                yield "object", name or phrase
            yield from proposal.facets()
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
