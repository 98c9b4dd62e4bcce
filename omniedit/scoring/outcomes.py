"""Classification of unscorable pairs by their reason, to count refusals."""

import re
from enum import StrEnum

from omniedit.vlm.thinking import UnclearReply, find_answers


class ScoringOutcome(StrEnum):
    """Outcome of scoring one pair."""

    SCORED = "scored"
    REFUSED = "refused"
    SILENT = "no answer"
    OTHER = "other"


REFUSALS = ("the model refuses", "a content filter")
"""Prefixes of the reasons of refusals by a model or its provider."""
_REFUSAL_TEXT = re.compile(
    r"\W*(?:(?:i am|i.m|we.re|very|so|really|sorry|apologi[sz]e|i|unfortunately|but|,|\.|\s)+)?"
    r"\b(?:can(?:no|.)?t|cannot|won.t|unable to|not able to|must decline|not comfortable)\b.{0,60}?"
    r"\b(?:assist|help|comply|fulfil|provide|judge|rate|score|evaluate|process|view|see|analy[sz]e|discuss|continue)"
    r"|\W*(?:\u5f88?\u62b1\u6b49|\u5bf9\u4e0d\u8d77|\u7533\u3057\u8a33|lo siento|je suis d\u00e9sol|es tut mir leid)",
    re.IGNORECASE | re.DOTALL,
)
"""Beginning of a refusal in words, in English and some other languages."""
NO_ANSWER_PHRASES = ("no reply after", "no answer in", "the endpoint rejects the request")
"""Prefixes of the reasons of missing replies; the second is from earlier releases."""


def classify_reason(reason: str) -> ScoringOutcome:
    """Classify a pair without a score; `OTHER` is an unreadable reply or an unverified edit."""
    if is_refusal(reason):
        return ScoringOutcome.REFUSED
    return ScoringOutcome.SILENT if reason.startswith(NO_ANSWER_PHRASES) else ScoringOutcome.OTHER


def is_refusal(reason: str) -> bool:
    """Return whether a model or its provider refused to answer."""
    return reason.startswith(REFUSALS)


def find_refusal(text: str) -> str | None:
    """Return the reason for a reply without scores whose answer begins as a refusal in words, else None."""
    try:
        answer = find_answers(text)[-1].strip()
    except UnclearReply:
        return None
    return f"the model refuses: {answer[:200]!a}" if _REFUSAL_TEXT.match(answer[:400]) else None
