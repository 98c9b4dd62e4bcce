"""Pre-train the base that all editors of the experiment share: images of the world from their captions.

    python -m benchmarks.ablation.pretrain --setting cpu --assets results/ablation/assets.npz \\
        --out results/ablation/cpu/base
"""

from functools import partial
from pathlib import Path

import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import nn

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.encoding import Texts
from benchmarks.ablation.learning import CAPACITY, PREDICTION, Batches, Objective, Training, train_config
from benchmarks.ablation.settings import SETTINGS, Setting
from benchmarks.ablation.world import build_world
from benchmarks.arguments import step_parser
from omniedit.models.base import Base
from omniedit.models.codec import LappedCodec
from omniedit.models.text import WIDTH, load_minilm
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.training.base.pretrain import small_sd3
from omniedit.training.editor.instruction_encoder import InstructionEncoder

SEED = 1_000
"""Seed of the base's images. The editors' seeds are 0, 1, 2 and so on."""


def main() -> None:
    args = step_parser(__doc__, SETTINGS, "--assets", "--out").parse_args()
    pretrain(SETTINGS[args.setting], Assets.load(args.assets), args.out)


def pretrain(setting: Setting, assets: Assets, out: Path) -> None:
    """Pre-train a base on the world and write it to the folder `out`."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(SEED)
    options = train_config(setting)
    base, vae, text = small_sd3(options, WIDTH), LappedCodec(), load_minilm()
    parts: list[nn.Module] = [base, vae, text.text_encoder]
    for part in parts:
        part.to(device)
    texts = Texts(InstructionEncoder(text, CAPACITY), setting.text_tokens)
    world = build_world(setting, assets, SEED)
    loss_of = partial(Objective(vae, texts, SEED, options).of_base, base)
    training = Training(base, setting.base, out.with_suffix(".checkpoint.pt"))
    training.fit(Batches(world, setting.base, setting).after(training.done), loss_of)
    print(f"loss over the last steps: {training.loss:.3f}")
    scheduler = FlowMatchEulerDiscreteScheduler()
    with replace_file(out) as folder:
        for part in parts:
            part.cpu()
        Base(base, vae, text, scheduler, prediction_type=PREDICTION).save(folder)
    training.checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run_program(main)
