"""Which tokens of an edited prompt stand for which of the original one: prompt-to-prompt's word replacement, refinement
and re-weighting (Hertz et al. 2022, section 3.2).

Shapes: S tokens of the source's prompt, T tokens of the target's; both are padded to the text encoder's length.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class TokenMap:
    """Whose attention each token of the target's prompt takes over.

    Args:
        shares: (S, T), of a source token's attention, what goes to a target token.
        taken: (T,), 1 where a token takes over attention of the source's, 0 where it keeps its own: a new word.
        weights: (T,), by which a token's attention is multiplied in the end.
    """

    shares: Tensor
    taken: Tensor
    weights: Tensor


def token_map(
    source: str,
    target: str,
    tokenizer: Any,
    length: int,
    exchange: bool = True,
    weights: Mapping[str, float] | None = None,
) -> TokenMap:
    """The map of two prompts for one tokenizer.

    Words that both prompts have take over their attention. Words of the target that stand where the source has others
    take over theirs, shared out evenly where they have more tokens (replacement), or keep their own (refinement), as
    words that are added do.

    Args:
        tokenizer: one that tells the characters that a token stands for.
        length: to which prompts are padded, and cut.
        exchange: replacement; else refinement.
        weights: of words of the target.
    """
    words, new_words = source.lower().split(), target.lower().split()
    places, new_places = (word_tokens(prompt, tokenizer, length) for prompt in (source, target))
    shares, taken = torch.zeros(length, length), torch.zeros(length)
    pairs = list(_in_step(_specials(places, length), _specials(new_places, length)))
    for how, start, end, new_start, new_end in SequenceMatcher(None, words, new_words, autojunk=False).get_opcodes():
        if how == "equal" or (how == "replace" and exchange):
            pairs += _align_swapped_words(places[start:end], new_places[new_start:new_end])
    for tokens, new_tokens in pairs:
        if len(tokens) == len(new_tokens):
            shares[tokens, new_tokens] = 1.0
        elif tokens and new_tokens:
            shares[torch.tensor(tokens)[:, None], torch.tensor(new_tokens)] = 1 / len(new_tokens)
        taken[new_tokens] = 1.0 if tokens else 0.0
    return TokenMap(shares, taken, _weights(new_words, new_places, weights or {}, length))


def join_maps(maps: Sequence[TokenMap]) -> TokenMap:
    """The map of prompts that stand one after another in several encoders' tokens: SD3's CLIPs, then its T5."""
    return TokenMap(
        torch.block_diag(*(each.shares for each in maps)),
        torch.cat([each.taken for each in maps]),
        torch.cat([each.weights for each in maps]),
    )


def word_tokens(prompt: str, tokenizer: Any, length: int) -> list[list[int]]:
    """Places of each word's tokens; none for a word that was cut off."""
    ends = [match.end() for match in re.finditer(r"\S+", prompt)]
    encoded = tokenizer(prompt, padding="max_length", max_length=length, truncation=True, return_offsets_mapping=True)
    places: list[list[int]] = [[] for _ in ends]
    for place, (start, end) in enumerate(encoded["offset_mapping"]):
        if end > start:
            # A token may begin with the space before its word: its last character is surely the word's.
            places[next(word for word, last in enumerate(ends) if end <= last)].append(place)
    return places


def _specials(places: Sequence[Sequence[int]], length: int) -> tuple[list[int], list[int]]:
    """Places before the first word and after the last one: begin, end and padding."""
    used = [place for word in places for place in word]
    return list(range(min(used, default=0))), list(range(max(used, default=-1) + 1, length))


def _in_step(old: Sequence[list[int]], new: Sequence[list[int]]) -> Iterator[tuple[list[int], list[int]]]:
    """Special tokens one by one, as far as both prompts have them."""
    for these, those in zip(old, new, strict=True):
        for one, other in zip(these, those, strict=False):
            yield [one], [other]


def _align_swapped_words(old: Sequence[list[int]], new: Sequence[list[int]]) -> list[tuple[list[int], list[int]]]:
    """Tokens of words that take each other's place: word by word where there are as many, else all together."""
    if len(old) == len(new):
        return list(zip(old, new, strict=True))
    return [([token for word in old for token in word], [token for word in new for token in word])]


def _weights(words: Sequence[str], places: Sequence[list[int]], weights: Mapping[str, float], length: int) -> Tensor:
    scales = torch.ones(length)
    for word, tokens in zip(words, places, strict=True):
        scales[tokens] = weights.get(word.strip(".,;:!?"), 1.0)
    return scales
