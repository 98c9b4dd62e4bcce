"""Make the inputs of `config/smartedit.yaml`: rendered photos, segmentation, questions, and a small language model.

    python -m benchmarks.smartedit.make_inputs --out data/smartedit

The language model is a Qwen2.5-VL with random weights: it shows that the chain runs, and it understands nothing.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.ablation.effects import paint_cutout
from benchmarks.complex_instructions import HEIGHT, WIDTH, draw_scene
from benchmarks.random_vlms import make_qwen25
from benchmarks.smartedit.world import PAINTS, TOOLS, draw_tool, make_row
from omniedit.imaging.color import to_bytes, to_float
from omniedit.imaging.images import Image, decode_image, encode_png, resize_cover
from omniedit.run.program import run_program
from omniedit.sources.photo_index import SAMPLE
from omniedit.storage.atomic import replace_file

LICENCE = "CC0-1.0"
SEED = 312
TOOL_SIDES = (90, 130)
"""Range of a tool's side in pixels."""
MASK_SCALE = 6
"""Factor by which small scenes are enlarged, so that they are as large as photos."""
Listing = list[dict[str, Any]]


def draw_photo(index: int) -> tuple[Image, Listing]:
    """Return a photo and its named objects: several of a kind, or different tools."""
    rng = np.random.default_rng([SEED, index])
    grounds = [resize_cover(decode_image(file.read_bytes(), file.name), WIDTH, HEIGHT) for file in _grounds(rng)]
    if index % 2:
        return _draw_tools(grounds[0], rng)
    image, items, _ = draw_scene(grounds, {}, rng)
    return image, [{"name": item.noun, "box": [round(edge, 4) for edge in item.box]} for item in items]


def _grounds(rng: np.random.Generator) -> list[Path]:
    return [sorted(SAMPLE.glob("*.jpg"))[int(rng.integers(9))]]


def _draw_tools(ground: Image, rng: np.random.Generator) -> tuple[Image, Listing]:
    image, listing = to_float(ground), []
    for place, noun in enumerate(rng.choice(TOOLS, 3, replace=False)):
        side = int(rng.integers(*TOOL_SIDES))
        left = WIDTH * (2 * place + 1) // 6 - side // 2
        top = int(rng.integers(HEIGHT // 4, HEIGHT - side - 4))
        piece = paint_cutout(draw_tool(str(noun), side), str(rng.choice(PAINTS)))
        rows, columns = np.nonzero(piece[..., 3] > 0.5)
        box = (left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1)
        there = np.s_[top : top + side, left : left + side]
        image[there] = image[there] * (1 - piece[..., 3:]) + piece[..., :3]
        edges = [round(float(edge / length), 4) for edge, length in zip(box, (WIDTH, HEIGHT) * 2, strict=True)]
        listing.append({"name": str(noun), "box": edges})
    return to_bytes(image), listing


def write_photos(folder: Path, number: int) -> None:
    folder.mkdir()
    lines = []
    for index in range(number):
        image, objects = draw_photo(index)
        (folder / f"{index:03d}.png").write_bytes(encode_png(image))
        lines.append({"file": f"{index:03d}.png", "licence": LICENCE, "objects": objects})
    (folder / "photos.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_segmentation(folder: Path, number: int) -> None:
    """Write referring expressions with their regions, in RefCOCO's form."""
    folder.mkdir()
    rows = []
    for index in range(number):
        row = make_row("complex", SEED, index, held_out=True)
        phrase = row.text.rstrip(".").split(" the ", 1)[1]
        for ending in (" white", " black", " away"):
            phrase = phrase.removesuffix(ending)
        image, mask = _enlarge(row.source), _enlarge(row.masks[row.meant].astype(np.uint8))
        (folder / f"{index:03d}.png").write_bytes(encode_png(image))
        region = {"counts": run_lengths(mask), "size": list(mask.shape)}
        about = {"ref_id": index, "sentences": [phrase], "file_name": f"{index:03d}.png", "segmentation": region}
        rows.append(about | {"height": mask.shape[0], "width": mask.shape[1]})
    (folder / "expressions.json").write_text(json.dumps(rows))


def write_questions(folder: Path, number: int) -> None:
    """Write questions and answers in LLaVA's form."""
    folder.mkdir()
    rows = []
    for index in range(number):
        row = make_row("question", SEED, index)
        (folder / f"{index:03d}.png").write_bytes(encode_png(row.source))
        turns = [{"from": "human", "value": f"<image>\n{row.text}"}, {"from": "gpt", "value": f"{row.answer}."}]
        rows.append({"id": str(index), "image": f"{index:03d}.png", "conversations": turns})
    (folder / "questions.json").write_text(json.dumps(rows))


def run_lengths(mask: np.ndarray) -> list[int]:
    """Return COCO's uncompressed run lengths of a mask: column by column, beginning with the pixels outside."""
    flat = np.concatenate([[0], mask.ravel(order="F") > 0, [0]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(flat))
    lengths = np.diff(np.concatenate([[0], edges, [mask.size]]))
    return [int(length) for length in lengths]


def _enlarge(image: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(image, None, fx=MASK_SCALE, fy=MASK_SCALE, interpolation=cv2.INTER_NEAREST))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--rows", type=int, default=16, help="rows of segmentation, and of questions")
    args = parser.parse_args()
    with replace_file(args.out) as folder:
        folder.mkdir()
        write_photos(folder / "photos", args.photos)
        write_segmentation(folder / "segmentation", args.rows)
        write_questions(folder / "questions", args.rows)
        make_qwen25(folder / "language_model")


if __name__ == "__main__":
    run_program(main)
