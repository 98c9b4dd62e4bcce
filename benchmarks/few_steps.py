"""Measure how close edits in few steps come to edits in many steps, for each scheduler, with the editor that ships.

    python benchmarks/few_steps.py --images photos/ --steps 2,4,8

An edit in 64 Euler steps from the same noise is the reference. PSNR to this edit shows what fewer steps lose; it does
not show which edit looks better.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from omniedit.models.loading import load_editor
from omniedit.models.pipeline import EditPipeline
from omniedit.models.schedulers import SCHEDULERS, make_scheduler

INSTRUCTIONS = ("Make it night.", "Add thick fog.", "Turn it into black and white.", "Cover everything in snow.")
REFERENCE_STEPS = 64
LARGEST = 512
"""Longer side of the photos, which are scaled down."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder of photos")
    parser.add_argument("--model", type=Path, help="folder of the editor (default: the small shipped one)")
    parser.add_argument("--steps", default="2,4,8", help="numbers of steps, separated by commas")
    parser.add_argument("--count", type=int, default=4, help="number of photos")
    args = parser.parse_args()

    editor = load_editor(args.model)
    editor.set_progress_bar_config(disable=True)
    own = editor.scheduler
    photos = [Image.open(path).convert("RGB") for path in sorted(args.images.iterdir())[: args.count]]
    for photo in photos:
        photo.thumbnail((LARGEST, LARGEST))
    references = edit_all(editor, photos, REFERENCE_STEPS)
    print(f"{'scheduler':<12}{'steps':>6}{'PSNR to reference':>20}{'s an edit':>12}")
    for name in SCHEDULERS:
        editor.scheduler = make_scheduler(name, own)
        for steps in map(int, args.steps.split(",")):
            start = time.perf_counter()
            edits = edit_all(editor, photos, steps)
            seconds = (time.perf_counter() - start) / len(edits)
            closeness = statistics.mean(
                psnr(edit, reference) for edit, reference in zip(edits, references, strict=True)
            )
            print(f"{name:<12}{steps:>6}{closeness:>17.1f} dB{seconds:>12.2f}", flush=True)


def edit_all(editor: EditPipeline, photos: list[Image.Image], steps: int) -> list[np.ndarray]:
    """Return the edits of each photo by each instruction, from noise that depends only on the photo."""
    edits = []
    for number, photo in enumerate(photos):
        for instruction in INSTRUCTIONS:
            noise = torch.Generator().manual_seed(number)
            edited = editor(photo, instruction, steps, output_type="np", generator=noise).images[0]
            edits.append(np.asarray(edited))
    return edits


def psnr(image: np.ndarray, reference: np.ndarray) -> float:
    return float(-10 * np.log10(max(np.mean((image - reference) ** 2), 1e-10)))


if __name__ == "__main__":
    main()
