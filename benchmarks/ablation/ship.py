"""Put a trained editor of the experiment into the package, in half precision, with its card.

    snakemake --snakefile benchmarks/ablation/Snakefile --cores 2 --config setting=portraits
    python -m benchmarks.ablation.ship --steps 2

The text encoder is not included, because MiniLM comes from its own package.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.effects import LIGHTS, STYLES
from benchmarks.ablation.settings import SETTINGS, Setting, trainings
from benchmarks.ablation.world import TASK_ORDER, TASKS
from omniedit.models.codec import LappedCodec
from omniedit.models.editnet import EditNet
from omniedit.models.shipped import FOLDER, SAMPLING
from omniedit.reporting.model_card import markdown
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.tasks import Task

THINGS = ("bear", "car", "flower", "cup", "chair", "dog")
BACKGROUNDS = ("a red bowl", "a forest stream", "a rocky path", "a hill at sunrise", "a living room")
COLOURS = ("red", "yellow", "green", "blue", "purple", "white")
GUIDED_RADIUS = 8
"""Chosen by eye among 4, 8 and 12: half of a token is 8 pixels."""
CARD = Path(__file__).parent / "card.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", choices=SETTINGS, default="portraits")
    parser.add_argument("--steps", type=int, required=True, help="sampling steps, which become the editor's default")
    parser.add_argument("--results", type=Path, default=Path("results/ablation"))
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args()
    setting, unit = SETTINGS[args.setting], args.results / args.setting / "units/editnet-filtered-0"
    network = EditNet.from_pretrained(unit / "transformer", local_files_only=True)
    measured = [json.loads(line) for line in (unit / "measures.jsonl").read_text().splitlines()]
    with replace_file(args.out) as folder:
        network.to(torch.float16).save_pretrained(folder / "transformer")
        LappedCodec().save_pretrained(folder / "vae")
        FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
        (folder / SAMPLING).write_text(json.dumps(sampling(setting, args.steps), indent=1) + "\n")
        assets = Assets.load(args.results / "assets.npz")
        stages = [SETTINGS[name] for name in trainings(args.setting)]
        (folder / "README.md").write_text(card(stages, assets, measured, args.steps, network.num_parameters()))


def sampling(setting: Setting, steps: int) -> dict[str, Any]:
    """Return the arguments of `EditPipeline`."""
    return {
        "resolution": setting.size,
        "num_inference_steps": steps,
        "guidance_scale": setting.text_scale,
        "image_guidance_scale": setting.image_scale,
        "guided_radius": GUIDED_RADIUS,
        "known_instructions": known_instructions(),
    }


def known_instructions() -> str:
    """Return instructions that the world covers, one per line: every effect and some of the local edits."""
    effects = [text for effects in (LIGHTS, STYLES) for _, texts in effects.values() for text in texts]
    colours = [
        text
        for thing, colour, other in zip(THINGS, COLOURS, COLOURS[::-1], strict=True)
        for text in (f"Make the {thing} {colour}.", f"Change the colour of the {thing} to {other}.")
    ]
    removals = [f"Remove the {thing}." for thing in THINGS[:3]]
    backgrounds = [
        text
        for place in BACKGROUNDS
        for text in (f"Change the background to {place}.", f"Replace the background with {place}.")
    ]
    return "\n".join([*effects, *colours, *removals, *backgrounds])


def card(
    stages: Sequence[Setting], assets: Assets, measured: Sequence[Mapping[str, Any]], steps: int, parameters: int
) -> str:
    """Return the card of the editor that ships, from its last measurements.

    Args:
        stages: settings in which the editor was trained, in order.
    """
    setting = stages[-1]
    seen = max(row["samples"] for row in measured)
    last = {row["task"]: row for row in measured if row["samples"] == seen and row["sampling_steps"] == steps}
    rows = [
        [task.label, f"{_share(task, stages):.0%}", f"{_success(last[task]):.0%}", _psnr(last[task])] for task in TASKS
    ]
    training = assets.half(held_out=False)
    trained = "; then ".join(
        f"{stage.editor.steps:,} steps of {stage.editor.batch_size} pairs, learning rate {stage.editor.learning_rate:g}"
        for stage in stages
    )
    return CARD.read_text().format(
        parameters=parameters / 1e6,
        size=setting.size,
        radius=GUIDED_RADIUS,
        places=", ".join(filter(None, training.places)),
        table=markdown(["Task", "Share of training", "Success", "PSNR outside the mask (dB)"], rows),
        pairs=setting.pairs_per_task,
        steps=steps,
        seen=sum(stage.editor.steps * stage.editor.batch_size for stage in stages),
        cut_outs=len(training.names),
        photos=len(training.photos),
        base_steps=stages[0].base.steps,
        base_batch=stages[0].base.batch_size,
        trained=trained,
    )


def _share(task: Task, stages: Sequence[Setting]) -> float:
    """Return the share of a task among the training pairs of all settings."""
    samples = [stage.editor.steps * stage.editor.batch_size for stage in stages]
    orders = [stage.task_order or tuple(TASK_ORDER) for stage in stages]
    of_task = (n * order.count(task) / len(order) for n, order in zip(samples, orders, strict=True))
    return sum(of_task) / sum(samples)


def _success(row: Mapping[str, Any]) -> float:
    return sum(left < 0.5 for left in row["left_over"]) / len(row["left_over"])


def _psnr(row: Mapping[str, Any]) -> str:
    known = [value for value in row["psnr"] if value is not None]
    return f"{sum(known) / len(known):.1f}" if known else "-"


if __name__ == "__main__":
    run_program(main)
