"""Train one editor, which is one unit of the experiment, and test it on held-out subjects during training.

    python -m benchmarks.apprentice.train --setting small --assets results/ablation/assets.npz \\
        --base results/apprentice/small/base --architecture sequence_concat_demos --seed 0 --out results/apprentice/unit

The output folder is whole or absent. It holds measures.jsonl (a line per measurement and number of demonstrations),
answers.npz (edits with the most demonstrations) and the editor with EMA weights.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.learning import CHECKPOINT_STEPS, Batches, Training, prepare, write_results
from benchmarks.ablation.train import evaluation_steps
from benchmarks.apprentice.learning import (
    SubjectObjective,
    edit_with,
    held_out_world,
    list_test_pairs,
    subject_config,
    training_world,
)
from benchmarks.apprentice.settings import SETTINGS, SubjectSetting
from benchmarks.arguments import step_parser
from omniedit.cli.arguments import run_seed
from omniedit.evaluation.subject_fidelity import MEASURES, SubjectCase, measure_subject
from omniedit.imaging.images import Image
from omniedit.models import build
from omniedit.models.base import Base
from omniedit.models.conditions import get_supported_conditions
from omniedit.models.loading import load_editor
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file


def main() -> None:
    parser = step_parser(__doc__, SETTINGS, "--assets", "--base", "--out")
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--seed", type=run_seed, required=True)
    args = parser.parse_args()
    with replace_file(args.out) as folder:
        folder.mkdir()
        checkpoint = args.out.with_suffix(".checkpoint.pt")
        setting, base = SETTINGS[args.setting], Base.load(args.base)
        run(args.architecture, args.seed, setting, Assets.load(args.assets), base, folder, checkpoint)
    checkpoint.unlink(missing_ok=True)


def run(
    architecture: str,
    seed: int,
    setting: SubjectSetting,
    assets: Assets,
    base: Base,
    folder: Path,
    checkpoint: Path,
) -> None:
    torch.manual_seed(seed)
    texts = prepare(base, setting.world)
    editor = build(architecture, base.transformer, base.prediction_type)
    if setting.from_shipped:
        editor.load_state_dict(load_editor(device="cpu").transformer.state_dict(), strict=False)
    fit = setting.world.editor
    held_out = held_out_world(setting, assets)
    pairs = list_test_pairs(setting, held_out)
    cases = [held_out.to_case(pair) for pair in pairs]
    objective = SubjectObjective(base.vae, texts, seed, subject_config(setting))
    training = Training(editor, fit, checkpoint, checkpoint_every=min(CHECKPOINT_STEPS, max(1, fit.steps // 4)))
    batches = Batches(training_world(setting, assets, seed), fit, setting.world).after(training.done)
    counts = setting.shown if get_supported_conditions(editor).captions else setting.shown[:1]
    answers: list[Image] = []
    for done in training.steps(batches, partial(objective.of_editor, editor)):
        if done in evaluation_steps(setting.world):
            with training.ema_weights():
                for shown in counts:
                    answers = edit_with(editor, base, texts, pairs, setting, shown)
                    facts = {"editor": architecture, "seed": seed, "shown": shown, "loss": training.loss}
                    facts["samples"] = done * fit.batch_size
                    training.records.append(facts | measure_all(cases, answers))
    write_results(folder, training.records, answers or edit_with(editor, base, texts, pairs, setting, counts[-1]))
    editor.cpu().save_pretrained(folder / "transformer")


def measure_all(cases: Sequence[SubjectCase], answers: Sequence[Image]) -> dict[str, list[float]]:
    """Return each measure of all outputs, in order."""
    rows = [measure_subject(case, answer) for case, answer in zip(cases, answers, strict=True)]
    return {name: [round(row[name], 5) for row in rows] for name in MEASURES}


if __name__ == "__main__":
    run_program(main)
