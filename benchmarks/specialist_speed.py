"""Measure how fast learned specialists make pairs: each task, and diffusers' own pipeline on one image at a time.

    python -m benchmarks.specialist_speed  # tiny models, on a CPU: a smoke test
    python -m benchmarks.specialist_speed --full --out benchmarks/specialists.json  # published sizes, on a GPU
    python -m benchmarks.specialist_speed --full --tasks movement rotation_change --out ...  # single types of AnyEdit
    python -m benchmarks.specialist_speed --full --tasks object_removal --painter FluxFillPipeline --ratios 1x1

Weights are random, because speed does not depend on them. The timed part of a specialist is its `edit`, including
grounding: from a batch of photos to a batch of pairs. The peer calls the same pipeline once per image, with the same
steps and size, without grounding. diffusers has no prompt-to-prompt, so that peer makes source and edited image in one
call each, without any control. Rows are added to those in the file, which `omniedit plan` reads.
"""

import argparse
import gc
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PillowImage

from benchmarks.random_model_sizes import FULL, TINY
from benchmarks.random_models import Maker
from benchmarks.rehearsal_types import propose_types
from omniedit.aspect import RATIOS, bucket_size
from omniedit.config.schema import LearnedConfig
from omniedit.grounding.detector import Detections, Detector, Grounder, GroundingLimits, PhraseQuery, Segmenter
from omniedit.instructions.edit_proposals.table import CLASSES
from omniedit.models.roles import CLASSES as SERVING
from omniedit.models.roles import EDITING, GENERATION, GROUNDING, INPAINTING, PAINTERS, ROLES
from omniedit.models.roles import STYLE as STYLE_ROLES
from omniedit.run.program import run_program
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditRequest
from omniedit.specialists.learned.inpainter import KINDS, Inpainter
from omniedit.specialists.learned.paired_sampling import PIPELINES, PairSamplingOptions
from omniedit.specialists.learned.shared_models import Toolbox
from omniedit.specialists.learned.stylist import KINDS as INSTRUCTED
from omniedit.specialists.learned.stylist import Stylist
from omniedit.specialists.registry import LEARNED, class_at
from omniedit.storage.atomic import replace_file
from omniedit.tasks import ANYEDIT_TASKS, OMNIEDIT_TASKS, Task

PROMPTS = {"source_prompt": "the dog", "target_prompt": "the fog"}
FIELDS: dict[Task, dict[str, Any]] = {
    Task.OBJECT_SWAP: {"object": "dog", "new_object": "a dog"},
    Task.OBJECT_REMOVAL: {"object": "dog", "background": "grass"},
    Task.OBJECT_ADDITION: {"object": "dog", "background": "grass"},
    Task.ATTRIBUTE_MODIFICATION: {"object": "dog", "attribute": "colour", "value": "fog", **PROMPTS},
    Task.BACKGROUND_SWAP: {"object": "dog", "background": "grass"},
    Task.ENVIRONMENT_CHANGE: {"environment": "fog", "object": "dog", **PROMPTS},
    Task.STYLE_TRANSFER: {"style": "a sketch"},
}
STYLE = "StableDiffusionXLInstructPix2PixPipeline"
EASY = {*GROUNDING, INPAINTING, GENERATION, *STYLE_ROLES, EDITING}
MEASURED = [
    *OMNIEDIT_TASKS,
    *(task for task in ANYEDIT_TASKS if EASY.issuperset(ROLES[task]) and task not in ("counting", "relation")),
]
"""Tasks whose models are made here. `counting` and `relation` need another detector than the one here."""


class FindsOne(Detector):
    """Detector that runs in full and then returns the same box for each image, whatever the weights."""

    def detect(self, queries: Sequence[PhraseQuery], limits: GroundingLimits) -> list[Detections]:
        super().detect(queries, limits)
        return [Detections(torch.tensor([[0.3, 0.3, 0.7, 0.7]]), torch.tensor([0.9]))] * len(queries)


class OutlinesBoxes(Segmenter):
    """Segmenter that runs in full and then returns the box as the mask."""

    def masks(self, images: Sequence[np.ndarray], boxes: Sequence[torch.Tensor]) -> list[np.ndarray]:
        made = super().masks(images, boxes)
        for masks in made:
            height, width = masks.shape[1:]
            masks[:] = False
            masks[:, 3 * height // 10 : 7 * height // 10, 3 * width // 10 : 7 * width // 10] = True
        return made


class Bench:
    """Specialist with its models in memory.

    Args:
        kind: class of the pipeline that serves the task.
    """

    def __init__(self, task: Task, kind: str, maker: Maker, config: LearnedConfig) -> None:
        self.task, self.kind, self.config, self.device = task, kind, config, maker.device
        self.pipeline = maker.pipeline(kind)
        self.toolbox = Toolbox(config, maker.device)
        self.toolbox.grounder = Grounder(FindsOne(*maker.detector()), OutlinesBoxes(*maker.segmenter()))
        common: dict[str, Any] = {
            "batch_size": config.batch_size,
            "steps": config.steps,
            "resolution": config.resolution,
        }
        if EDITING in ROLES[task]:
            self.toolbox.editor = Stylist(self.pipeline, **common)
        elif "style" in ROLES[task]:
            self.toolbox.stylist = Stylist(self.pipeline, **common)
        elif INPAINTING in ROLES[task]:
            self.toolbox.inpainter = Inpainter(self.pipeline, **common)
        else:
            self.pipeline.vae.enable_slicing()
            self.toolbox.generator = self.pipeline
        proposal = CLASSES[task](
            **{"instructions": ["make it a sketch"]} | FIELDS.get(task, {}) | propose_for_dog(task)
        )
        names = [f"photo{place}" for place in range(config.batch_size)]
        self.specialist: Any = class_at(LEARNED[task])(self.toolbox, {name: [proposal] for name in names}, task)

    def row(self, ratio: str) -> dict[str, Any]:
        """Return the figures of one ratio: our pairs per second, the peer's, and our peak memory in GB (None on a
        CPU)."""
        requests = self.requests(ratio)
        seconds, peak = time_run(lambda: self.specialist.edit(requests), self.device)
        peer_seconds, _ = time_run(lambda: self._alone(requests[0].photo), self.device)
        return {
            "task": str(self.task),
            "model": self.kind,
            "ratio": ratio,
            "resolution": self.config.resolution,
            "steps": self.config.steps,
            "batch_size": self.config.batch_size,
            "pairs_per_s": round(len(requests) / seconds, 4),
            "peer_pairs_per_s": round(1 / peer_seconds, 4),
            "peak_gb": peak,
            "device": torch.cuda.get_device_name() if self.device == "cuda" else "cpu",
        }

    def requests(self, ratio: str) -> list[EditRequest]:
        """Return requests for a batch of photos of one ratio. Each photo has a different size, as real photos do."""
        self.specialist._offered.clear()
        rng = np.random.default_rng(0)
        photos = []
        for place in range(self.config.batch_size):
            width, height = (round(side * (1 + place / 8)) for side in bucket_size(ratio, self.config.resolution))
            photos.append(Photo(f"photo{place}", rng.integers(0, 255, (height, width, 3), np.uint8), ratio))
        return [self.specialist.propose(photo, np.random.default_rng(i)) for i, photo in enumerate(photos)]

    def _alone(self, photo: Photo) -> None:
        """Make one pair as a user of diffusers would."""
        height, width = photo.image.shape[:2]
        source, size = PillowImage.fromarray(photo.image), {"height": height, "width": width}
        if self.kind in INSTRUCTED:
            editor = self.toolbox.editor if EDITING in ROLES[self.task] else self.toolbox.stylist
            steps = {"num_inference_steps": editor.steps}
            self.pipeline(prompt=["make it a sketch"], image=[source], **size, **steps, **editor.scales)
        elif INPAINTING in ROLES[self.task]:
            inpainter = self.toolbox.inpainter
            steps, options = {"num_inference_steps": inpainter.steps}, dict(inpainter.kind.options)
            hole = PillowImage.new("L", (width, height), 255)
            self.pipeline(prompt=["grass"], image=[source], mask_image=[hole], **size, **steps, **options)
        else:
            steps = {"num_inference_steps": self.config.steps or PairSamplingOptions().steps}
            for prompt in PROMPTS.values():
                self.pipeline([prompt], guidance_scale=PairSamplingOptions().guidance, **size, **steps)


def time_run(run: Callable[[], Any], device: str) -> tuple[float, float | None]:
    """Return the seconds and peak memory in GB of a run, after a warm-up run."""
    run()
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    return seconds, round(torch.cuda.max_memory_allocated() / 1e9, 1) if device == "cuda" else None


def propose_for_dog(task: Task) -> dict[str, Any]:
    """Return the proposal of a type of AnyEdit for a photo of a dog; nothing for a task of OmniEdit."""
    return propose_types("dog").get(task, {})


def model_kind(task: Task, painter: str, generator: str) -> str:
    (role,) = set(PAINTERS) & set(ROLES[task])
    if role in ("style", EDITING):
        return SERVING[role][0]
    return painter if INPAINTING in ROLES[task] else generator


def merge_rows(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of both. A new row replaces an old one of the same configuration."""
    names = ("task", "model", "ratio", "resolution", "steps", "batch_size", "device")
    return list({tuple(row[name] for name in names): row for row in (*old, *new)}.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="published sizes at 1024 x 1024, on a GPU")
    parser.add_argument("--tasks", nargs="+", type=Task, choices=MEASURED, default=list(OMNIEDIT_TASKS))
    parser.add_argument("--ratios", nargs="+", choices=list(RATIOS), default=list(RATIOS))
    parser.add_argument("--painter", choices=list(KINDS), default="InpaintPipeline", help="default: the run's own")
    parser.add_argument("--generator", choices=list(PIPELINES), default="StableDiffusionXLPipeline")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, help="default: each model's own; 2 for the tiny ones")
    parser.add_argument("--out", type=Path, help="JSON file to add the rows to")
    args = parser.parse_args()
    steps = args.steps if args.full else args.steps or 2
    config = LearnedConfig(replies="", batch_size=args.batch, resolution=1024 if args.full else 64, steps=steps)
    maker = Maker(FULL, "cuda") if args.full else Maker(TINY, "cpu")
    print(f"{'task':<24}{'model':<42}{'ratio':<7}{'pairs/s':>9}{'diffusers, one by one':>23}{'ratio':>7}{'peak GB':>9}")
    for task in args.tasks:
        bench = Bench(task, model_kind(task, args.painter, args.generator), maker, config)
        for ratio in args.ratios:
            row = bench.row(ratio)
            faster = row["pairs_per_s"] / row["peer_pairs_per_s"]
            print(
                f"{row['task']:<24}{row['model']:<42}{ratio:<7}{row['pairs_per_s']:>9.3f}"
                f"{row['peer_pairs_per_s']:>23.3f}{faster:>7.2f}{row['peak_gb'] or '-':>9}",
                flush=True,
            )
            if args.out:
                old = json.loads(args.out.read_text()) if args.out.is_file() else []
                with replace_file(args.out) as temporary:
                    temporary.write_text(json.dumps(merge_rows(old, [row]), indent=1) + "\n")
        del bench
        gc.collect()
        torch.cuda.empty_cache()


if __name__ == "__main__":
    run_program(main)
