"""Reduce words of short English phrases to comparable stems: 'foggy' and 'fog' share one, as do 'wooden' and 'wood'."""

import re
from functools import cache

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+")
_IRREGULAR = {
    "men": "man",
    "women": "woman",
    "children": "child",
    "people": "person",
    "feet": "foot",
    "teeth": "tooth",
    "geese": "goose",
    "mice": "mouse",
    "wolves": "wolf",
    "leaves": "leaf",
    "took": "take",
    "gone": "go",
    "lost": "lose",
    "gray": "grey",
    "coloured": "colour",
    "color": "colour",
    "colored": "colour",
}
_ENDINGS = ("ingly", "ily", "ing", "ied", "ies", "est", "ed", "er", "es", "ly", "en", "s", "y", "e")
_MIN_STEM_LENGTH = 3
"""Minimum number of letters of a stem."""
_FUNCTION_WORDS = """a an the of in on at by to for from with and or is are was be it its this that these those there
here as into onto some one very my your his her their our"""
_AFTER_A_NOUN = re.compile(
    r"\b(?:of|with|without|in|on|at|by|from|to|into|under|over|above|below|beside|behind|between|near|next|against|along"
    r"|around|across|that|which|who|and|made|wearing|holding|covered|full|facing|seen|lit)\b"
)


def stems(text: str) -> list[str]:
    """Return the stems of all words, in order."""
    plain = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("n't", " not")
    return [_stem(word) for word in _WORD.findall(plain)]


def content(phrase: str) -> list[str]:
    """Return the stems of the content words: 'the dog on the left' -> dog, left."""
    return [stem for stem in stems(phrase) if stem not in _small()]


def noun(phrase: str) -> str:
    """Return the main noun of a phrase: 'a brown dog on the left' -> dog, 'cups of tea' -> cups; '' if there are no
    words.
    """
    about = _AFTER_A_NOUN.split(phrase.lower(), maxsplit=1)[0]
    return next(reversed(_big_words(about) or _big_words(phrase)), "")


def head(phrase: str) -> str:
    """Return the stem of the noun."""
    return next(iter(stems(noun(phrase))), "")


def _big_words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if _stem(word) not in _small()]


def strip_article(phrase: str) -> str:
    """Remove a leading article and a final full stop: 'The red bowl.' -> 'red bowl'."""
    return re.sub(r"^(?:an?|the)\s+", "", phrase.strip().rstrip("."), flags=re.IGNORECASE)


@cache
def _small() -> frozenset[str]:
    return frozenset(stems(_FUNCTION_WORDS))


def _stem(word: str) -> str:
    word = _IRREGULAR.get(word.removesuffix("'s"), word.removesuffix("'s"))
    ending = next((e for e in _ENDINGS if word.endswith(e) and len(word) - len(e) >= _MIN_STEM_LENGTH), "")
    stem = word.removesuffix(ending)
    return stem[:-1] if len(stem) > _MIN_STEM_LENGTH and stem[-1] == stem[-2] else stem
