"""Check that a proposal makes sense for its photo, beyond its schema."""

from collections.abc import Iterator
from difflib import SequenceMatcher

from omniedit.instructions.edit_proposals.classes import (
    AttributeProposal,
    BackgroundProposal,
    EnvironmentProposal,
    PromptedProposal,
    Proposal,
    RemovalProposal,
    StyleProposal,
    SwapProposal,
    TypeProposal,
)
from omniedit.instructions.edit_proposals.paraphrase_check import PhotoObject, is_mentioned
from omniedit.instructions.edit_proposals.prompt_builder import EditOptions
from omniedit.instructions.stemming import content, head, stems

MIN_COMMON_WORDS = 0.5
"""Minimum share of words that the two prompts of a pair have in common (Ratcliff and Obershelp's measure)."""


def implausible_reason(proposal: Proposal, obj: PhotoObject | None, offers: EditOptions) -> str | None:
    """Return the reason why a proposal does not make sense, or None if it does.

    Args:
        obj: object of the proposal, if any.
    """
    return next(_reasons(proposal, obj, offers), None)


def _reasons(proposal: Proposal, obj: PhotoObject | None, offers: EditOptions) -> Iterator[str]:
    match proposal:
        case TypeProposal():
            yield from proposal.find_flaws(obj.name if obj else "")
            if offered := getattr(proposal, "environment", None):
                yield from _not_offered("environment", offered, offers.environments)
        case SwapProposal(new_object=new):
            if obj and head(new) == head(obj.name):
                yield f"new_object '{new}' is of the same kind as the object"
        case RemovalProposal(background=background) | BackgroundProposal(background=background):
            # A text-to-image model would paint the object again.
            if obj and head(obj.name) in stems(background):
                yield f"background '{background}' names the object"
        case AttributeProposal(attribute=attribute, value=value):
            yield from _not_offered("attribute", attribute, offers.attributes)
            yield from _in_prompts(proposal, obj, value)
        case EnvironmentProposal(environment=environment):
            yield from _not_offered("environment", environment, offers.environments)
            yield from _in_prompts(proposal, obj, environment)
        case StyleProposal(style=style):
            yield from _not_offered("style", style, offers.styles)


def _not_offered(kind: str, chosen: str, offered: tuple[str, ...]) -> Iterator[str]:
    if chosen not in offered:
        yield f"{kind} '{chosen}' is not one of the {kind}s to choose from"


def _in_prompts(proposal: PromptedProposal, obj: PhotoObject | None, change: str) -> Iterator[str]:
    """Yield the faults of two prompts, which must be the same caption except for the change in the target prompt."""
    source, target = stems(proposal.source_prompt), stems(proposal.target_prompt)
    if obj and not {head(obj.name)} <= set(source) & set(target):
        yield f"the prompts do not both name the object '{obj.name}'"
    if not is_mentioned(change, set(target)):
        yield f"target_prompt does not say '{change}'"
    if set(source).issuperset(content(change)):
        yield f"source_prompt already says '{change}'"
    if SequenceMatcher(None, source, target, autojunk=False).ratio() < MIN_COMMON_WORDS:
        yield "target_prompt shares too few words with source_prompt"
