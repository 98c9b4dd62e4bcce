"""Draw the README's image: photos that were not in the training data, edited by the editor that ships.

python -m benchmarks.ablation.picture --out docs/edits.jpg
"""

import argparse
from pathlib import Path

import numpy as np
import PIL.Image
import torch

from benchmarks.ablation.sheet import save_sheet
from omniedit.models.loading import load_editor
from omniedit.run.program import run_program
from omniedit.sources.photo_index import SAMPLE

CELL = (2.4, 1.75)
SHOWN = {
    "mountain_meadow.jpg": ("Make it night.", "Add thick fog.", "Turn it into a pencil drawing.", "Make it sunset."),
    "dandelion.jpg": (
        "Make the dandelion red.",
        "Change the background to a hill at sunrise.",
        "Make it autumn.",
        "Make it an old sepia photo.",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    editor = load_editor(device="cpu")
    rows = []
    for name, instructions in SHOWN.items():
        photo = PIL.Image.open(SAMPLE / name).convert("RGB")
        row = [("the photo", np.asarray(photo))]
        for instruction in instructions:
            generator = torch.Generator().manual_seed(0)
            row.append((instruction, np.asarray(editor(photo, instruction, generator=generator).images[0])))
        rows.append(row)
    save_sheet(args.out, rows, CELL)


if __name__ == "__main__":
    run_program(main)
