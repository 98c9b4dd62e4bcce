"""The student: a tiny InternVL (Chen et al. 2024) that reads a pair and answers the rubric.

Same classes, prompt, reply and parser as its large kin; only the sizes differ. It is built with random weights and a
tokenizer made in the run, and learns from the teacher in `omniedit.scoring.distill`.

    B  pairs of a batch     V  views of a pair     S  side of a view     T  tokens
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import (
    InternVLConfig,
    InternVLForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2Config,
)
from transformers.models.internvl import InternVLVisionConfig

from omniedit.errors import UserError
from omniedit.pairs import EditPair
from omniedit.scoring.parser import Unscorable, parse_reasoning, parse_reply
from omniedit.scoring.rubric import Rubric, edit_rubric
from omniedit.scoring.score import Score
from omniedit.scoring.views import VIEWS, views

PATCH = 8
TOKENS_PER_VIEW_SIDE = 2 * PATCH
"""Pixels of a view's side that one picture token stands for: a patch, halved by InternVL's pixel shuffle."""
PAD, END, IMAGE = "<pad>", "<end>", "<image>"
SCORES = tuple(str(score) for score in range(11))
REPLY_FRAME = ('{"score": [', ", ", '], "reasoning": "', '"}')
MAX_REPLY_TOKENS = 96
INITIAL_STD = 0.05
"""Of the random weights. At the usual 0.02 so narrow a network hears nothing of its pictures for hundreds of steps."""


def build_tokenizer(texts: Iterable[str], rubric: Rubric, vocab_size: int = 1024) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of `texts`, the same for the same texts.

    Each line of the rubric, each whole score and each piece of the reply's frame is one token of its own: the fixed
    text then costs a handful of tokens, and a score can be read from the probabilities of eleven.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[PAD, END, IMAGE], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    fixed = (*SCORES, *REPLY_FRAME, *rubric.text.splitlines())
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in fixed])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, padding_side="left")


def build_model(tokenizer: PreTrainedTokenizerFast, image_size: int) -> InternVLForConditionalGeneration:
    """The student before it has learnt anything; torch's global seed decides its weights."""
    width, heads = 128, 4
    vision = InternVLVisionConfig(
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=heads,
        intermediate_size=2 * width,
        image_size=[image_size, image_size],
        patch_size=[PATCH, PATCH],
        layer_scale_init_value=1.0,
        initializer_range=INITIAL_STD,
    )
    text = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=3,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        intermediate_size=2 * width,
        max_position_embeddings=1024,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=INITIAL_STD,
        tie_word_embeddings=True,
    )
    config = InternVLConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.get_vocab()[IMAGE],
        image_seq_length=(image_size // TOKENS_PER_VIEW_SIDE) ** 2,
        tie_word_embeddings=True,
    )
    return InternVLForConditionalGeneration(config)


def prompt(rubric: Rubric, instruction: str, tokens_per_view: int) -> str:
    """The rubric, the views in the order of `VIEWS`, the instruction."""
    pictures = "".join(f"{name}: {IMAGE * tokens_per_view}\n" for name in VIEWS)
    return f"{rubric.text}{pictures}instruction: {instruction}\n"


def pixel_values(views_BVSS3: NDArray[np.uint8]) -> Tensor:
    """(B * V, 3, S, S) in [-1, 1]."""
    pixels = torch.from_numpy(np.ascontiguousarray(views_BVSS3)).flatten(0, 1).permute(0, 3, 1, 2)
    return pixels.float() / 127.5 - 1


@dataclass(frozen=True)
class Reply:
    """What the student answered: its text, and of each score token in it the number and the expected number.

    The expected number is the mean of 0 to 10 under the probabilities that the eleven score tokens had in its place.
    """

    text: str
    written: tuple[float, ...]
    expected: tuple[float, ...]


class StudentJudge:
    """Judges by the student: generates the reply, parses it, and scores by the expected value of its score tokens.

    A reply that `parse_reply` refuses is unscorable, whatever its tokens' probabilities.
    """

    name = "student"
    batch_size = 32

    def __init__(self, model: InternVLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast) -> None:
        self.model, self.tokenizer, self.rubric = model.eval(), tokenizer, edit_rubric()
        self.prompt_hash = self.rubric.digest
        vision: Any = model.config.vision_config
        self.image_size: int = vision.image_size[0]

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "StudentJudge":
        if not (Path(folder) / "config.json").is_file():
            raise UserError(f"{folder}: no trained student here; scripts/train_student.py writes one")
        model = InternVLForConditionalGeneration.from_pretrained(folder, local_files_only=True)
        return cls(model, PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True))

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        seen = np.stack([views(pair.source, pair.edited, self.image_size) for pair in pairs])
        return self.judge_views(seen, [pair.instruction for pair in pairs])

    def judge_views(self, views_BVSS3: NDArray[np.uint8], instructions: Sequence[str]) -> list[Score | Unscorable]:
        return [self._verdict(reply) for reply in self._replies(views_BVSS3, instructions)]

    def _verdict(self, reply: Reply) -> Score | Unscorable:
        written = parse_reply(reply.text, self.rubric.num_scores)
        if isinstance(written, Unscorable):
            return written
        read_out = reply.expected if written == list(reply.written) else written
        sc_1, sc_2, pq = (round(value, 3) for value in read_out)
        return Score(sc_1, sc_2, pq, parse_reasoning(reply.text))

    @torch.inference_mode()
    def _replies(self, views_BVSS3: NDArray[np.uint8], instructions: Sequence[str]) -> list[Reply]:
        tokens_per_view = self.model.config.image_seq_length
        prompts = [prompt(self.rubric, instruction, tokens_per_view) for instruction in instructions]
        asked = self.tokenizer(prompts, padding=True, return_tensors="pt", return_token_type_ids=False)
        answer: Any = self.model.generate(
            **asked,
            pixel_values=pixel_values(views_BVSS3),
            do_sample=False,
            max_new_tokens=MAX_REPLY_TOKENS,
            return_dict_in_generate=True,
            output_logits=True,
        )
        written_BT = answer.sequences[:, asked["input_ids"].shape[1] :]
        expected_BT = self._expected_scores(torch.stack(answer.logits, dim=1))
        return [self._reply(*row) for row in zip(written_BT, expected_BT, strict=True)]

    def _expected_scores(self, logits_BTV: Tensor) -> Tensor:
        """(B, T) mean of 0 to 10 under each position's probabilities of the score tokens."""
        ids = self.tokenizer.convert_tokens_to_ids(list(SCORES))
        return logits_BTV[..., ids].float().softmax(-1) @ torch.arange(11.0)

    def _reply(self, written_T: Tensor, expected_T: Tensor) -> Reply:
        tokens = self.tokenizer.convert_ids_to_tokens(written_T.tolist())
        places = [place for place, token in enumerate(tokens) if token in SCORES][: self.rubric.num_scores]
        return Reply(
            text=str(self.tokenizer.decode(written_T, skip_special_tokens=True)),
            written=tuple(float(tokens[place]) for place in places),
            expected=tuple(float(expected_T[place]) for place in places),
        )
