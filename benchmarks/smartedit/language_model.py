"""Make a small LLaVA and train it on rendered scenes: first on questions about scenes, then also on expressions.

    python -m benchmarks.smartedit.language_model --setting cpu --out results/smartedit/cpu/llava

The answer to an expression is the place of the object. The folder is in transformers' layout and loads like a LLaVA
from the hub. Its tokenizer knows only the scenes' words.
"""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image as PillowImage
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor
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
from benchmarks.complex_instructions import ORDINALS, SHAPES
from benchmarks.smartedit.scene_questions import EMPTY, PLURALS, SceneQuestion, make_scene_question
from benchmarks.smartedit.settings import SETTINGS, Setting
from benchmarks.smartedit.world import (
    COLUMN_NAMES,
    CUES,
    EDITS,
    HELD_OUT_TOOLS,
    MARK,
    PAINTS,
    SIZE,
    TOOLS,
    Row,
    make_row,
)
from omniedit.instructions.knowledge import clues
from omniedit.models.encoders.chat import answer_loss, ask_with_answers
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file

SEED = 1_000
PATCH = 16
"""Side of a patch in pixels. An object of the scenes lies in one patch."""
INITIAL_STD = 0.1
"""Standard deviation of random weights, about 1 / sqrt(width). LLaMA's 0.02 is for a width of thousands."""
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }} {% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}assistant {% endif %}"
)
KINDS = ("question", "complex", "complex", "complex", "simple", "complex", "complex", "complex")
"""Kinds of rows with expressions, in turn. An instruction is answered like the question where its object is."""
SCENE_EVERY = 3
"""Number of steps from one batch of questions about scenes to the next, in the part with expressions."""
COLUMN_PLACE = 1
"""Place of the column's name in an answer: 'column two: red ball'."""
SENTENCES = (
    "user assistant where is are the? what is in each column? large small: , objects",
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
    return LlavaForConditionalGeneration(config), processor


def rows_of_step(step: int, setting: Setting) -> list[Row | SceneQuestion]:
    """Return the rows of a training step: questions about scenes (later only at every third step) and expressions.

    The clues of the held-out tools occur in questions but never in instructions.
    """
    size = setting.language.batch_size
    places = range(step * size, (step + 1) * size)
    if step < setting.scene_steps or step % SCENE_EVERY == 0:
        return [make_scene_question(place) for place in places]
    return [make_row(KINDS[place % len(KINDS)], SEED, place) for place in places]


def loss_of(model: Any, processor: Any, step: int, rows: Sequence[Row | SceneQuestion]) -> Tensor:
    return answer_loss(model, **inputs_of(processor, rows)).mean()


def inputs_of(processor: Any, rows: Sequence[Row | SceneQuestion]) -> dict[str, Tensor]:
    images = [PillowImage.fromarray(row.source) for row in rows]
    return ask_with_answers(processor, images, [row.text for row in rows], [row.answer for row in rows])


@torch.no_grad()
def column_accuracy(model: Any, processor: Any, rows: Sequence[Row]) -> float:
    """Return the share of rows whose answer has the right column, by the most likely token at its place."""
    inputs = inputs_of(processor, rows)
    mask = inputs.pop("answer_mask")
    logits = model(**inputs, logits_to_keep=mask.shape[1] + 1).logits[:, :-1]
    right = logits.argmax(-1) == inputs["input_ids"][:, -mask.shape[1] :]
    return float(right[:, COLUMN_PLACE].float().mean())


def measure(model: Any, processor: Any, items: int) -> dict[str, float]:
    """Return the accuracy of columns for instructions with known expressions, and with held-out ones of each cue."""
    sets = {"known": [make_row("complex", SEED + 1, index) for index in range(items)]}
    sets |= {cue: [make_row("complex", SEED + 1, index, True, cue) for index in range(items)] for cue in CUES}
    return {name: round(column_accuracy(model, processor, rows), 3) for name, rows in sets.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", choices=SETTINGS, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    setting = SETTINGS[args.setting]
    torch.manual_seed(SEED)
    model, processor = build_llava(setting, words())
    training = Training(model, setting.language, args.out.with_suffix(".checkpoint.pt"))
    batches = (rows_of_step(step, setting) for step in range(training.done, setting.language.steps))
    for done in training.steps(batches, partial(loss_of, model, processor)):
        if done % setting.checkpoint_every == 0:
            training.save()
        if done % 200 == 0:
            print(f"step {done}: loss {training.loss:.3f}, accuracy {measure(model, processor, 80)}", flush=True)
    accuracy = measure(model, processor, 400 if setting.language.steps > 100 else 8)
    print(f"loss {training.loss:.3f}, accuracy {accuracy}; tools without a clue in instructions: {HELD_OUT_TOOLS}")
    with replace_file(args.out) as folder:
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        (folder / "accuracy.json").write_text(json.dumps(accuracy) + "\n")
    training.checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run_program(main)
