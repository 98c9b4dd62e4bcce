"""Classification of unscorable pairs by their reason, to count refusals."""

from enum import StrEnum


class Outcome(StrEnum):
    """Outcome of scoring one pair."""

    SCORED = "scored"
    REFUSED = "refused"
    SILENT = "no answer"
    OTHER = "other"


REFUSALS = ("the model refuses", "a content filter")
"""Beginnings of the reasons of refusals, by the model or by its provider."""
SILENCES = ("no answer in", "the endpoint rejects the request")


def classify_reason(reason: str) -> Outcome:
    """Classify a pair without a score; `OTHER` is an unreadable reply or an unverified edit."""
    if is_refusal(reason):
        return Outcome.REFUSED
    return Outcome.SILENT if reason.startswith(SILENCES) else Outcome.OTHER


def is_refusal(reason: str) -> bool:
    """Return whether a model or its provider refused to answer."""
    return reason.startswith(REFUSALS)
