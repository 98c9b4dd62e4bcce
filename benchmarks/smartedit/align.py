"""Align the small LLaVA with MiniLM, the first stage of SmartEdit: from its [IMG] tokens to MiniLM's embeddings.

The embeddings are those of the explicit instruction ("Make the star in column two white."), so that the [IMG] tokens
learn to carry the place. In the paper they are those of the instruction itself.

    python -m benchmarks.smartedit.align --setting cpu --llava results/smartedit/cpu/llava \\
        --out results/smartedit/cpu/encoder
"""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor, nn

from benchmarks.ablation.encoding import Texts
from benchmarks.ablation.learning import CAPACITY, Training
from benchmarks.arguments import step_parser
from benchmarks.smartedit.language_model import COLUMN_PLACE, SEED
from benchmarks.smartedit.settings import SETTINGS, Setting
from benchmarks.smartedit.testing import rows_per_cue
from benchmarks.smartedit.world import COLUMN_NAMES, SIZE, Row, make_row
from omniedit.models.encoders.mllm import MllmEncoder
from omniedit.models.encoders.reader import Reader
from omniedit.models.text import WIDTH, load_minilm
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.training.editor.instruction_encoder import InstructionEncoder
from omniedit.training.editor.mllm_batches import AlignmentNetwork

CHANNELS = 16
FIRST_WORD = "column"
"""First word of the language model's answers."""


def build_encoder(llava: Path, setting: Setting) -> MllmEncoder:
    """Return an untrained encoder over the small LLaVA, without an interaction, which has no part in the alignment."""
    reader = Reader.load(str(llava), SIZE, setting.image_tokens)
    start_tokens(reader, FIRST_WORD)
    sizes = {"inner_width": setting.width, "layers": setting.qformer_layers, "heads": 4}
    return MllmEncoder(reader, setting.queries, WIDTH, WIDTH, CHANNELS, "none", **sizes)


@torch.no_grad()
def start_tokens(reader: Reader, word: str) -> None:
    """Give the [IMG] tokens the embedding of a word, after which the language model's state holds the place."""
    embedding = reader.model.get_input_embeddings().weight[reader.processor.tokenizer.convert_tokens_to_ids(word)]
    for name, parameter in reader.model.named_parameters():
        if "trainable_tokens_delta" in name:
            parameter.copy_(embedding.expand_as(parameter))


def load_texts(setting: Setting) -> Texts:
    return Texts(InstructionEncoder(load_minilm(), CAPACITY), setting.queries)


def rows_of_step(step: int, batch_size: int) -> list[Row]:
    first = step * batch_size
    return [make_row(("simple", "complex")[place % 2], SEED + 2, first + place) for place in range(batch_size)]


@torch.no_grad()
def column_accuracy(encoder: MllmEncoder, texts: Texts, rows: Sequence[Row]) -> float:
    """Return the share of rows whose embeddings are nearest to the explicit instruction with the right column."""
    reading = encoder.reader(**encoder.inputs([row.source for row in rows], [row.text for row in rows]))
    embeddings_BMD, _ = encoder.qformer(reading.hidden)
    places = [row.answer.split()[COLUMN_PLACE].rstrip(":") for row in rows]
    explicit = [
        row.explicit.replace(f"column {place}", f"column {name}")
        for row, place in zip(rows, places, strict=True)
        for name in COLUMN_NAMES
    ]
    choices = texts(explicit)[0].unflatten(0, (len(rows), -1))
    nearest = (embeddings_BMD[:, None] - choices).square().mean((2, 3)).argmin(1)
    return fmean(COLUMN_NAMES[place] == name for place, name in zip(nearest.tolist(), places, strict=True))


def main() -> None:
    args = step_parser(__doc__, SETTINGS, "--llava", "--out").parse_args()
    setting = SETTINGS[args.setting]
    torch.manual_seed(SEED)
    encoder, texts = build_encoder(args.llava, setting), load_texts(setting)
    network = AlignmentNetwork(encoder)

    def loss_of(step: int, rows: Sequence[Row]) -> Tensor:
        embeddings, pooled = texts([row.explicit for row in rows])
        inputs = encoder.inputs([row.source for row in rows], [row.text for row in rows])
        return network(prompt_embeds=embeddings, pooled=pooled, **inputs).mean()

    training = Training(nn.ModuleList([encoder]), setting.alignment, args.out.with_suffix(".checkpoint.pt"))
    batches = (
        rows_of_step(step, setting.alignment.batch_size) for step in range(training.done, training.options.steps)
    )
    training.fit(batches, loss_of)
    accuracy = {
        name: round(column_accuracy(encoder, texts, rows), 3)
        for name, rows in rows_per_cue(setting.columns_per_cue).items()
    }
    print(f"loss over the last steps: {training.loss:.3f}, accuracy {accuracy}")
    with replace_file(args.out) as folder:
        encoder.save_pretrained(folder)
        (folder / "accuracy.json").write_text(json.dumps(accuracy) + "\n")
    training.checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run_program(main)
