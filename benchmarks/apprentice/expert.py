"""Fine-tune an expert on each held-out subject's demonstrations, and test it on this subject's requests.

    python -m benchmarks.apprentice.expert --setting small --assets results/ablation/assets.npz \\
        --base results/apprentice/small/base --start results/apprentice/small/units/sequence_concat-0 --out experts

An expert starts from the editor without demonstrations, as DreamBooth's starts from the text-to-image model, and is
trained on the demonstrations as edits of their photographs. A killed job resumes with the missing subjects.
"""

import json
from functools import partial
from pathlib import Path
from shutil import rmtree

import numpy as np
import torch
from torch import nn

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.encoding import Texts
from benchmarks.ablation.learning import Objective, Training, prepare, write_results
from benchmarks.apprentice.learning import edit_with, held_out_world, list_test_pairs, subject_config
from benchmarks.apprentice.settings import SETTINGS, SubjectSetting
from benchmarks.apprentice.subjects import SubjectPair, demonstration_pairs
from benchmarks.apprentice.train import measure_all
from benchmarks.arguments import step_parser
from omniedit.imaging.images import Image
from omniedit.models.base import Base
from omniedit.models.editor import Editor
from omniedit.models.factory import editor_class
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.storage.progress import Progress


def main() -> None:
    args = step_parser(__doc__, SETTINGS, "--assets", "--base", "--start", "--out").parse_args()
    setting, base = SETTINGS[args.setting], Base.load(args.base)
    done = args.out.with_suffix(".subjects")
    with replace_file(args.out) as folder:
        folder.mkdir()
        run(setting, Assets.load(args.assets), base, args.start, folder, done)
    rmtree(done)


def run(setting: SubjectSetting, assets: Assets, base: Base, start: Path, folder: Path, done: Path) -> None:
    """Train and test all experts.

    Args:
        start: unit of the editor without demonstrations.
        done: folder of the answers of finished experts.
    """
    texts = prepare(base, setting.world)
    held_out = held_out_world(setting, assets)
    pairs = list_test_pairs(setting, held_out)
    done.mkdir(parents=True, exist_ok=True)
    answers: list[Image] = []
    with Progress("experts", total=setting.test_subjects) as progress:
        for subject in progress.over(range(setting.test_subjects)):
            file = done / f"{subject}.npz"
            if not file.exists():
                own = [pair for pair in pairs if pair.subject == subject]
                editor = editor_class(setting.none).from_pretrained(start / "transformer", local_files_only=True)
                nn.Module.to(editor, base.vae.device)
                checkpoint = done / f"{subject}.checkpoint.pt"
                fine_tune(editor, own[0], setting, base, texts, checkpoint)
                with replace_file(file) as temporary, temporary.open("wb") as opened:
                    np.savez_compressed(opened, answers=np.stack(edit_with(editor, base, texts, own, setting, 0)))
                checkpoint.unlink(missing_ok=True)
            answers += list(np.load(file)["answers"])
    facts = {"editor": "expert", "seed": 0, "shown": setting.demonstrations, "samples": 0}
    facts |= {"fit": json.dumps(vars(setting.expert))}
    write_results(folder, [facts | measure_all([held_out.to_case(pair) for pair in pairs], answers)], answers)


def fine_tune(
    editor: Editor, pair: SubjectPair, setting: SubjectSetting, base: Base, texts: Texts, checkpoint: Path
) -> None:
    """Fine-tune an editor on the demonstrations of a pair's subject, in place."""
    torch.manual_seed(pair.subject)
    fit, shown = setting.expert, demonstration_pairs(pair)
    batches = [
        [shown[(step * fit.batch_size + place) % len(shown)] for place in range(fit.batch_size)]
        for step in range(fit.steps)
    ]
    objective = Objective(base.vae, texts, pair.subject, subject_config(setting))
    training = Training(editor.train(), fit, checkpoint)
    training.fit(batches[training.done :], partial(objective.of_editor, editor))


if __name__ == "__main__":
    run_program(main)
