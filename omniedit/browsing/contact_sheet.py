"""Contact sheet of a run that may be half finished."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omniedit.browsing.run_files import ShardFiles, task_place
from omniedit.browsing.select import IndexQuery, select
from omniedit.errors import UserError
from omniedit.pairs import Shard
from omniedit.reporting.candidates import Candidate
from omniedit.storage.atomic import check_writable, replace_file
from omniedit.tasks import Task

MAX_TASKS = 60
"""Maximum number of tasks, each a row, that a sheet shows."""
TRIES = 500
"""Number of a task's best pairs to choose from, because several may be of the same photo."""


def draw_sheet(index: pa.Table, shards: Sequence[ShardFiles], path: Path) -> list[str]:
    """Write the sheet as JPEG: for each task the best pairs of different photos, accepted ones first.

    Returns:
        A message for each pair that cannot be read, and one for tasks that are left out.

    Raises:
        UserError: the sheet cannot be written, does not end with .jpg, or Matplotlib is not installed.
    """
    if path.suffix.lower() not in (".jpg", ".jpeg"):
        raise UserError(f"{path}: a contact sheet is a JPEG file; give a name that ends with .jpg")
    if find_spec("matplotlib") is None:
        raise UserError("Matplotlib is not installed; run: pip install 'omniedit[report]'")
    check_writable(path)
    from omniedit.reporting.contact_sheet import PAIRS_PER_TASK, contact_sheet

    problems: list[str] = []
    index = index.filter(pc.greater_equal(index["row"], 0))
    tasks = sorted(
        {str(name) for name in pc.unique(index["task"].cast(pa.string())).to_pylist()},
        key=lambda name: (task_place(name), name),
    )
    if not tasks:
        raise UserError(f"{path}: the run has no pairs to draw")
    best = {Task(name): _read_best(index, shards, name, PAIRS_PER_TASK, problems) for name in tasks[:MAX_TASKS]}
    if omitted := tasks[MAX_TASKS:]:
        problems.append(f"{path}: shows {MAX_TASKS} of {len(tasks)} tasks, without {', '.join(omitted[:5])}")
    with replace_file(path) as temporary:
        contact_sheet(best, [Task(name) for name in tasks[:MAX_TASKS]], temporary)
    return problems


def _read_best(
    index: pa.Table, shards: Sequence[ShardFiles], task: str, count: int, problems: list[str]
) -> list[Candidate]:
    """Return `count` pairs of a task with the highest scores, of different photos: rejected pairs after all others."""
    rows = select(index, IndexQuery(task=task, order="best"), {})
    rejected_N = np.array(pc.equal(index["kept"], False).fill_null(False).take(rows))
    ordered = index.take(rows[np.argsort(rejected_N, kind="stable")][:TRIES]).to_pylist()
    by_source = {row["source"]: row for row in reversed(ordered)}
    best: list[Candidate] = []
    for row in (row for row in ordered if by_source[row["source"]] is row):
        if len(best) == count:
            break
        try:
            best.append(_to_candidate(row, shards[row["shard"]].candidates))
        except UserError as error:
            problems.append(str(error))
    return best


def _to_candidate(row: dict[str, Any], path: Path) -> Candidate:
    """Return the values of a pair that the sheet needs; a pair without a decision counts as not rejected."""
    with Shard(path, keeps_last=False) as shard:
        shard.size(row["row"])  # raises here, not while drawing, if the image is damaged
        instruction = shard.instructions(row["row"])[0]
    return Candidate(
        task=Task(row["task"]),
        pair_id=row["pair_id"],
        source_id=row["source"],
        ratio=row["ratio"],
        shard=path,
        row=row["row"],
        sc_score_1=None,
        sc_score_2=None,
        pq_score=None,
        o_score=row["score"],
        reasoning="",
        instruction=instruction,
        thing="",
        judge=row["judge"],
        kept=row["kept"] is not False,
        reason=row["reason"],
    )
