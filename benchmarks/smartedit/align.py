"""Align the small LLaVA with MiniLM, the first stage of SmartEdit: from its [IMG] tokens to MiniLM's embeddings.

The embeddings are those of the explicit instruction ("Make the star by the road white."), so that the [IMG] tokens
learn to carry the place. In the paper they are those of the instruction itself. The QFormer is trained first, alone:
from random weights, it would make the language model forget the place.

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
from benchmarks.ablation.settings import Fit
from benchmarks.arguments import step_parser
from benchmarks.complex_instructions import SHAPES
from benchmarks.smartedit.language_model import SEED
from benchmarks.smartedit.settings import SETTINGS, Setting
from benchmarks.smartedit.testing import rows_per_cue
from benchmarks.smartedit.world import COLUMN_NAMES, EDITS, SIZE, TOOLS, Row, describe, instructions, make_row
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


def explicit_instructions() -> dict[str, dict[str, str]]:
    """Return all explicit instructions of the test, with place, kind and edit of each."""
    return {
        text: {"place": COLUMN_NAMES[column], "kind": noun, "edit": edit}
        for column in range(len(COLUMN_NAMES))
        for noun in (*SHAPES, *TOOLS)
        for edit in EDITS
        for text in instructions(describe(noun, column), edit)
    }


@torch.no_grad()
def accuracy(encoder: MllmEncoder, texts: Texts, rows: Sequence[Row]) -> dict[str, float]:
    """Return the shares of rows whose nearest explicit instruction has the right place, kind and edit."""
    known = explicit_instructions()
    reading = encoder.reader(**encoder.inputs([row.source for row in rows], [row.text for row in rows]))
    embeddings_BMD, _ = encoder.qformer(reading.hidden)
    distances = torch.cdist(embeddings_BMD.flatten(1), texts([*known])[0].flatten(1))
    found = [[*known.values()][place] for place in distances.argmin(1).tolist()]
    right = [known[row.explicit] for row in rows]
    return {
        name: round(fmean(ours[name] == truth[name] for ours, truth in zip(found, right, strict=True)), 3)
        for name in ("place", "kind", "edit")
    }


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

    def fit(options: Fit, name: str, first_step: int) -> Training:
        """Train the parts of the encoder that require gradients, or resume this training."""
        checkpoint = args.out.with_suffix(f".{name}.checkpoint.pt")
        training = Training(nn.ModuleList([encoder]), options, checkpoint, checkpoint_every=setting.checkpoint_every)
        left = (rows_of_step(first_step + step, options.batch_size) for step in range(training.done, options.steps))
        training.fit(left, loss_of)
        training.save()
        print(f"{name}: loss {training.loss:.3f}, accuracy {accuracy(encoder, texts, known)}", flush=True)
        return training

    known = rows_per_cue(setting.columns_per_cue)["known"]
    reader = [parameter for parameter in encoder.reader.parameters() if parameter.requires_grad]
    for parameter in reader:
        parameter.requires_grad_(False)
    qformer = fit(setting.qformer, "qformer", 0)
    for parameter in reader:
        parameter.requires_grad_(True)
    alignment = fit(setting.alignment, "alignment", setting.qformer.steps)
    accuracies = {cue: accuracy(encoder, texts, rows) for cue, rows in rows_per_cue(setting.columns_per_cue).items()}
    print(f"accuracy {accuracies}")
    with replace_file(args.out) as folder:
        encoder.save_pretrained(folder)
        (folder / "accuracy.json").write_text(json.dumps(accuracies) + "\n")
    for training in (qformer, alignment):
        training.checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run_program(main)
