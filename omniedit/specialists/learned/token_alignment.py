"""Alignment of the tokens of a target prompt with those of its source prompt.

Implements prompt-to-prompt's word replacement, refinement and re-weighting (Hertz et al. 2022, section 3.2).

Shapes: S tokens of the source prompt, T tokens of the target prompt; both are padded to the text encoder's length.
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
    """Attention that target tokens take over from source tokens.

    Args:
        shares: (S, T), share of a source token's attention that goes to a target token.
        copied: (T,), 1 if a token takes over source attention, 0 if it keeps its own (a new word).
        weights: (T,), final factor on a token's attention.
    """

    shares: Tensor
    copied: Tensor
    weights: Tensor


def token_map(
    source: str,
    target: str,
    tokenizer: Any,
    length: int,
    exchange: bool = True,
    weights: Mapping[str, float] | None = None,
) -> TokenMap:
    """Return the map of two prompts for one tokenizer.

    Words in both prompts take over their attention. A target word in the place of a source word takes over the source
    word's attention (replacement) or, like added words, keeps its own (refinement). If their numbers of tokens differ,
    each source token's attention is divided evenly among the target tokens.

    Args:
        tokenizer: tokenizer that returns the characters of each token.
        length: length to which prompts are padded and truncated.
        exchange: True for replacement, False for refinement.
        weights: weight of each word of the target.
    """
    words, new_words = source.lower().split(), target.lower().split()
    positions, new_positions = (word_tokens(prompt, tokenizer, length) for prompt in (source, target))
    shares, copied = torch.zeros(length, length), torch.zeros(length)
    pairs = list(_in_step(_specials(positions, length), _specials(new_positions, length)))
    for operation, start, end, new_start, new_end in SequenceMatcher(
        None, words, new_words, autojunk=False
    ).get_opcodes():
        if operation == "equal" or (operation == "replace" and exchange):
            pairs += _align_swapped_words(positions[start:end], new_positions[new_start:new_end])
    for tokens, new_tokens in pairs:
        if len(tokens) == len(new_tokens):
            shares[tokens, new_tokens] = 1.0
        elif tokens and new_tokens:
            shares[torch.tensor(tokens)[:, None], torch.tensor(new_tokens)] = 1 / len(new_tokens)
        copied[new_tokens] = 1.0 if tokens else 0.0
    return TokenMap(shares, copied, _weights(new_words, new_positions, weights or {}, length))


def join_maps(maps: Sequence[TokenMap]) -> TokenMap:
    """Join the maps of encoders whose tokens follow one another: SD3's CLIPs, then its T5."""
    return TokenMap(
        torch.block_diag(*(each.shares for each in maps)),
        torch.cat([each.copied for each in maps]),
        torch.cat([each.weights for each in maps]),
    )


def word_tokens(prompt: str, tokenizer: Any, length: int) -> list[list[int]]:
    """Return the positions of each word's tokens; empty for a word that was truncated."""
    ends = [match.end() for match in re.finditer(r"\S+", prompt)]
    encoded = tokenizer(prompt, padding="max_length", max_length=length, truncation=True, return_offsets_mapping=True)
    positions: list[list[int]] = [[] for _ in ends]
    for position, (start, end) in enumerate(encoded["offset_mapping"]):
        if end > start:
            # A token may begin with the space before its word, so only its last character is certain to be in the word.
            positions[next(word for word, last in enumerate(ends) if end <= last)].append(position)
    return positions


def _specials(positions: Sequence[Sequence[int]], length: int) -> tuple[list[int], list[int]]:
    """Return the positions before the first word and after the last one: begin, end and padding."""
    used = [position for word in positions for position in word]
    return list(range(min(used, default=0))), list(range(max(used, default=-1) + 1, length))


def _in_step(old: Sequence[list[int]], new: Sequence[list[int]]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield pairs of special tokens, in order, until one of the prompts has no more."""
    for source_words, target_words in zip(old, new, strict=True):
        for one, other in zip(source_words, target_words, strict=False):
            yield [one], [other]


def _align_swapped_words(old: Sequence[list[int]], new: Sequence[list[int]]) -> list[tuple[list[int], list[int]]]:
    """Pair the tokens of exchanged words: word by word if their numbers match, otherwise all together."""
    if len(old) == len(new):
        return list(zip(old, new, strict=True))
    return [([token for word in old for token in word], [token for word in new for token in word])]


def _weights(words: Sequence[str], positions: Sequence[list[int]], weights: Mapping[str, float], length: int) -> Tensor:
    scales = torch.ones(length)
    for word, tokens in zip(words, positions, strict=True):
        scales[tokens] = weights.get(word.strip(".,;:!?"), 1.0)
    return scales
