"""Align the small LLaVA with MiniLM, the first stage of SmartEdit: from its [IMG] tokens to MiniLM's embeddings.

    python -m benchmarks.smartedit.align --setting cpu --llava results/smartedit/cpu/llava \\
        --out results/smartedit/cpu/encoder
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.ablation.encoding import Texts
from benchmarks.ablation.learning import CAPACITY, Training
from benchmarks.smartedit.language_model import SEED
from benchmarks.smartedit.settings import SETTINGS, Setting
from benchmarks.smartedit.world import SIZE, Row, make_row
from omniedit.models.encoders.mllm import MllmEncoder
from omniedit.models.encoders.reader import Reader
from omniedit.models.text import WIDTH, load_minilm
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.training.editor.instruction_encoder import InstructionEncoder
from omniedit.training.editor.mllm_batches import Alignment

CHANNELS = 16


def build_encoder(llava: Path, setting: Setting) -> MllmEncoder:
    """Return an untrained encoder over the small LLaVA, without an interaction, which has no part in the alignment."""
    reader = Reader.load(str(llava), SIZE, setting.image_tokens)
    sizes = {"inner_width": setting.width, "layers": setting.qformer_layers, "heads": 4}
    return MllmEncoder(reader, setting.queries, WIDTH, WIDTH, CHANNELS, "none", **sizes)


def load_texts(setting: Setting) -> Texts:
    return Texts(InstructionEncoder(load_minilm(), CAPACITY), setting.queries)


def rows_of_step(step: int, batch_size: int) -> list[Row]:
    first = step * batch_size
    return [make_row(("simple", "complex")[place % 2], SEED + 2, first + place) for place in range(batch_size)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", choices=SETTINGS, required=True)
    parser.add_argument("--llava", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    setting = SETTINGS[args.setting]
    torch.manual_seed(SEED)
    encoder, texts = build_encoder(args.llava, setting), load_texts(setting)
    network = Alignment(encoder)

    def loss_of(step: int, rows: Sequence[Row]) -> Tensor:
        embeddings, pooled = texts([row.explicit for row in rows])
        inputs = encoder.inputs([row.source for row in rows], [row.text for row in rows])
        return network(prompt_embeds=embeddings, pooled=pooled, **inputs).mean()

    training = Training(nn.ModuleList([encoder]), setting.alignment, args.out.with_suffix(".checkpoint.pt"))
    batches = (
        rows_of_step(step, setting.alignment.batch_size) for step in range(training.done, training.options.steps)
    )
    for _ in training.steps(batches, loss_of):
        pass
    print(f"loss over the last steps: {training.loss:.3f}")
    with replace_file(args.out) as folder:
        encoder.save_pretrained(folder)
    training.checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run_program(main)
