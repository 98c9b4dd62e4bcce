"""Signature of a pair: one row with all measurements that the gates need, from one read of the pair.

Rows of a shard are a Parquet table of `SIGNATURES_SCHEMA`. Gates that look at one pair need only its row; gates that
compare pairs need the rows of all shards (`gates.py`).
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from omniedit.imaging.images import Image
from omniedit.instructions.stemming import stems
from omniedit.pairs import EditPair
from omniedit.quality.alignment import align
from omniedit.quality.change_map import ChangeMap
from omniedit.quality.hashes import HASH_BYTES, hash_change, hash_image, is_plain
from omniedit.quality.mislabelled import doubt_label
from omniedit.quality.swapped_by_content import find_clues
from omniedit.storage.seeded_random import hash_number

DIGEST_BYTES = 16
SIGNATURES_SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("task", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("instruction", pa.uint64()),
        ("source_digest", pa.binary(DIGEST_BYTES)),
        ("edited_digest", pa.binary(DIGEST_BYTES)),
        ("source_hash", pa.binary(HASH_BYTES)),
        ("edited_hash", pa.binary(HASH_BYTES)),
        ("change_hash", pa.uint64()),
        ("change_levels", pa.list_(pa.float32(), 4)),
        ("plain", pa.bool_()),
        ("largest_change", pa.float32()),
        ("changed_share", pa.float32()),
        ("shift_x", pa.float32()),
        ("shift_y", pa.float32()),
        ("scale", pa.float32()),
        ("displacement", pa.float32()),
        ("alignment", pa.float32()),
        ("alignment_error", pa.float32()),
        ("swapped", pa.float32()),
        ("swap_clues", pa.string()),
        ("label_doubt", pa.string()),
        ("session", pa.string()),
        ("turn", pa.int32()),
    ]
)
"""Columns of a signatures table. Digests are of decoded pixels; `instruction` is a hash of its words' stems. Hashes are
perceptual; `plain` says that an image has too little contrast for one. `largest_change` is that of the mean of 24 x 24
pixels, 0-255. `alignment` is the confidence of shift (pixels), scale and `displacement` (of the farthest corner,
pixels), and `alignment_error` the standard error of the latter. `swapped` is a log-odds, the sum of `swap_clues`.
`session` and `turn` are null outside multi-turn data."""


def sign_pair(pair: EditPair) -> dict[str, Any]:
    """Return a row of `SIGNATURES_SCHEMA`."""
    height, width = pair.source.shape[:2]
    change, alignment = ChangeMap.measure(pair.source, pair.edited), align(pair.source, pair.edited)
    bits, levels = hash_change(pair.source, pair.edited)
    doubt = doubt_label(pair.task, pair.instruction, change)
    return {
        "pair_id": pair.pair_id,
        "task": str(pair.task),
        "width": width,
        "height": height,
        "instruction": hash_instruction(pair.instruction),
        "source_digest": digest_pixels(pair.source),
        "edited_digest": digest_pixels(pair.edited),
        "source_hash": hash_image(pair.source),
        "edited_hash": hash_image(pair.edited),
        "change_hash": bits,
        "change_levels": levels.tolist(),
        "plain": is_plain(pair.source) or is_plain(pair.edited),
        "largest_change": change.largest,
        "changed_share": change.share,
        "shift_x": alignment.dx,
        "shift_y": alignment.dy,
        "scale": alignment.scale,
        "displacement": alignment.displacement(width, height),
        "alignment": alignment.confidence,
        "alignment_error": alignment.error,
        "label_doubt": doubt,
        "session": pair.session,
        "turn": pair.turn,
        **_sign_direction(pair, doubt),
    }


def sign_pairs(pairs: Iterable[EditPair]) -> Iterator[dict[str, Any]]:
    """Yield the row of each pair, in order; one pair is in memory."""
    return (sign_pair(pair) for pair in pairs)


def _sign_direction(pair: EditPair, doubt: str) -> dict[str, Any]:
    """Return the clues about the direction. The task selects the clues, so there are none if the task is uncertain."""
    if doubt:
        return {"swapped": 0.0, "swap_clues": ""}
    captions = pair.captions.source or "", pair.captions.edited or ""
    clues = list(find_clues(pair.source, pair.edited, pair.mask, pair.task, pair.instruction, captions))
    listed = "; ".join(f"{clue.name} {clue.log_odds:+.1f}" for clue in clues)
    return {"swapped": sum(clue.log_odds for clue in clues), "swap_clues": listed}


def digest_pixels(image: Image) -> bytes:
    """Return 16 bytes of the SHA-256 of an image's size and pixels; the file format does not matter."""
    digest = hashlib.sha256(np.array(image.shape, np.int64).tobytes())
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()[:DIGEST_BYTES]


def hash_instruction(instruction: str) -> int:
    """Return 64 bits of a digest of the stems of an instruction's words; case and inflection do not matter."""
    return hash_number(" ".join(stems(instruction)))
