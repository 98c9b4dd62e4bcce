"""Train one editor, which is one unit of the experiment, and test it on expressions that training never shows.

    python -m benchmarks.smartedit.train --setting cpu --reads explicit --mix editing --seed 0 \\
        --out results/smartedit/cpu/units/explicit-editing-0
    python -m benchmarks.smartedit.train --setting cpu --encoder results/smartedit/cpu/encoder \\
        --start results/smartedit/cpu/units/explicit-editing-0 --reads both --mix all --seed 0 \\
        --out results/smartedit/cpu/units/both-all-0

The first command trains the editor that all units start from, on explicit instructions. In the paper this is
InstructDiffusion.

The output folder is whole or absent. It holds measures.jsonl (a line per measurement and cue) and answers.npz (edits of
the first items of each cue) and the editor's weights. A stopped run resumes from the checkpoint next to the folder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor, nn

from benchmarks.ablation.encoding import Texts, encode_latents
from benchmarks.ablation.learning import PREDICTION, Training, write_results
from benchmarks.arguments import step_parser
from benchmarks.smartedit.align import CHANNELS, load_texts
from benchmarks.smartedit.settings import ENCODERS, EXPLICIT, MIXES, SETTINGS, Setting
from benchmarks.smartedit.testing import SHOWN, Items, measures
from benchmarks.smartedit.world import COLUMNS, SIZE, Row, make_row
from omniedit.cli.arguments import run_seed
from omniedit.config.schema import BaseConfig, TrainConfig
from omniedit.models import build
from omniedit.models.codec import LappedCodec
from omniedit.models.encoders.interaction import Interaction
from omniedit.models.encoders.mllm import EncodedInstructions, MllmEncoder
from omniedit.models.text import WIDTH
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.training.base.pretrain import sd3_config
from omniedit.training.objective import flow_loss, logit_normal, rectified_flow_pair

SIGMA_MEAN, SIGMA_STD = 2.0, 1.0
EDITOR = "editor.pt"
LATENT = (SIZE // 8, SIZE // 8)


@dataclass(frozen=True)
class Network:
    """Editor with the encoder of its instructions.

    Args:
        texts: MiniLM's embeddings, for an editor without a language model.
        explicit: whether MiniLM reads explicit instructions.
    """

    editor: Any
    texts: Texts
    encoder: MllmEncoder | None
    explicit: bool

    def read(self, rows: Sequence[Row]) -> EncodedInstructions:
        words = [row.explicit if self.explicit else row.text for row in rows]
        if self.encoder is None:
            embeddings, pooled = self.texts(words)
            return EncodedInstructions(embeddings, pooled, None, torch.zeros(len(rows)))
        return self.encoder(LATENT, **self.encoder.inputs([row.source for row in rows], words))

    def answer_loss(self, rows: Sequence[Row]) -> Tensor:
        assert self.encoder is not None
        reader = self.encoder.reader
        return reader.answer_loss(
            **reader.question_inputs(
                [row.source for row in rows], [row.text for row in rows], [row.answer for row in rows]
            )
        )

    def trained(self) -> nn.Module:
        return nn.ModuleList([self.editor] if self.encoder is None else [self.editor, self.encoder])


def build_editor(setting: Setting) -> Any:
    """Return a channel-concatenation editor over a small SD3 with random weights.

    Its position embeddings are those of the 4 x 4 patches only. Among those of images four times as large, which SD3
    has by default, the columns differ too little for an editor to learn them.
    """
    base = BaseConfig(layers=setting.editor_layers, heads=3, head_dim=32, patch_size=2)
    config = sd3_config(TrainConfig(resolution=SIZE, base=base), WIDTH) | {"pos_embed_max_size": len(COLUMNS)}
    return build("channel_concat", SD3Transformer2DModel.from_config(config), PREDICTION)


def build_network(reads: str, encoder_folder: Path | None, start: Path | None, setting: Setting) -> Network:
    """Return an editor, all of it trained, and its reader.

    Args:
        start: folder of the unit whose editor is trained further; None for random weights.
    """
    editor = build_editor(setting)
    if start is not None:
        editor.load_state_dict(torch.load(start / EDITOR, weights_only=True))
    encoder = None
    if encoder_folder is not None:
        encoder = MllmEncoder.from_pretrained(encoder_folder)
        encoder.interaction = Interaction(WIDTH, encoder.reader.width, CHANNELS, 4, reads)
    return Network(editor, load_texts(setting), encoder, reads == EXPLICIT)


def rows_of_step(mix: Sequence[str], seed: int, step: int, batch_size: int) -> list[Row]:
    first = step * batch_size
    return [make_row(mix[(first + place) % len(mix)], seed, first + place) for place in range(batch_size)]


def loss_of(network: Network, vae: LappedCodec, seed: int, step: int, rows: Sequence[Row]) -> Tensor:
    """Return the mean loss of edits (velocity and language model, 1:1) and of questions (language model)."""
    edits = [row for row in rows if row.kind != "question"]
    questions = [row for row in rows if row.kind == "question"]
    rng = np.random.default_rng([seed, step, 1])
    clean, condition = (
        encode_latents(vae, images) for images in zip(*((r.target, r.source) for r in edits), strict=True)
    )
    sigma = logit_normal(torch.from_numpy(rng.standard_normal(len(edits), np.float32)), SIGMA_MEAN, SIGMA_STD)
    noise = torch.from_numpy(rng.standard_normal(clean.shape, np.float32))
    noisy, target = rectified_flow_pair(clean, noise, sigma)
    read = network.read(edits)
    if read.residual is not None:
        condition = condition + read.residual
    velocity = network.editor(noisy, 1000 * sigma, read.prompt_embeds, read.pooled, condition)
    total = (flow_loss(velocity, target) + read.token_loss).sum()
    if questions:
        total = total + network.answer_loss(questions).sum()
    return total / len(rows)


def run(unit: dict[str, Any], network: Network, setting: Setting, folder: Path, checkpoint: Path) -> None:
    vae = LappedCodec()
    mix = [kind for kind in MIXES[unit["mix"]] if kind != "question" or network.encoder is not None]
    fit = setting.start if network.explicit else setting.editor
    training = Training(network.trained(), fit, checkpoint, checkpoint_every=setting.checkpoint_every)
    items = Items.make(setting, vae)
    batches = (rows_of_step(mix, unit["seed"], step, fit.batch_size) for step in range(training.done, fit.steps))
    answers = None
    for done in training.steps(batches, lambda step, rows: loss_of(network, vae, unit["seed"], step, rows)):
        if done % max(1, fit.steps // setting.evaluations) == 0:
            with training.ema_weights():
                answers = edit_items(network, vae, items, setting)
            seen = unit | {"samples": done * fit.batch_size, "loss": round(training.loss, 5)}
            training.records += [seen | row for row in measures(items, answers)]
            shares = {row["cue"]: row["chosen"] for row in measures(items, answers)}
            print(
                f"step {done}, loss {training.loss:.3f}: { ({c: np.mean(v).round(3) for c, v in shares.items()}) }",
                flush=True,
            )
    if answers is None:  # resumed from a checkpoint of the last step
        answers = edit_items(network, vae, items, setting)
    shown = [place for place in range(len(items.rows)) if place % setting.items_per_cue < SHOWN]
    torch.save(network.editor.state_dict(), folder / EDITOR)
    write_results(folder, training.records, [answers[place] for place in shown])


@torch.no_grad()
def edit_items(network: Network, vae: LappedCodec, items: Items, setting: Setting) -> list[np.ndarray]:
    """Edit the test items, in one batch per cue."""
    answers: list[np.ndarray] = []
    for start in range(0, len(items.rows), setting.items_per_cue):
        rows = items.rows[start : start + setting.items_per_cue]
        answers += list(items.edit(network.editor, FlowMatchEulerDiscreteScheduler(), network.read(rows), start, vae))
    return answers


def main() -> None:
    parser = step_parser(__doc__, SETTINGS, "--out")
    parser.add_argument("--encoder", type=Path, help="folder of the first stage; MiniLM reads without it")
    parser.add_argument("--start", type=Path, help="unit whose editor is trained further (default: random weights)")
    parser.add_argument("--reads", choices=(EXPLICIT, *ENCODERS), required=True)
    parser.add_argument("--mix", choices=MIXES, required=True)
    parser.add_argument("--seed", type=run_seed, required=True)
    args = parser.parse_args()
    unit = {"reads": args.reads, "mix": args.mix, "seed": args.seed}
    setting, checkpoint = SETTINGS[args.setting], args.out.with_suffix(".checkpoint.pt")
    torch.manual_seed(args.seed)
    encoder = None if args.reads in (EXPLICIT, "minilm") else args.encoder
    network = build_network(args.reads, encoder, args.start, setting)
    with replace_file(args.out) as folder:
        folder.mkdir()
        run(unit, network, setting, folder, checkpoint)
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run_program(main)
