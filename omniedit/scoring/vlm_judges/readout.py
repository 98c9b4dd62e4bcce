"""Readout of a vision-language model's scores, from the probabilities of their tokens or from its written reply.

The reply that a rubric asks for begins with a known frame, `{"score": [9, 10, 8]`, so only the numbers are unknown. One
pass through the network covers the prompt and the frame up to the first number. The likeliest number and the frame up
to the next one follow in a pass of a few tokens, which reuses the cached keys and values. Each score is read where
greedy generation would have written it, after the same earlier scores. This is exact, except where 10 is two tokens
whose first is that of 1: there the likeliest number is taken. The rationale, which would cost a pass per token, is not
generated.

    B  prompts of a batch     T  tokens     V  the vocabulary     K  scores of a reply     S  the eleven scores 0 to 10
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import DynamicCache, InternVLForConditionalGeneration, PreTrainedTokenizerFast

from omniedit.errors import UserError
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import format_reply
from omniedit.scoring.vlm_judges.rubric_judge import Reading, parse_reading

SCORES = tuple(str(score) for score in range(11))
MAX_REPLY_TOKENS = 256
"""Largest length of a large model's reply."""
LEAST_MASS = 0.5
"""Smallest total probability of the scores 0 to 10; below it the model would write something else."""

TokenPrompt = Sequence[int]
"""Tokens of a prompt, with those of its images."""


class ScoreReader(Protocol):
    """Reader of the scores that a model gives to prompts; `pixels` are all their images in order, (N, 3, H, W)."""

    def __call__(self, prompts: Sequence[TokenPrompt], pixels: Tensor) -> list[Reading | Unscorable]: ...


def build_reader(
    readout: str,
    model: InternVLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    num_scores: int,
    max_reply_tokens: int,
) -> ScoreReader:
    """Build the reader of a `scoring.readout`: `tokens`, `median` or `reply`."""
    if readout == "reply":
        return ReplyReader(model, tokenizer, num_scores, max_reply_tokens)
    return TokenReader(model, tokenizer, num_scores, READ[readout])


@dataclass(frozen=True)
class Spelling:
    """Tokens with which a tokenizer writes the beginning of a reply with K scores.

    Args:
        frame: tokens before each score.
        ones: token of each score below ten.
        ten: tokens of the score 10: a single one, or that of 1 and another.
    """

    frame: tuple[tuple[int, ...], ...]
    ones: tuple[int, ...]
    ten: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerFast, num_scores: int) -> "Spelling":
        """Derive the spelling of a tokenizer.

        Raises:
            UserError: the frame or the scores are not the same tokens in every reply.
        """
        replies = [to_tokens(tokenizer, format_reply([score] * num_scores, "")) for score in range(11)]
        zeros, tens = replies[0], replies[10]
        places = [place for place, (a, b) in enumerate(zip(zeros, replies[1], strict=False)) if a != b][:num_scores]
        starts = [0, *(place + 1 for place in places)]
        pieces = [tuple(zeros[start:end]) for start, end in zip(starts, [*places, len(zeros)], strict=True)]
        ones = tuple(reply[places[0]] for reply in replies[:10])
        longer = (len(tens) - len(zeros)) // num_scores
        spelling = cls(tuple(pieces[:-1]), ones, tuple(tens[places[0] : places[0] + 1 + longer]))
        spelled = [spelling._reply(score, pieces[-1]) for score in range(11)]
        if spelled != replies or spelling.ten[0] not in (ones[1], spelling.ten[-1]) or len(spelling.ten) > 2:
            raise UserError("its tokenizer has no separate tokens for the scores 0 to 10; set scoring.readout: reply")
        return spelling

    def to_tokens(self, score: int) -> tuple[int, ...]:
        return self.ten if score == 10 else (self.ones[score],)

    def _reply(self, score: int, end: Sequence[int]) -> list[int]:
        return [*chain.from_iterable((*before, *self.to_tokens(score)) for before in self.frame), *end]


def expected_score(share_KS: Tensor) -> Tensor:
    """Return the (K,) means of distributions over 0 to 10."""
    return share_KS @ torch.arange(11.0, dtype=torch.float64)


def median(share_KS: Tensor) -> Tensor:
    """Return the (K,) medians; one is 9 or more exactly if 9 and 10 together are likelier than the rest."""
    return (share_KS.cumsum(-1) < 0.5).sum(-1)


ScoreOf = Callable[[Tensor], Tensor]
READ: Mapping[str, ScoreOf] = {"tokens": expected_score, "median": median}
"""Functions from the probabilities of the scores (K, S), which sum to 1, to scores, by `scoring.readout`."""


class TokenReader:
    """Reader of scores from the probabilities of 0 to 10 at each score's place in the reply.

    The text that all prompts have before their first image, the rubric, is read once and cached.

    Args:
        model: on the device where it is to run.
        score_of: a value of `READ`.
    """

    def __init__(
        self,
        model: InternVLForConditionalGeneration,
        tokenizer: PreTrainedTokenizerFast,
        num_scores: int,
        score_of: ScoreOf = expected_score,
    ) -> None:
        self.model, self.spelling, self._score_of = model, Spelling.of(tokenizer, num_scores), score_of
        self._fixed: tuple[list[int], DynamicCache] = ([], DynamicCache())

    def __call__(self, prompts: Sequence[TokenPrompt], pixels: Tensor) -> list[Reading | Unscorable]:
        return [reading(share_KS, self._score_of) for share_KS in self.probabilities(prompts, pixels)]

    @torch.inference_mode()
    def probabilities(self, prompts: Sequence[TokenPrompt], pixels: Tensor) -> Tensor:
        """Return the (B, K, S) probabilities of the scores at each place, among all tokens, on the CPU."""
        fixed, passes = self._begin(prompts)
        frames, read = self.spelling.frame, []
        ids_BT, mask_BT = _left_padded([[*prompt[fixed:], *frames[0]] for prompt in prompts], self.model.device)
        next_BV = passes.read(ids_BT, mask_BT, pixel_values=pixels)
        for frame in frames[1:]:
            read.append(self._of_scores(next_BV, passes))
            next_BV = passes.read(*self._next_tokens(read[-1].argmax(-1).tolist(), frame))
        read.append(self._of_scores(next_BV, passes))
        return torch.stack(read, dim=1).cpu()

    def _begin(self, prompts: Sequence[TokenPrompt]) -> tuple[int, "Passes"]:
        """Return the number of tokens before the first image, the same in all prompts, and the passes after them."""
        first = list(prompts[0]).index(self.model.config.image_token_id)
        fixed = list(prompts[0][:first])
        assert all(list(prompt[:first]) == fixed for prompt in prompts)
        if fixed != self._fixed[0]:
            cache = DynamicCache()
            ids_1T = torch.tensor([fixed], device=self.model.device)
            Passes(self.model, cache, torch.ones_like(ids_1T[:, :0])).read(ids_1T, torch.ones_like(ids_1T))
            self._fixed = fixed, cache
        cache = copy.deepcopy(self._fixed[1])
        cache.batch_repeat_interleave(len(prompts))
        seen_BT = torch.ones(len(prompts), first, dtype=torch.long, device=self.model.device)
        return first, Passes(self.model, cache, seen_BT)

    def _of_scores(self, next_BV: Tensor, passes: "Passes") -> Tensor:
        """Return (B, S) probabilities; where 10 is the tokens 1 and 0, another pass splits the probability of 1."""
        ones, ten = list(self.spelling.ones), self.spelling.ten
        if len(ten) == 1:
            return next_BV[:, [*ones, *ten]]
        share_BS = torch.cat([next_BV[:, ones], next_BV[:, [ten[0]]]], dim=1)
        after_one_BV = passes.read(*_left_padded([[ten[0]]] * len(next_BV), self.model.device))
        passes.forget(1)
        return split_ten(share_BS, after_one_BV[:, ten[1]])

    def _next_tokens(self, scores: Sequence[int], frame: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the next tokens to read: each prompt's likeliest score and the frame up to the next score."""
        return _left_padded([[*self.spelling.to_tokens(score), *frame] for score in scores], self.model.device)


class Passes:
    """Texts of a batch that are read pass by pass; keys and values are cached.

    Args:
        cache: keys and values of the text read before.
        mask_BT: 1 for text, 0 for padding.
    """

    def __init__(self, model: InternVLForConditionalGeneration, cache: DynamicCache, mask_BT: Tensor) -> None:
        self.model, self.cache, self.mask_BT = model, cache, mask_BT

    def read(self, ids_BT: Tensor, mask_BT: Tensor, **images: Tensor) -> Tensor:
        """Read tokens, padded on the left, and return the (B, V) probabilities of the next one."""
        self.mask_BT = torch.cat([self.mask_BT, mask_BT], dim=1)
        output: Any = self.model(
            input_ids=ids_BT,
            attention_mask=self.mask_BT,
            position_ids=(self.mask_BT.cumsum(1) - 1).clamp(min=0)[:, -ids_BT.shape[1] :],
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
            **images,
        )
        return output.logits[:, -1].float().softmax(-1)

    def forget(self, tokens: int) -> None:
        """Drop the last tokens, as if they had not been read."""
        self.cache.crop(-tokens)
        self.mask_BT = self.mask_BT[:, :-tokens]


class ReplyReader:
    """Reader of the scores and the rationale in a reply that the model writes greedily.

    A reply that `parse_reply` rejects is unscorable.
    """

    def __init__(
        self,
        model: InternVLForConditionalGeneration,
        tokenizer: PreTrainedTokenizerFast,
        num_scores: int,
        max_reply_tokens: int,
    ) -> None:
        self.model: Any = model  # the type hints of generate() do not fit transformers' own classes
        self.tokenizer = tokenizer
        self.num_scores, self.max_reply_tokens = num_scores, max_reply_tokens

    @torch.inference_mode()
    def __call__(self, prompts: Sequence[TokenPrompt], pixels: Tensor) -> list[Reading | Unscorable]:
        ids_BT, mask_BT = _left_padded(prompts, self.model.device)
        written = self.model.generate(
            input_ids=ids_BT,
            attention_mask=mask_BT,
            pixel_values=pixels,
            do_sample=False,
            max_new_tokens=self.max_reply_tokens,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        texts = self.tokenizer.batch_decode(written[:, ids_BT.shape[1] :], skip_special_tokens=True)
        return [parse_reading(text, self.num_scores) for text in texts]


def split_ten(share_BS: Tensor, zero_after_one_B: Tensor) -> Tensor:
    """Split the probability of the token 1 between the scores 1 and 10, where 10 is the tokens 1 and 0.

    Args:
        share_BS: probabilities of the first tokens of 0 to 10; changed in place.
        zero_after_one_B: probability of 0 after a 1.
    """
    share_BS[:, 10] *= zero_after_one_B
    share_BS[:, 1] -= share_BS[:, 10]
    return share_BS


def reading(share_KS: Tensor, score_of: ScoreOf) -> Reading | Unscorable:
    """Return the scores that follow from the (K, S) probabilities of 0 to 10."""
    mass_K = share_KS.sum(-1)
    if not mass_K.min() >= LEAST_MASS:  # also true for NaN
        place = int(mass_K.argmin())
        return Unscorable(f"score {place + 1} is no number: 0 to 10 together have a probability of {mass_K[place]:.0%}")
    share_KS = share_KS.double() / mass_K[:, None].double()
    return Reading(tuple(round(score, 3) for score in score_of(share_KS).tolist()))


def to_tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Return the tokens of a text as it is, without special tokens around it."""
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _left_padded(texts: Sequence[TokenPrompt], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (B, T) tokens and mask; tokens where the mask is 0 have no effect."""
    length = max(map(len, texts))
    ids = [[0] * (length - len(text)) + list(text) for text in texts]
    mask = [[0] * (length - len(text)) + [1] * len(text) for text in texts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)
