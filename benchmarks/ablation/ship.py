"""Put a trained editor of the experiment into the package, in half precision, with its card.

    snakemake --snakefile benchmarks/ablation/Snakefile --cores 2 --config setting=shipped
    python -m benchmarks.ablation.ship --steps 2

The text encoder stays out: MiniLM comes from its own package.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.settings import SETTINGS, Setting
from benchmarks.ablation.world import TASKS, TURNS
from omniedit.errors import run_program
from omniedit.files import replaced
from omniedit.models.codec import LappedCodec
from omniedit.models.editnet import EditNet
from omniedit.models.shipped import FOLDER, SAMPLING
from omniedit.reporting.card import markdown

CARD = Path(__file__).parent / "card.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", choices=SETTINGS, default="shipped")
    parser.add_argument("--steps", type=int, required=True, help="of sampling, the editor's own from now on")
    parser.add_argument("--results", type=Path, default=Path("results/ablation"))
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args()
    setting, unit = SETTINGS[args.setting], args.results / args.setting / "units/editnet-filtered-0"
    network = EditNet.from_pretrained(unit / "transformer", local_files_only=True)
    measured = [json.loads(line) for line in (unit / "measures.jsonl").read_text().splitlines()]
    with replaced(args.out) as folder:
        network.to(torch.float16).save_pretrained(folder / "transformer")
        LappedCodec().save_pretrained(folder / "vae")
        FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
        (folder / SAMPLING).write_text(json.dumps(sampling(setting, args.steps), indent=1) + "\n")
        assets = Assets.load(args.results / "assets.npz")
        (folder / "README.md").write_text(card(setting, assets, measured, args.steps, network.num_parameters()))


def sampling(setting: Setting, steps: int) -> dict[str, Any]:
    """Arguments of `EditPipeline`."""
    return {
        "resolution": setting.size,
        "num_inference_steps": steps,
        "guidance_scale": setting.text_scale,
        "image_guidance_scale": setting.image_scale,
    }


def card(setting: Setting, assets: Assets, measured: list[dict[str, Any]], steps: int, parameters: int) -> str:
    """The card of the editor that ships, from what was measured of it last."""
    seen = max(row["samples"] for row in measured)
    last = {row["task"]: row for row in measured if row["samples"] == seen and row["sampling_steps"] == steps}
    turns = setting.turns or tuple(task.value for task in TURNS)
    rows = [
        [task.label, f"{turns.count(task) / len(turns):.0%}", f"{_success(last[task]):.0%}", _psnr(last[task])]
        for task in TASKS
    ]
    training = assets.half(held_out=False)
    return CARD.read_text().format(
        parameters=parameters / 1e6,
        size=setting.size,
        table=markdown(["Task", "Share of training", "Success", "PSNR outside the mask (dB)"], rows),
        pairs=setting.pairs_per_task,
        steps=steps,
        seen=seen,
        cut_outs=len(training.names),
        photos=len(training.photos),
        base_steps=setting.base.steps,
        base_batch=setting.base.batch_size,
        editor_steps=setting.editor.steps,
        editor_batch=setting.editor.batch_size,
        rate=setting.editor.learning_rate,
    )


def _success(row: dict[str, Any]) -> float:
    return sum(left < 0.5 for left in row["left_over"]) / len(row["left_over"])


def _psnr(row: dict[str, Any]) -> str:
    known = [value for value in row["psnr"] if value is not None]
    return f"{sum(known) / len(known):.1f}" if known else "-"


if __name__ == "__main__":
    run_program(main)
