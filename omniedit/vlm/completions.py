"""Readers of chat completions and errors in the dialects of providers (OpenAI, Anthropic, Gemini, DashScope, ...)."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from omniedit.vlm.messages import CONTENT_FILTER, ERROR, LENGTH, REFUSAL, STOP, Reply, Usage

MAX_TOKENS = 1e9
"""Maximum plausible number of tokens, more than any model reads; usage above it is discarded as invalid."""
FINISH_REASONS = {
    **dict.fromkeys(("length", "max_tokens", "model_length", "max_output_tokens"), LENGTH),
    **dict.fromkeys(("refusal", "refused"), REFUSAL),
    **dict.fromkeys(("stop", "end_turn", "eos", "stop_sequence", "complete"), STOP),
    **dict.fromkeys(("error", "insufficient_system_resource", "malformed_function_call"), ERROR),
    **dict.fromkeys(
        (
            *("content_filter", "content_filtered", "guardrail_intervened", "sensitive", "error_toxic"),
            *("safety", "recitation", "blocklist", "prohibited_content", "spii", "image_safety", "language"),
        ),
        CONTENT_FILTER,
    ),
}
"""Providers' finish reasons, in lower case, and our names for them. Gemini: SAFETY, RECITATION; Anthropic: max_tokens,
refusal; Bedrock: guardrail_intervened; Cohere: ERROR_TOXIC; Zhipu: sensitive; DeepSeek:
insufficient_system_resource."""
FILTER_CODES = frozenset(
    (
        *(CONTENT_FILTER, "responsibleaipolicyviolation", "content_policy_violation", "moderation_blocked"),
        *("data_inspection_failed", "datainspectionfailed", "invalid_prompt", "prompt_blocked"),
    )
)
"""Error codes of Azure, OpenAI and DashScope for a request that a filter stopped."""


def find_error(answer: Any) -> Any:
    """Return the error in a decoded answer, or {}.

    Most providers have a field `error`, which may be empty in a success (null, or a code 0 without a message). Gemini
    wraps the answer in a list; vLLM, FastAPI and DashScope have the error's own fields in its place.
    """
    if isinstance(answer, list):
        answer = answer[0] if answer else {}
    if not isinstance(answer, dict):
        return {}
    error = answer.get("error")
    if isinstance(error, dict) and not any(error.values()):
        error = None
    if error or "choices" in answer or "data" in answer:
        return error or {}
    message = next((answer[name] for name in ("message", "detail", "errors") if answer.get(name)), None)
    if answer.get("object") == "error" or (isinstance(message, str | list) and "content" not in answer):
        return {**answer, "message": message if isinstance(message, str) else json.dumps(message)}
    return {}


def retry_delay_s(error: Any) -> float:
    """Return the wait in seconds that an error from Gemini requests; 0 if it requests none."""
    details = error.get("details") if isinstance(error, dict) else None
    for each in details if isinstance(details, list) else []:
        delay = each.get("retryDelay") if isinstance(each, dict) else None
        if isinstance(delay, str) and re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?s", delay):
            return float(delay[:-1])
    return 0.0


def choice_error(choice: Mapping[str, Any]) -> Any:
    """Return the error of a choice, or None."""
    name, reason = parse_finish_reason(choice)
    return choice.get("error") or ({"message": f"finish reason {reason}"} if name == ERROR else None)


def parse_choice(choice: Mapping[str, Any], model: str, usage: Usage | None) -> Reply:
    """Return the reply in a choice without an error.

    Raises:
        KeyError, TypeError, AttributeError: it has no message of a known form.
    """
    name, reason = parse_finish_reason(choice)
    message = choice["message"] if name not in (CONTENT_FILTER, REFUSAL) else choice.get("message") or {}
    text, refusal, has_thinking = _parse_message(message)
    problem = reason if name == CONTENT_FILTER and reason.lower() != CONTENT_FILTER else ""
    return Reply(text, model, name, refusal, usage, problem[:40], has_thinking)


def parse_finish_reason(choice: Mapping[str, Any]) -> tuple[str, str]:
    """Return our name for the finish reason of a choice, and the provider's."""
    reason = str(choice.get("finish_reason") or choice.get("stop_reason") or STOP)
    first, _, detail = reason.partition(": ")  # Gemini: "content_filter: SAFETY"
    reason = detail if detail and first.lower() in FINISH_REASONS else reason
    name = FINISH_REASONS.get(first.lower(), reason)
    native = str(choice.get("native_finish_reason") or "")
    if name == STOP and FINISH_REASONS.get(native.lower()) == CONTENT_FILTER:
        reason, name = native, CONTENT_FILTER
    if name != ERROR and choice.get("stop_reason") == REFUSAL:
        name = REFUSAL
    return name, reason


def _parse_message(message: Mapping[str, Any]) -> tuple[str, str, bool]:
    """Return the text, the refusal, and whether there is separate thinking, of a message.

    Raises:
        TypeError: the content is neither a text nor a list of parts.
    """
    content, refusal = message.get("content"), message.get("refusal")
    has_thinking = any(
        message.get(name) for name in ("reasoning_content", "reasoning", "thinking", "reasoning_details")
    )
    if isinstance(content, dict) and "text" in content:
        content = [content]
    if content is None or isinstance(content, str):
        return content or "", str(refusal or ""), has_thinking
    if not isinstance(content, Sequence):
        raise TypeError("content is not text")
    texts = []
    for part in content:
        kind = part.get("type", "text") if isinstance(part, dict) else "text"
        if kind in ("text", "output_text"):
            text = part.get("text") if isinstance(part, dict) else part
            texts.append(str((text.get("value") if isinstance(text, dict) else text) or ""))
        refusal = refusal or (part.get("refusal") if kind == "refusal" else None)
        has_thinking = has_thinking or kind in ("thinking", "reasoning", "redacted_thinking")
    return "".join(texts), str(refusal or ""), has_thinking


def block_reason(fields: Mapping[str, Any]) -> str:
    """Return why Gemini blocked a prompt, which leaves the answer without choices; '' if it did not."""
    feedback = fields.get("prompt_feedback") or fields.get("promptFeedback") or {}
    reason = str(feedback.get("block_reason") or feedback.get("blockReason") or "")[:40]
    return reason if reason and not fields.get("choices") else ""


def parse_usage(usage: Any) -> Usage | None:
    """Return the usage of a reply; None if it is missing or invalid.

    Thinking that is included only in the total, as with Gemini, counts as part of the reply.
    """
    if not isinstance(usage, dict):
        return None
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens") or 0)
    if prompt is None or completion is None:
        return None
    return Usage(1, prompt, max(completion, (_count(usage.get("total_tokens")) or 0) - prompt))


def _count(tokens: Any) -> int | None:
    return int(tokens) if isinstance(tokens, int | float) and 0 <= tokens <= MAX_TOKENS else None


def parse_error(answer: bytes) -> Any:
    """Return the error in an undecoded answer, or {}."""
    try:
        return find_error(json.loads(answer))
    except (ValueError, RecursionError):
        return {}


def error_codes(error: Any) -> set[str]:
    """Return the lower-case codes of an error: its code, type and status, and the code of the inner error."""
    if not isinstance(error, dict):
        return set()
    within = error.get("innererror")
    inner = within.get("code") if isinstance(within, dict) else None
    return {str(value).lower() for value in (error.get("code"), error.get("type"), error.get("status"), inner)}


def is_moderated(error: Any) -> bool:
    """Return whether a gateway's moderation flagged the request (OpenRouter)."""
    metadata = error.get("metadata") if isinstance(error, dict) else None
    return isinstance(metadata, dict) and bool(metadata.get("reasons")) and "flagged_input" in metadata


def error_status(error: Any) -> int:
    """Return the HTTP status that an error within an answer names, or 500."""
    found = error if isinstance(error, dict) else {}
    code = found.get("code") or found.get("status")
    code = int(code) if isinstance(code, str) and code.isdecimal() and len(code) == 3 else code
    return code if isinstance(code, int) and 400 <= code < 600 else 500
