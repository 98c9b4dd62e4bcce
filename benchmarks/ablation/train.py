"""Train one editor, which is one unit of the experiment, and test it during training.

    python -m benchmarks.ablation.train --setting cpu --assets results/ablation/assets.npz \\
        --base results/ablation/cpu/base --architecture editnet --data filtered --seed 0 --out results/ablation/cpu/unit

The output folder is whole or absent. It holds measures.jsonl (a line per measurement, number of sampling steps and
task), answers.npz (edits of the first test pairs with the most sampling steps) and the editor with EMA weights.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.data_choices import DATA
from benchmarks.ablation.learning import Batches, Objective, Training, prepare, train_config, write_results
from benchmarks.ablation.portraits import Portraits
from benchmarks.ablation.settings import ARCHITECTURES, CHOICES, ROUTING, SETTINGS, Setting
from benchmarks.ablation.testing import edit_pairs, left_over, outside_psnr, pairs_of_test, tested_tasks
from benchmarks.ablation.world import WorldPair, build_world
from benchmarks.arguments import step_parser
from omniedit.cli.arguments import run_seed
from omniedit.imaging.images import Image
from omniedit.models import build
from omniedit.models.base import Base
from omniedit.models.cost import step_flops
from omniedit.models.shipped import load_shipped_base
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.tasks import Task

SHOWN = 3
"""Number of test pairs of each task whose edits are saved for display."""


def main() -> None:
    parser = step_parser(__doc__, SETTINGS, "--assets", "--out")
    parser.add_argument("--architecture", choices={*ARCHITECTURES, *CHOICES, *ROUTING}, required=True)
    parser.add_argument("--data", choices=DATA, required=True)
    parser.add_argument("--seed", type=run_seed, required=True)
    parser.add_argument("--base", type=Path, help="base of the setting; without it, the one that the package ships")
    parser.add_argument(
        "--start", type=Path, help="unit, or shipped editor, of the same architecture, to begin with its weights"
    )
    parser.add_argument("--portraits", type=Path, help="photographs taken apart, for a setting with portraits")
    args = parser.parse_args()
    unit = {"architecture": args.architecture, "data": args.data, "seed": args.seed}
    with replace_file(args.out) as folder:
        folder.mkdir()
        checkpoint = args.out.with_suffix(".checkpoint.pt")
        setting, start = SETTINGS[args.setting], args.start and args.start / "transformer"
        base = Base.load(args.base) if args.base else load_shipped_base()
        portraits = Portraits.load(args.portraits) if args.portraits else None
        run(unit, setting, Assets.load(args.assets), base, folder, checkpoint, start, portraits)
    checkpoint.unlink(missing_ok=True)


def run(
    unit: dict[str, Any],
    setting: Setting,
    assets: Assets,
    base: Base,
    folder: Path,
    checkpoint: Path,
    start: Path | None = None,
    portraits: Portraits | None = None,
) -> None:
    torch.manual_seed(unit["seed"])
    texts = prepare(base, setting)
    editor = build(unit["architecture"], base.transformer, base.prediction_type)
    if start is not None:
        earlier = type(editor).from_pretrained(start, local_files_only=True, torch_dtype=torch.float32)
        editor.load_state_dict(earlier.state_dict())
    data = DATA[unit["data"]]
    world = build_world(setting, assets, unit["seed"], data, portraits)
    objective = Objective(base.vae, texts, unit["seed"], train_config(setting), data.weighted)
    pairs = pairs_of_test(assets, setting)
    flops = operations(unit["architecture"], base, setting)
    training = Training(editor, setting.editor, checkpoint)
    fit = replace(setting.editor, pairs=len(world.candidates) or setting.editor.pairs)
    batches = Batches(world, fit, setting).after(training.done)
    answers = None
    for done in training.steps(batches, partial(objective.of_editor, editor)):
        if done in evaluation_steps(setting):
            samples = done * setting.editor.batch_size
            seen = unit | {"samples": samples, "flops": flops * samples, "loss": training.loss}
            with training.ema_weights():
                for steps in setting.sampling_steps:
                    answers = edit_pairs(editor, base.vae, texts, pairs, setting, steps)
                    rows = measures(tested_tasks(setting), pairs, answers)
                    training.records += [seen | {"sampling_steps": steps} | row for row in rows]
    if answers is None:  # the run resumed from a checkpoint of its last step
        with training.ema_weights():
            answers = edit_pairs(editor, base.vae, texts, pairs, setting, setting.sampling_steps[-1])
    write_results(folder, training.records, answers[: SHOWN * len(setting.tested)])
    editor.cpu().save_pretrained(folder / "transformer")


def evaluation_steps(setting: Setting) -> set[int]:
    """Return the steps after which the editor is tested, including the last one."""
    return {setting.editor.steps * part // setting.evaluations for part in range(1, setting.evaluations + 1)}


def operations(architecture: str, base: Base, setting: Setting) -> int:
    """Return the FLOPs of the forward and backward pass of one sample."""
    config = {key: value for key, value in base.transformer.config.items() if not key.startswith("_")}
    return step_flops(architecture, config, (setting.size // 8, setting.size // 8), setting.text_tokens)


def measures(tasks: Sequence[Task], pairs: Sequence[WorldPair], answers: Sequence[Image]) -> list[dict[str, Any]]:
    """Return a row per task: for each pair in order, the error left inside the mask and the PSNR outside it."""
    rows = []
    for task in tasks:
        here = [(pair, answer) for pair, answer in zip(pairs, answers, strict=True) if pair.task == task]
        left = [round(left_over(pair, answer), 5) for pair, answer in here]
        psnr = [None if (value := outside_psnr(pair, answer)) is None else round(value, 3) for pair, answer in here]
        rows.append({"task": task.name, "left_over": left, "psnr": psnr})
    return rows


if __name__ == "__main__":
    run_program(main)
