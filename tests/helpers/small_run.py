"""Small run for tests of browsing: a finished shard, one without scores, and an imported one of mixed tasks."""

import io
from pathlib import Path

import numpy as np
import PIL.Image

from omniedit.pairs import Captions, EditPair, EncodedPair, Reference, write_shard
from omniedit.scoring.filter import DECISIONS_SCHEMA
from omniedit.scoring.score_table import SCORES_SCHEMA
from omniedit.storage.parquet import write_rows
from omniedit.tasks import Task

HOSTILE = "<img src=x onerror=alert(1)> & \"quotes\" 'more' </script>"
SCORES = (9.5, 4.0, None, 10.0)
REASONS = ("kept", "below threshold", "unscorable", "duplicate of swap-0")
TASK, IMPORTED = Task.OBJECT_SWAP, Task("visual_depth")


def make_run(root: Path) -> Path:
    """Write results/small with 4 decided pairs, 2 without scores, and 3 imported ones; return its folder."""
    run = root / "results/small"
    write_shard(run / "candidates/object_swap/00000.h5", TASK, "embedded", 0, [make_pair(n) for n in range(4)])
    undecided = [make_pair(n, "style", Task.STYLE_TRANSFER, masked=False) for n in range(2)]
    write_shard(run / "candidates/style_transfer/00000.h5", Task.STYLE_TRANSFER, "embedded", 0, undecided)
    write_shard(run / "candidates/my_set/00000.h5", Task("my_set"), "my_set", 0, make_imported())
    write_decided(run, "object_swap")
    return run


def make_pair(n: int, name: str = "swap", task: Task = TASK, masked: bool = True) -> EditPair:
    """Return a pair of 60 x 40 pixels with colours of its own: red grows with n, a local edit is blue."""
    source = np.full((40, 60, 3), (50 * n, 10, 0), np.uint8)
    mask = np.zeros((40, 60), bool)
    mask[10:20, 30:45] = True
    edited = np.where(mask[..., None], np.array([0, 0, 200], np.uint8), source) if masked else 255 - source
    provenance = {"source_id": f"photo{n % 2}", "ratio": "3x2", "author": HOSTILE, "seed": 0}
    instructions = (f"Edit {n} of {name}.", "Another text.")
    return EditPair(f"{name}-{n}", task, instructions, source, edited, mask if masked else None, provenance)


def make_imported() -> list[EncodedPair]:
    """Return pairs with image files of several formats, hostile texts, references, a session and imported scores."""
    images = [encode(format, 200) for format in ("JPEG", "TIFF", "WEBP")]
    return [
        EncodedPair(
            f"import/{n}",
            (TASK, IMPORTED, IMPORTED)[n],
            (HOSTILE,),
            image,
            image,
            None,
            {"source_id": f"row {n}"},
            references=(Reference("depth", images[0]), Reference("../subject", images[2])),
            captions=Captions("A red wall", HOSTILE),
            session="chat 1",
            turn=n + 1,
            imported_scores={"clip": 0.25, "note": HOSTILE},
        )
        for n, image in enumerate(images)
    ]


def encode(format: str, red: int) -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (64, 48), (red, 0, 0)).save(file, format)
    return file.getvalue()


def write_decided(run: Path, folder: str) -> None:
    """Write scores and decisions of the four pairs of object_swap."""
    scores, decisions = [], []
    for n, (score, reason) in enumerate(zip(SCORES, REASONS, strict=True)):
        pair_id, judge = f"swap-{n}", {"judge": "reference", "prompt_hash": "abc", "judge_version": "1"}
        sub_scores = dict.fromkeys(("sc_score_1", "sc_score_2", "pq_score", "o_score"), score)
        status = {"status": "unscorable" if score is None else "scored", "reasoning": f"Because of {n}. {HOSTILE}"}
        scores.append({"pair_id": pair_id, **judge, **sub_scores, **status})
        decided = {"kept": reason == "kept", "reason": reason, "o_score": score, "row": n, "ratio": "3x2"}
        decisions.append({"pair_id": pair_id, **decided, "task": str(TASK)})
    write_rows(run / f"scores/{folder}/00000.parquet", scores, SCORES_SCHEMA)
    write_rows(run / f"decisions/{folder}/00000.parquet", decisions, DECISIONS_SCHEMA)
    write_rows(run / "decisions/gathered/00000.parquet", decisions, DECISIONS_SCHEMA)
