"""Scores of a run's own editors, by architecture, on its benchmark or on a set of `bench.sets`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from omniedit.architectures import ARCHITECTURES
from omniedit.errors import UserError
from omniedit.evaluation.table3 import read_scores
from omniedit.pairs import Shard
from omniedit.storage.parquet import read_rows

ScoreRow = Mapping[str, Any]


@dataclass(frozen=True)
class AblationRun:
    """Run whose editors are in the tables.

    Args:
        config: content of its config.json.
        pairs: number of pairs that its editors were trained on; None if its buckets were deleted.
        bench: text that identifies the benchmark. Runs with equal texts can be compared.
        scores: judge -> architecture -> rows with item_id, task, image_id, status, sc_score, pq_score and o_score.
    """

    name: str
    config: Mapping[str, Any]
    pairs: int | None
    bench: str
    scores: Mapping[str, Mapping[str, list[ScoreRow]]]

    @property
    def is_filtered(self) -> bool:
        return bool(self.min_score > 0)

    @property
    def min_score(self) -> float:
        """Threshold of the filter; 0 accepts all scored pairs."""
        return float(self.config.get("filter", {}).get("min_score", 0))

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Values of the config by key, without the run's name and the keys that Table 6 compares."""
        return {key: value for key, value in _flatten(self.config) if key not in ("run", "filter.min_score")}


def read_run(folder: Path, set_name: str | None) -> AblationRun:
    """Read the scores of a run.

    Args:
        set_name: set of `bench.sets`; None for the run's own benchmark.

    Raises:
        UserError: the run has no scores of its editors, or a file cannot be read.
    """
    config = _read_json(folder / "config.json")
    bench, scores = _read_set(folder, set_name) if set_name else _read_own(folder)
    return AblationRun(folder.name, config, _count_pairs(folder), bench, scores)


def _read_own(folder: Path) -> tuple[str, dict[str, dict[str, list[ScoreRow]]]]:
    """Return the digest of the run's benchmark, and the scores by its judge.

    Raises:
        UserError: there are none.
    """
    scores: dict[str, dict[str, list[ScoreRow]]] = {}
    for name in ARCHITECTURES:
        for row in _read_rows(folder / "bench" / name):
            line = {**row, "item_id": row["pair_id"], "image_id": row["source_id"]}
            scores.setdefault(row["judge"], {}).setdefault(name, []).append(line)
    if not scores:
        raise UserError(f"{folder}: has no scores of its editors; make them: snakemake {folder}/bench/table3.md")
    requests = []
    for file in sorted((folder / "bench/set").glob("*.h5")):
        with Shard(file) as shard:
            requests += [[*pair] for pair in zip(shard.pair_ids, map(list, shard.read_instructions()), strict=True)]
    return json.dumps(requests), scores


def _read_set(folder: Path, set_name: str) -> tuple[str, dict[str, dict[str, list[ScoreRow]]]]:
    """Return the version of a set, and the scores by all judges.

    Raises:
        UserError: there are none.
    """
    place = folder / "bench/sets" / set_name
    scores: dict[str, dict[str, list[ScoreRow]]] = {}
    for name in ARCHITECTURES:
        for file in sorted((place / name / "scores").glob("*.parquet")):
            scores.setdefault(file.stem, {})[name] = list(read_rows(file))
    if not scores:
        raise UserError(f"{place}: has no scores of the run's editors; make them: snakemake {place}/table.md")
    return str(_read_json(place / "bench.json").get("version")), scores


def _read_rows(folder: Path) -> list[dict[str, Any]]:
    """Return the benchmark scores of an editor, with `sc_score` and, where it is stored, the judge's version."""
    files: list[str | Path] = [*sorted(folder.glob("*.parquet"))]
    versions = [row.get("judge_version") for file in files for row in read_rows(file)]
    rows = read_scores(files)
    return [row | {"judge_version": version} for row, version in zip(rows, versions, strict=True)]


def _count_pairs(folder: Path) -> int | None:
    manifest = folder / "buckets/manifest.json"
    if not manifest.is_file():
        return None
    return sum(bucket["train"] for bucket in _read_json(manifest)["buckets"].values())


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; give the folder of a run, such as results/mini") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read: {str(error)[:100]}") from None


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
