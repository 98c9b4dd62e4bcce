"""Readout of a vision-language model's scores, from the probabilities of their tokens or from its written reply.

The reply that a rubric asks for begins with a known frame, `{"score": [9, 10, 8]`, so only the numbers are unknown. One
pass through the network covers the prompt and the frame up to the first number. The likeliest number and the frame up
to the next one follow in a pass of a few tokens, which reuses the cached keys and values. Each score is read where
greedy generation would have written it, after the same earlier scores. There is one exception: if 10 is the token of 1
and another one, the likeliest number is taken, where generation would take the likeliest token. The rationale, which
would cost a pass per token, is not generated.

    B  prompts of a batch     T  tokens     V  the vocabulary     K  scores of a reply     S  the eleven scores 0 to 10
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedTokenizerFast

from omniedit.errors import UserError
from omniedit.scoring.reply_form import ReplyForm, plain_form
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import format_reply
from omniedit.scoring.vlm_judges.passes import Passes, TokenPrompt, image_tokens, pad_left
from omniedit.scoring.vlm_judges.rubric_judge import ParsedScores, parse_reading
from omniedit.vlm.local import end_tokens

SCORES = tuple(str(score) for score in range(11))
MIN_MASS = 0.5
"""Minimum total probability of the scores 0 to 10; below it, the model would not write a score."""


class ScoreReader(Protocol):
    """Reader of the scores that a model gives to prompts; `images` are the arguments of `forward` that show them."""

    def __call__(
        self, prompts: Sequence[TokenPrompt], images: Mapping[str, Any]
    ) -> list[ParsedScores | Unscorable]: ...


def build_reader(
    readout: str,
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    form: ReplyForm | int,
    max_reply_tokens: int,
    temperature: float = 0,
) -> ScoreReader:
    """Build the reader of a `scoring.readout`: `tokens`, `median` or `reply`.

    Args:
        form: form of the reply, or the number of scores from 0 to 10.
        temperature: sampling temperature of written replies; 0 is greedy.
    """
    form = plain_form(form) if isinstance(form, int) else form
    if readout == "reply":
        return ReplyReader(model, tokenizer, form, max_reply_tokens, temperature)
    return TokenReader(model, tokenizer, form.num_scores, READOUTS[readout])


@dataclass(frozen=True)
class ScoreTokens:
    """Tokens of a tokenizer for the beginning of a reply with K scores.

    Args:
        frame: tokens before each score.
        digits: token of each score below ten.
        ten: tokens of the score 10: a single token, or the token of 1 and another one.
    """

    frame: tuple[tuple[int, ...], ...]
    digits: tuple[int, ...]
    ten: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerFast, num_scores: int) -> "ScoreTokens":
        """Derive the tokens from a tokenizer.

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
        return self.ten if score == 10 else (self.digits[score],)

    def _reply(self, score: int, end: Sequence[int]) -> list[int]:
        return [*chain.from_iterable((*before, *self.to_tokens(score)) for before in self.frame), *end]


def expected_score(share_KS: Tensor) -> Tensor:
    """Return the (K,) means of distributions over 0 to 10."""
    return share_KS @ torch.arange(11.0, dtype=torch.float64)


def median(share_KS: Tensor) -> Tensor:
    """Return the (K,) medians. A median is at least 9 exactly if 9 and 10 together are likelier than the rest."""
    return (share_KS.cumsum(-1) < 0.5).sum(-1)


ScoreOf = Callable[[Tensor], Tensor]
READOUTS: Mapping[str, ScoreOf] = {"tokens": expected_score, "median": median}
"""Functions from the probabilities of the scores (K, S), which sum to 1, to scores, by `scoring.readout`."""


class TokenReader:
    """Reader of scores from the probabilities of 0 to 10 at the position of each score in the reply.

    The rubric, which all prompts have before their first image, is read once and cached.

    Args:
        model: on the device where it will run.
        score_of: a value of `READOUTS`.
    """

    def __init__(
        self, model: Any, tokenizer: PreTrainedTokenizerFast, num_scores: int, score_of: ScoreOf = expected_score
    ) -> None:
        self.model, self.spelling, self._score_of = model, ScoreTokens.of(tokenizer, num_scores), score_of
        self._fixed: tuple[list[int], DynamicCache] = ([], DynamicCache())

    def __call__(self, prompts: Sequence[TokenPrompt], images: Mapping[str, Any]) -> list[ParsedScores | Unscorable]:
        return [to_scores(share_KS, self._score_of) for share_KS in self.probabilities(prompts, images)]

    @torch.inference_mode()
    def probabilities(self, prompts: Sequence[TokenPrompt], images: Mapping[str, Any]) -> Tensor:
        """Return the (B, K, S) probabilities of the scores at each position, as shares of all tokens, on the CPU."""
        fixed_BT, passes = self._begin(prompts)
        frames, read = self.spelling.frame, []
        first = fixed_BT.shape[1]
        ids_BT, mask_BT = pad_left([[*prompt[first:], *frames[0]] for prompt in prompts], self.model.device)
        whole_BT, attended_BT = torch.cat([fixed_BT, ids_BT], dim=1), torch.cat([passes.mask_BT, mask_BT], dim=1)
        next_BV = passes.read_prompts(whole_BT, attended_BT, images)
        for frame in frames[1:]:
            read.append(self._of_scores(next_BV, passes))
            next_BV = passes.read(*self._next_tokens(read[-1].argmax(-1).tolist(), frame))
        read.append(self._of_scores(next_BV, passes))
        return torch.stack(read, dim=1).cpu()

    def _begin(self, prompts: Sequence[TokenPrompt]) -> tuple[Tensor, Passes]:
        """Return the (B, T) tokens before the first image, which are the same in all prompts, and passes that have read
        them.
        """
        first = list(prompts[0]).index(self.model.config.image_token_id)
        fixed = list(prompts[0][:first])
        assert all(list(prompt[:first]) == fixed for prompt in prompts)
        fixed_BT = torch.tensor([fixed] * len(prompts), dtype=torch.long, device=self.model.device)
        if fixed != self._fixed[0]:
            self._fixed = fixed, self._read_fixed(fixed_BT[:1])
        cache = copy.deepcopy(self._fixed[1])
        cache.batch_repeat_interleave(len(prompts))
        return fixed_BT, Passes(self.model, cache, torch.ones_like(fixed_BT))

    def _read_fixed(self, ids_1T: Tensor) -> DynamicCache:
        """Return the keys and values of a text that all prompts begin with."""
        cache = DynamicCache()
        if ids_1T.numel():
            Passes(self.model, cache, ids_1T[:, :0]).read(ids_1T, torch.ones_like(ids_1T))
        return cache

    def _of_scores(self, next_BV: Tensor, passes: Passes) -> Tensor:
        """Return (B, S) probabilities; where 10 is the tokens 1 and 0, another pass splits the probability of 1."""
        ones, ten = list(self.spelling.digits), self.spelling.ten
        if len(ten) == 1:
            return next_BV[:, [*ones, *ten]]
        share_BS = torch.cat([next_BV[:, ones], next_BV[:, [ten[0]]]], dim=1)
        after_one_BV = passes.read(*pad_left([[ten[0]]] * len(next_BV), self.model.device))
        passes.forget(1)
        return split_ten(share_BS, after_one_BV[:, ten[1]])

    def _next_tokens(self, scores: Sequence[int], frame: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the next tokens to read: each prompt's likeliest score and the frame up to the next score."""
        return pad_left([[*self.spelling.to_tokens(score), *frame] for score in scores], self.model.device)


class ReplyReader:
    """Reader of the scores and the texts in a reply that the model writes, greedily unless it has a temperature.

    A reply that `parse_reading` rejects is unscorable.
    """

    def __init__(
        self, model: Any, tokenizer: PreTrainedTokenizerFast, form: ReplyForm, max_reply_tokens: int, temperature: float
    ) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.form, self.max_reply_tokens = form, max_reply_tokens
        self.sampling: dict[str, Any] = {"do_sample": False}
        if temperature:
            self.sampling = {"do_sample": True, "temperature": temperature}

    @torch.inference_mode()
    def __call__(self, prompts: Sequence[TokenPrompt], images: Mapping[str, Any]) -> list[ParsedScores | Unscorable]:
        ids_BT, mask_BT = pad_left(prompts, self.model.device)
        kinds = {"mm_token_type_ids": image_tokens(self.model, ids_BT)} if "image_grid_thw" in images else {}
        written = self.model.generate(
            input_ids=ids_BT,
            attention_mask=mask_BT,
            **images,
            **kinds,
            **self.sampling,
            max_new_tokens=self.max_reply_tokens,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        rows_BT = written[:, ids_BT.shape[1] :]
        texts = self.tokenizer.batch_decode(rows_BT, skip_special_tokens=True)
        ends = torch.tensor(end_tokens(self.model), device=rows_BT.device)
        is_cut_off = (~torch.isin(rows_BT, ends).any(dim=1)).tolist()
        return [parse_reading(text, self.form, cut) for text, cut in zip(texts, is_cut_off, strict=True)]


def split_ten(share_BS: Tensor, zero_after_one_B: Tensor) -> Tensor:
    """Split the probability of the token 1 between the scores 1 and 10, where 10 is the tokens 1 and 0.

    Args:
        share_BS: probabilities of the first tokens of 0 to 10; changed in place.
        zero_after_one_B: probability of 0 after a 1.
    """
    share_BS[:, 10] *= zero_after_one_B
    share_BS[:, 1] -= share_BS[:, 10]
    return share_BS


def to_scores(share_KS: Tensor, score_of: ScoreOf) -> ParsedScores | Unscorable:
    """Return the scores that follow from the (K, S) probabilities of 0 to 10."""
    mass_K = share_KS.sum(-1)
    if not mass_K.min() >= MIN_MASS:  # also true if it is NaN
        place = int(mass_K.argmin())
        return Unscorable(f"score {place + 1} is not a number: 0 to 10 have a probability of {mass_K[place]:.0%}")
    share_KS = share_KS.double() / mass_K[:, None].double()
    return ParsedScores(tuple(round(score, 3) for score in score_of(share_KS).tolist()))


def to_tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Return the tokens of a text without special tokens around it."""
    return tokenizer(text, add_special_tokens=False)["input_ids"]
