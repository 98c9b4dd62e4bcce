"""Student judge: a tiny InternVL (Chen et al. 2024) that reads a pair and answers the rubric.

Classes, prompt, reply and parser are those of a large InternVL; only the sizes differ. It starts with random weights
and a tokenizer made in the run, and `omniedit.scoring.student.distill` trains it on the teacher's scores.

    B  pairs of a batch     V  views of a pair     S  side of a view     T  tokens
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import InternVLConfig, InternVLForConditionalGeneration, PreTrainedTokenizerFast, Qwen2Config
from transformers.models.internvl import InternVLVisionConfig

from omniedit.config.schema import VIEWS_VERSION, student_folder
from omniedit.errors import UserError
from omniedit.models.folder import load_part, load_tokenizer
from omniedit.pairs import EditPair
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Rubric
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.scoring.student.inputs import VIEWS, student_inputs
from omniedit.scoring.verdict import Score
from omniedit.scoring.vlm_judges.readout import SCORES, build_reader
from omniedit.scoring.vlm_judges.rubric_judge import ParsedScores
from omniedit.storage.manifest import checksum

PATCH = 8
TOKENS_PER_VIEW_SIDE = 2 * PATCH
"""Side of an image token in pixels of a view: two patches, because InternVL's pixel shuffle halves the grid."""
PAD, END, IMAGE = "<pad>", "<end>", "<image>"
REPLY_FRAME = ('{"score": [', ", ", '], "reasoning": "', '"}')
MAX_REPLY_TOKENS = 96
INITIAL_STD = 0.05
"""Standard deviation of the random weights. With the usual 0.02, such a narrow network ignores images for hundreds of
steps."""


def build_tokenizer(texts: Iterable[str], rubric: Rubric, vocab_size: int = 1024) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer on `texts`; the same texts give the same tokenizer.

    Each line of the rubric, each whole score and each part of the reply's fixed text is a single token. The fixed text
    then takes only a few tokens, and a score can be read from the probabilities of eleven tokens.
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
    """Build an untrained student; torch's global seed decides its weights."""
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
    config.update({"views_version": VIEWS_VERSION})
    return InternVLForConditionalGeneration(config)


def load_student(student: str | Path) -> tuple[InternVLForConditionalGeneration, PreTrainedTokenizerFast]:
    """Load a trained student in float32 and its tokenizer, from a folder or, for `shipped`, from the package.

    Raises:
        UserError: the student is missing, damaged or another kind of model, or was trained on different views.
    """
    folder = _find_student(student)
    model = load_part(folder, (InternVLForConditionalGeneration,), torch.float32).requires_grad_(True)
    tokenizer = load_tokenizer(folder, PreTrainedTokenizerFast)
    if tokenizer.get_vocab().get(IMAGE) != model.config.image_token_id:
        raise UserError(f"{folder}: this InternVL was not made by scripts/train_student.py")
    if getattr(model.config, "views_version", 1) != VIEWS_VERSION:
        raise UserError(f"{folder}: trained on other views of a pair than this version makes; train it again")
    return model, tokenizer


def read_view_side(student: str | Path) -> int:
    """Return the side of a trained student's views, in pixels, without reading its weights.

    Raises:
        UserError: the student is missing.
    """
    return view_side(InternVLConfig.from_pretrained(_find_student(student)))


def view_side(config: InternVLConfig) -> int:
    """Return the side of a view, in pixels."""
    vision: Any = config.vision_config
    return int(vision.image_size[0])


def _find_student(student: str | Path) -> Path:
    folder = student_folder(student)
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no trained student here; scripts/train_student.py writes one")
    return folder


def prompt(rubric: Rubric, instruction: str, tokens_per_view: int) -> str:
    """Return the rubric, the views in the order of `VIEWS`, and the instruction without special tokens."""
    for token in (PAD, END, IMAGE):
        instruction = instruction.replace(token, " ")
    images = "".join(f"{name}: {IMAGE * tokens_per_view}\n" for name in VIEWS)
    return f"{rubric.text}{images}instruction: {instruction}\n"


def pixel_values(views_BVSS3: NDArray[np.uint8]) -> Tensor:
    """Convert views to (B * V, 3, S, S) values in [-1, 1]."""
    pixels = torch.from_numpy(np.ascontiguousarray(views_BVSS3)).flatten(0, 1).permute(0, 3, 1, 2)
    return pixels.float() / 127.5 - 1


class StudentJudge:
    """Judge that scores with the student.

    Args:
        readout: a value of `scoring.readout`.
        version: version of the weights, stored with each score.
    """

    name = "student"
    batch_size = 32

    def __init__(
        self,
        model: InternVLForConditionalGeneration,
        tokenizer: PreTrainedTokenizerFast,
        readout: str = "tokens",
        version: str = "",
    ) -> None:
        self.model, self.tokenizer, self.version = model.eval(), tokenizer, version
        self.rubric = edit_rubric()
        self.prompt_hash = self.rubric.digest
        self.read = build_reader(readout, self.model, tokenizer, self.rubric.num_scores, MAX_REPLY_TOKENS)
        self.image_size = view_side(model.config)

    @classmethod
    def from_pretrained(cls, folder: str | Path, readout: str = "tokens") -> "StudentJudge":
        model, tokenizer = load_student(folder)
        weights = checksum(student_folder(folder) / "model.safetensors")["sha256"]
        return cls(model, tokenizer, readout, f"student {weights[:12]}")

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        views = np.stack([student_inputs(pair.source, pair.edited, self.image_size) for pair in pairs])
        return self.judge_views(views, [pair.instruction for pair in pairs])

    def judge_views(self, views_BVSS3: NDArray[np.uint8], instructions: Sequence[str]) -> list[Score | Unscorable]:
        tokens_per_view = self.model.config.image_seq_length
        texts = [prompt(self.rubric, instruction, tokens_per_view) for instruction in instructions]
        readings = self.read(self.tokenizer(texts)["input_ids"], {"pixel_values": pixel_values(views_BVSS3)})
        return [reading if isinstance(reading, Unscorable) else self._score(reading) for reading in readings]

    def _score(self, reading: ParsedScores) -> Score:
        sc_1, sc_2, pq = reading.scores
        return Score(sc_1, sc_2, pq, reading.reasoning, self.version)
