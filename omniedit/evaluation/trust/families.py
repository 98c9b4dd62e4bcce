"""Families of models, to recognise editors of the judge's own family."""

import re

FAMILIES = {
    "OpenAI": r"gpt|chatgpt|dall[-_. ]?e\d?|o[134]",
    "Google": r"gemini|imagen|gemma|paligemma|nano[-_. ]banana",
    "Anthropic": r"claude",
    "Qwen": r"qwen[\w.]*|qwq|qvq|editscore|editreward",
    "InternVL": r"internvl[\w.]*|intern[-_]?s1",
    "LLaVA": r"llava",
    "ByteDance": r"seed(?:edit|ream)|doubao|bagel|ui[-_]?tars",
    "StepFun": r"step[-_]?1[xv]?\w*|step[-_]?3\w*",
    "Black Forest Labs": r"flux[\w.]*",
    "Stability AI": r"stable[-_. ]diffusion|sd[123x][\w.]*|sdxl|cosxl|deepfloyd[\w]*",
    "Tencent": r"hunyuan[\w.]*",
    "xAI": r"grok",
}
"""Pattern of a word in the names of a family's models. A judge that was trained from another model belongs to that
model's family."""
_WORDS = {
    family: re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z])", re.IGNORECASE)
    for family, pattern in FAMILIES.items()
}


def find_family(name: str) -> str | None:
    """Return the family of a model by a word in its name, such as Qwen/Qwen3-VL-8B-Instruct; None if unknown."""
    return next((family for family, word in _WORDS.items() if word.search(name)), None)
