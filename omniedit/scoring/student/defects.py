"""Known defects that are added to a good pair and that a judge must recognise.

A defect depends only on the pair and its pair_id (a wrong instruction also on its shard), so it can be reproduced from
the candidates. Any change of a defect must increase `DEFECTS_VERSION`. Its strength varies from pair to pair, because a
judge must distinguish degrees: a weak defect just causes a good edit to be rejected, a strong one ruins it. A defect
that does not apply to a task is None; a global edit, for example, cannot be in the wrong place.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace

import cv2
import numpy as np

from omniedit.imaging.color import image_to_lab
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import overlap
from omniedit.pairs import EditPair, Shard
from omniedit.scoring.reference.visible_faults import MASKED_BY_OUTLINE
from omniedit.tasks import Task, equivalent_task

ROWS_TRIED = 16
"""Number of rows to try for the instruction of another edit. The limit keeps a uniform shard from being read to its
end."""
NO_DEFECT = ""
WRONG_INSTRUCTION = "wrong_instruction"


def apply_defect(shard: Shard, row: int, defect: str) -> EditPair | None:
    """Return a row's pair with a defect of `DEFECTS`, or unchanged for `NO_DEFECT`; None if the pair cannot have this
    defect.

    The images are those of the row. A wrong instruction comes from another row of the same shard, with its truth.
    """
    pair = shard[row]
    if defect == NO_DEFECT:
        return pair
    if defect == WRONG_INSTRUCTION:
        return _wrong_instruction(shard, row, pair, _generator(pair, defect))
    return spoil_image(pair, defect)


def spoil_image(pair: EditPair, defect: str) -> EditPair | None:
    """Return a pair with a defect of `IMAGE_DEFECTS` in its edited image, or None if the pair cannot have this
    defect.
    """
    edited = IMAGE_DEFECTS[defect](pair, _generator(pair, defect))
    return None if edited is None else replace(pair, edited=edited)


def _generator(pair: EditPair, defect: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(f"{pair.pair_id}|{defect}".encode()))


def _wrong_place(pair: EditPair, rng: np.random.Generator) -> Image | None:
    """Move the edited region by about half the image. The intended place shows the source."""
    if pair.mask is None:
        return None
    height, width = pair.mask.shape
    shift = round(height * rng.uniform(0.35, 0.65)), round(width * rng.uniform(0.35, 0.65))
    moved = np.roll(pair.mask, shift, axis=(0, 1))
    edited = pair.source.copy()
    edited[moved] = np.roll(pair.edited, shift, axis=(0, 1))[moved]
    return edited


def _over_editing(pair: EditPair, rng: np.random.Generator) -> Image | None:
    """Shift the colours of the whole image for a local edit, or warp the shapes for a global edit."""
    if pair.is_local:
        shift = rng.choice([-1, 1], 3) * rng.uniform([6, 4, 4], [16, 12, 12]) * _strength(rng, 0.3, 1)
        return _from_lab(image_to_lab(pair.edited) + shift.astype(np.float32))
    return _warp(pair.edited, rng, amplitude=_strength(rng, 0.02, 0.04))


def _blur(pair: EditPair, rng: np.random.Generator) -> Image | None:
    height, width = pair.edited.shape[:2]
    unit = max(1.0, (height * width) ** 0.5 / 512)
    blurred = cv2.GaussianBlur(pair.edited, (0, 0), _strength(rng, 1, 4) * unit)
    return _inside(pair, np.asarray(blurred, np.uint8))


def _noise(pair: EditPair, rng: np.random.Generator) -> Image | None:
    noise = rng.normal(0, _strength(rng, 9, 30), pair.edited.shape)
    return _inside(pair, np.clip(pair.edited + noise, 0, 255).astype(np.uint8))


def _blocks(pair: EditPair, rng: np.random.Generator) -> Image | None:
    """Compress the edited image as a low-quality JPEG, whose blocks are visible."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, round(_strength(rng, 20, 4))]
    jpeg = cv2.imencode(".jpg", pair.edited, quality)[1]
    return _inside(pair, np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8))


def _seam(pair: EditPair, rng: np.random.Generator) -> Image | None:
    """Make the edited region lighter or darker up to a hard edge; None if the mask follows an object's outline."""
    if pair.mask is None or equivalent_task(pair.task) in MASKED_BY_OUTLINE:
        return None
    lab = image_to_lab(pair.edited)
    lab[..., 0] += rng.choice([-1, 1]) * _strength(rng, 9, 25)
    return _inside(pair, _from_lab(lab))


def _wrong_instruction(shard: Shard, row: int, pair: EditPair, rng: np.random.Generator) -> EditPair | None:
    """Return the row's images with the instruction, truth and mask of another row; None if none of the rows tried is
    suitable.

    The background of an image cannot be measured, so a background swap has no known wrong instruction. Nor has a pair
    without a truth, because another instruction may ask for the same edit.
    """
    own = pair.provenance.get("truth")
    if equivalent_task(pair.task) is Task.BACKGROUND_SWAP or own is None:
        return None
    own_request = _request(own)
    for other in rng.permutation(len(shard))[:ROWS_TRIED]:
        truth = _request(shard.provenance(int(other)).get("truth") or {})
        if not truth or truth == own_request or shard.tasks[other] != pair.task:
            continue
        other_mask = shard.mask(int(other))
        mask = None if other_mask is None else _resize_mask(other_mask, pair.source)
        if mask is not None and pair.mask is not None and _may_match(pair, pair.mask, truth, mask):
            continue
        provenance = pair.provenance | {"truth": truth}
        return replace(pair, instructions=shard.instructions(int(other)), mask=mask, provenance=provenance)
    return None


def _request(truth: Mapping[str, object]) -> dict[str, object]:
    """Return the request in a truth, without the flag that marks the edit of its own row as mistaken."""
    return {name: value for name, value in truth.items() if name != "mistaken"}


def _may_match(pair: EditPair, done: Mask, truth: Mapping[str, object], requested: Mask) -> bool:
    """Return whether the edit may fulfil another truth by chance: a change at nearly the same place, or to the same
    colour.
    """
    return bool(overlap(requested, done) > 0.3 and truth.get("value") == pair.provenance["truth"].get("value"))


IMAGE_DEFECTS: Mapping[str, Callable[[EditPair, np.random.Generator], Image | None]] = {
    "no_change": lambda pair, _: pair.source.copy(),
    "wrong_place": _wrong_place,
    "over_editing": _over_editing,
    "blur": _blur,
    "noise": _noise,
    "blocks": _blocks,
    "seam": _seam,
}

DEFECTS = (*IMAGE_DEFECTS, WRONG_INSTRUCTION)
"""Names of the defects, as in the teacher's files."""


def _inside(pair: EditPair, edited: Image) -> Image:
    """Return the changed image inside the mask and the pair's own image outside."""
    return edited if pair.mask is None else np.where(pair.mask[..., None], edited, pair.edited)


def _strength(rng: np.random.Generator, weakest: float, strongest: float) -> float:
    """Draw a strength between two values, uniform on a log scale."""
    return float(weakest * (strongest / weakest) ** rng.random())


def _from_lab(lab: np.ndarray) -> Image:
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255 + 0.5, 0, 255).astype(np.uint8)


def _warp(image: Image, rng: np.random.Generator, amplitude: float) -> Image:
    """Bend shapes by smooth random displacements of about `amplitude` of the image's side."""
    height, width = image.shape[:2]
    coarse = rng.normal(0, amplitude * (height * width) ** 0.5, (2, 6, 6)).astype(np.float32)
    dx, dy = (cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC) for field in coarse)
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    return cv2.remap(image, xs + dx, ys + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT).astype(
        np.uint8, copy=False
    )


def _resize_mask(mask: Mask, like: Image) -> Mask:
    height, width = like.shape[:2]
    return cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
