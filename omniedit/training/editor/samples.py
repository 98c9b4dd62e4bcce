"""Sample edits of held-out pairs to view during training: a grid with one pair per row."""

import math
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont, ImageOps
from torch import nn

from omniedit.buckets.references import reference_captions
from omniedit.buckets.store import BucketStore
from omniedit.imaging.images import Image
from omniedit.models.instruction_warnings import InstructionWarning
from omniedit.models.pipeline import EditPipeline
from omniedit.models.pipeline_conditions import call_arguments
from omniedit.training.flow_batches import choose_held_out_pairs

SAMPLES = 4
MAX_KNOWN_INSTRUCTIONS = 256
"""Maximum number of instructions saved with an editor, which warns if a new instruction is unlike all of them."""
CELL = 256
"""Side of a grid cell in pixels."""
GAP = 8
CHARACTERS_PER_LINE = 26
"""Characters per line of an instruction."""


class SampleEdit(NamedTuple):
    """Edit of a held-out pair, with the pair itself."""

    source: Image
    instruction: str
    edit: Image
    target: Image
    references: tuple[Image, ...] = ()


def sample_instructions(store: BucketStore) -> str:
    """Return instructions of evenly spaced training pairs, one per line."""
    columns = [store.pairs(ratio).column("instructions").to_pylist() for ratio, count in store.sizes().items() if count]
    texts = sorted({" ".join(texts[0].split()) for column in columns for texts in column if texts})
    return "\n".join(texts[:: math.ceil(len(texts) / MAX_KNOWN_INSTRUCTIONS) or 1])


def sample_edits(pipeline: EditPipeline, store: BucketStore, seed: int) -> Iterator[SampleEdit]:
    """Yield edits of the same held-out pairs from the same noise at each call, with their first instruction.

    Every rank computes every edit, because under ZeRO 3 no rank has all the weights.
    """
    pipeline.set_progress_bar_config(disable=True)
    for index, (ratio, row) in enumerate(choose_held_out_pairs(store, SAMPLES)):
        pairs = store.read(ratio, [row])
        instruction = pairs.pairs[0]["instructions"][0]
        references = pairs.references[0] if pairs.references else ()
        noise = torch.Generator().manual_seed(seed + index)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InstructionWarning)  # an untrained editor changes little
            captions = reference_captions(pairs.pairs[0])[: len(references)]
            more = call_arguments(pipeline.takes, [references], [pairs.pairs[0]["task"]], [captions])
            source = Pil.fromarray(pairs.source[0])
            edit = pipeline(image=source, instruction=instruction, generator=noise, **more).images[0]
        yield SampleEdit(pairs.source[0], instruction, np.asarray(edit), pairs.edited[0], references)


def with_encoders_on(
    device: torch.device, pipeline: EditPipeline, samples: Callable[[], Iterable[SampleEdit]]
) -> Iterator[SampleEdit]:
    """Yield sample edits with the pipeline's codec and text encoders on a device, and then move them to the host."""
    network = pipeline.transformer
    parts = [part for part in pipeline.components.values() if isinstance(part, nn.Module) and part is not network]
    try:
        for part in parts:
            part.to(device)
        yield from samples()
    finally:
        for part in parts:
            part.to("cpu")


def grid(samples: Iterable[SampleEdit]) -> Image:
    """Return an image with a row per sample: source, instruction, edit, target, then its references."""
    rows = [
        (_cell(s.source), _lines(s.instruction), _cell(s.edit), _cell(s.target), *map(_cell, s.references))
        for s in samples
    ]
    step = CELL + GAP
    sheet = Pil.new("RGB", (max(map(len, rows)) * step - GAP, len(rows) * step - GAP), "white")
    for y, cells in enumerate(rows):
        for x, cell in enumerate(cells):
            sheet.paste(cell, (x * step, y * step))
    return np.asarray(sheet)


def _cell(image: Image) -> Pil.Image:
    return ImageOps.pad(Pil.fromarray(image), (CELL, CELL), color="white")


def _lines(text: str) -> Pil.Image:
    cell = Pil.new("RGB", (CELL, CELL), "white")
    wrapped = "\n".join(textwrap.wrap(text, CHARACTERS_PER_LINE))
    ImageDraw.Draw(cell).multiline_text(
        (CELL / 2, CELL / 2), wrapped, "black", ImageFont.load_default(17), anchor="mm", align="center"
    )
    return cell
