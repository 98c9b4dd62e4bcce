"""Section `grow` through the workflow: derived pairs are made from scored ones, scored in turn, and decided."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from helpers.chain import SMALL, copy_results, rules_to_run, snakemake
from helpers.vlm_server import Handler, completion, serving
from omniedit.pairs import Shard
from omniedit.tasks import OMNIEDIT_TASKS, Task

RUN = "results/small"
GROUPS = ("inverse", "composed", "recaptioned")
DECISIONS = [f"{RUN}/decisions/{group}/00000.parquet" for group in GROUPS]
VERDICT = '{"score": [8, 9, 7], "reasoning": "Fine."}'
ANSWER = {"changed": True, "task": "style_transfer", "instruction": "Turn the photo into a charcoal drawing."}


def configure(root: Path, url: str) -> None:
    writer, judge = ({"url": url, "model": model, "key_env": None} for model in ("writer", "judge"))
    grow = dict.fromkeys(("inverse", "composed", "recaption"), True)
    scoring = {**SMALL["scoring"], "judge": "api", "api": judge}
    config = {**SMALL, "grow": grow, "scoring": scoring, "proposals": {"source": "api", "api": writer}}
    (root / "small.yaml").write_text(yaml.safe_dump(config))


def answer(handler: Handler, body: dict[str, Any]) -> None:
    """Reply as the writer of instructions or as the judge, by the model that is asked."""
    handler.answer(completion(json.dumps(ANSWER) if body["model"] == "writer" else VERDICT))


def mark_as_mistaken(scores: Path) -> str:
    """Give the first scored pair of a table the scores of a good edit that was not asked for; return its ID."""
    table = pq.read_table(scores)
    rows = table.to_pylist()
    row = next(row for row in rows if row["status"] == "scored")
    row |= {"sc_score_1": 2.0, "sc_score_2": 9.0, "pq_score": 9.0, "o_score": 4.2}
    pq.write_table(pa.Table.from_pylist(rows, table.schema), scores)
    return str(row["pair_id"])


def test_derived_pairs_are_made_scored_and_decided(run: Path, tmp_path: Path) -> None:
    stages = [f"{stage}/{task}" for stage in ("candidates", "scores", "teacher") for task in OMNIEDIT_TASKS]
    root = copy_results(run, tmp_path, SMALL, "sources", "objects", *stages)
    mistaken = mark_as_mistaken(root / RUN / "scores/style_transfer/00000.parquet")
    with serving(answer) as endpoint:
        configure(root, endpoint.url)
        snakemake(root, "--rerun-triggers", "mtime", "--", *DECISIONS)
        requests = Counter(body["model"] for body in endpoint.bodies)
        assert rules_to_run(root, *DECISIONS, "--rerun-triggers", "mtime") == set()

    groups = {group: read_group(root, group) for group in GROUPS}
    assert requests["judge"] == sum(map(len, groups.values())) and requests["writer"] >= len(groups["recaptioned"])
    recaptioned = {pair.provenance["derived"]["from"]: pair for pair in groups["recaptioned"]}
    pair = recaptioned[mistaken]
    assert (pair.task, pair.instruction) == (Task.STYLE_TRANSFER, ANSWER["instruction"])
    assert groups["inverse"] and not groups["composed"], "no two accepted edits of a photo lie apart"
    for group, pairs in groups.items():
        scores, decisions = (
            pq.read_table(root / RUN / stage / group / "00000.parquet") for stage in ("scores", "decisions")
        )
        assert scores["pair_id"].to_pylist() == decisions["pair_id"].to_pylist() == [pair.pair_id for pair in pairs]
        assert scores["status"].to_pylist() == ["scored"] * len(pairs) and all(decisions["kept"].to_pylist())
        assert all(pair.provenance["derived"]["how"] == group for pair in pairs)


def read_group(root: Path, group: str) -> list:
    with Shard(root / RUN / "candidates" / group / "00000.h5") as shard:
        return list(shard)
