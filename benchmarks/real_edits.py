"""Collect real edits by people and by other editors from public repositories, as shards for `judge_preferences`.

    git clone https://github.com/OWNER/NAME CLONES/NAME     # each repository that real_edits.csv names
    python -m benchmarks.real_edits CLONES FOLDER

`real_edits.csv` names each edit: its set, repository, files, instruction and photo. The images belong to others and
stay out of this repository. The sets:

- magicbrush: edits of photos by people with an inpainting model (Zhang et al. 2023), as found in AURORA-Bench;
- actions: two frames of a video, or two photos, between which something was done (AURORA-Bench);
- figures: edits that the repositories of AnyEdit, Step1X-Edit, ACE, OmniGen, EditScore and MGIE show as examples.

The task is that of the instruction's verb: addition, removal, or change.
"""

import argparse
import csv
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from omniedit.imaging.images import Image, decode_image
from omniedit.pairs import EditPair, write_shard
from omniedit.run.program import run_program
from omniedit.scoring.student.word_roles import find_roles
from omniedit.tasks import Task

TABLE = Path(__file__).with_suffix(".csv")
SIDE = 512
"""Longer side of the images, in pixels."""
TASKS = {"add": "addition", "remove": "removal"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clones", type=Path, help="folder of the repositories")
    parser.add_argument("folder", type=Path, help="folder to write SET/TASK.h5 to")
    args = parser.parse_args()
    pairs = list(read_edits(args.clones))
    for name, task in sorted({(pair.provenance["specialist"], pair.task) for pair in pairs}):
        chosen = [pair for pair in pairs if (pair.provenance["specialist"], pair.task) == (name, task)]
        write_shard(args.folder / name / f"{task}.h5", task, name, 0, chosen)
        print(f"{name}, {task}: {len(chosen)} edits")


def read_edits(clones: Path) -> Iterator[EditPair]:
    """Yield the edits of the table. Those whose files a clone lacks are named and skipped."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            repository = clones / row["repository"].partition("/")[2]
            source, edited = (read_image(repository, row[name]) for name in ("source", "edited"))
            if source is None or edited is None:
                print(f"{row['repository']}: lacks {row['source']} or {row['edited']}")
                continue
            yield EditPair(
                pair_id=f"{row['set']}-{number:03d}",
                task=Task(TASKS.get(find_roles(row["instruction"]).operation, "change")),
                instructions=(row["instruction"],),
                source=source,
                edited=np.asarray(cv2.resize(edited, source.shape[1::-1], interpolation=cv2.INTER_AREA), np.uint8),
                mask=None,
                provenance={"source_id": row["photo"], "specialist": row["set"]},
            )


def read_image(repository: Path, path: str) -> Image | None:
    """Read an image of the newest commit of a repository and reduce it to `SIDE`; None if there is none."""
    command = ["git", "-C", str(repository), "show", f"HEAD:{path}"]
    content = subprocess.run(command, capture_output=True, check=False).stdout
    if not content:
        return None
    image = decode_image(content, path)
    scale = min(1.0, SIDE / max(image.shape[:2]))
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    run_program(main)
