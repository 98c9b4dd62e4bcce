"""Make a small LLaVA and train it on rendered scenes: first its image encoder, then the rest on questions.

    python -m benchmarks.smartedit.language_model --setting cpu --out results/smartedit/cpu/llava

The answer to an expression is the place of the object. The folder is in transformers' layout and loads like a LLaVA
from the hub. Its tokenizer knows only the scenes' words.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from PIL import Image as PillowImage
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from benchmarks.ablation.learning import Training
from benchmarks.arguments import step_parser
from benchmarks.complex_instructions import ORDINALS, SHAPES
from benchmarks.smartedit.image_words import EMPTY, feature_loss
from benchmarks.smartedit.packing import question_loss
from benchmarks.smartedit.questions import PLURALS, Questions, make_questions
from benchmarks.smartedit.settings import SETTINGS, Setting
from benchmarks.smartedit.testing import rows_per_cue
from benchmarks.smartedit.world import (
    COLUMN_NAMES,
    EDITS,
    HELD_OUT_TOOLS,
    MARK,
    PAINTS,
    SIZE,
    TOOLS,
    Row,
)
from omniedit.instructions.clues import clues
from omniedit.models.encoders.chat import ask_with_answers
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file

SEED = 1_000
PATCH = 16
"""Side of a patch in pixels. An object of the scenes lies in one patch."""
INITIAL_STD = 0.1
"""Standard deviation of random weights, about 1 / sqrt(width). LLaMA's 0.02 is for a width of thousands."""
VALUE_SCALE, MLP_SCALE = 0.5, 0.1
"""Factors of random weights, chosen so that a layer changes its input only a little at the start."""
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }} {% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}assistant {% endif %}"
)
COLUMN_PLACE = 1
"""Place of the column's name in an answer: 'column two: red ball'."""
SENTENCES = (
    "user assistant where is are the? what in column: , large small objects",
    "remove take away. mark in. paint. make.",
    "on the left right upper lower leftmost rightmost from",
    "larger smaller largest smallest",
)
"""Words of sentences around the names, so that all texts are made of known words."""


def words() -> list[str]:
    """Return all words of the scenes' texts, sorted."""
    known = (
        *SHAPES,
        *PLURALS.values(),
        EMPTY,
        *TOOLS,
        *PAINTS,
        *EDITS,
        MARK,
        *COLUMN_NAMES,
        *ORDINALS[1:3],
        *SENTENCES,
    )
    clued = [phrase for phrase, clue in clues().items() if clue.fits & {*TOOLS}]
    split = pre_tokenizers.Whitespace()
    return sorted({word for text in (*known, *clued) for word, _ in split.pre_tokenize_str(text.lower())})


def build_tokenizer(vocabulary: Sequence[str]) -> PreTrainedTokenizerFast:
    names = ["<unk>", *vocabulary]
    inner = Tokenizer(models.WordLevel({name: place for place, name in enumerate(names)}, unk_token="<unk>"))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="<unk>", pad_token="<pad>", eos_token="<end>", padding_side="left"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    return tokenizer


def build_llava(setting: Setting, vocabulary: Sequence[str]) -> tuple[Any, Any]:
    """Return a LLaVA with random weights, and its processor."""
    tokenizer = build_tokenizer(vocabulary)
    ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    vision = CLIPVisionConfig(
        hidden_size=setting.vision_width,
        intermediate_size=2 * setting.vision_width,
        num_hidden_layers=setting.vision_layers,
        num_attention_heads=4,
        image_size=SIZE,
        patch_size=PATCH,
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=setting.width,
        intermediate_size=2 * setting.width,
        num_hidden_layers=setting.layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=256,
        initializer_range=INITIAL_STD,
        tie_word_embeddings=True,
        **ids,
    )
    image = tokenizer.get_vocab()["<image>"]
    tokens = (SIZE // PATCH) ** 2
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=image,
        image_seq_length=tokens,
        vision_feature_layer=-1,
        tie_word_embeddings=True,
    )
    config.update({"initializer_range": INITIAL_STD})
    size = {"height": SIZE, "width": SIZE}
    processor = LlavaProcessor(
        CLIPImageProcessorPil(size=size, crop_size=size, do_resize=False, do_center_crop=False),
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )
    model = LlavaForConditionalGeneration(config)
    prepare_attention(model)
    return model, processor


def prepare_attention(model: Any) -> None:
    """Let tokens attend to similar tokens and copy them from the start (mimetic initialization, arXiv 2305.09828).

    Keys are projected as queries are, and outputs by the transpose of the values' projection. A word of an instruction
    then matches the patches that have this word.
    """
    with torch.no_grad():
        for layer in model.get_decoder().layers:
            attention = layer.self_attn
            attention.k_proj.weight.copy_(attention.q_proj.weight)
            attention.v_proj.weight.mul_(VALUE_SCALE)
            attention.o_proj.weight.copy_(attention.v_proj.weight.T)
            layer.mlp.down_proj.weight.mul_(MLP_SCALE)


@torch.no_grad()
def column_accuracy(model: Any, processor: Any, rows: Sequence[Row]) -> float:
    """Return the share of rows whose answer has the right column, by the most likely token at its place."""
    images = [PillowImage.fromarray(row.source) for row in rows]
    inputs = ask_with_answers(processor, images, [row.text for row in rows], [row.answer for row in rows])
    mask = inputs.pop("answer_mask")
    logits = model(**inputs, logits_to_keep=mask.shape[1] + 1).logits[:, :-1]
    right = logits.argmax(-1) == inputs["input_ids"][:, -mask.shape[1] :]
    return float(right[:, COLUMN_PLACE].float().mean())


def measure(model: Any, processor: Any, items: int) -> dict[str, float]:
    """Return the accuracy of columns for each set of instructions."""
    return {name: round(column_accuracy(model, processor, rows), 3) for name, rows in rows_per_cue(items).items()}


def batches(training: Training, number: int) -> Iterator[list[Questions]]:
    """Yield the remaining batches of a training, with up to `number` questions to an image."""
    size = training.options.batch_size
    for step in range(training.done, training.options.steps):
        yield [make_questions(index, number) for index in range(step * size, (step + 1) * size)]


def main() -> None:
    args = step_parser(__doc__, SETTINGS, "--out").parse_args()
    setting = SETTINGS[args.setting]
    torch.manual_seed(SEED)
    model, processor = build_llava(setting, words())
    pretraining = Training(model, setting.vision, args.out.with_suffix(".vision.checkpoint.pt"))
    pretraining.fit(batches(pretraining, 1), lambda step, rows: feature_loss(model, processor, rows))
    pretraining.save()
    print(f"image features: loss {pretraining.loss:.3f}", flush=True)
    model.model.vision_tower.requires_grad_(False)
    model.model.multi_modal_projector.requires_grad_(False)
    checkpoint = args.out.with_suffix(".checkpoint.pt")
    training = Training(model, setting.language, checkpoint, checkpoint_every=setting.checkpoint_every)
    left = batches(training, setting.questions_per_image)
    for done in training.steps(left, lambda step, rows: question_loss(model, processor, rows)):
        if done % 100 == 0:
            print(f"step {done}: loss {training.loss:.3f}, accuracy {measure(model, processor, 80)}", flush=True)
    accuracy = measure(model, processor, setting.columns_per_cue)
    print(f"loss {training.loss:.3f}, accuracy {accuracy}; tools without a clue in instructions: {HELD_OUT_TOOLS}")
    with replace_file(args.out) as folder:
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        (folder / "accuracy.json").write_text(json.dumps(accuracy) + "\n")
    for finished in (pretraining, training):
        finished.checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run_program(main)
