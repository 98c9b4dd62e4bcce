"""Compare tables of benchmarks with those of their own scripts, on random scores: python -m benchmarks.official_tables.

The scripts come from checkouts of the benchmarks and are run here: GEdit-Bench (stepfun-ai/Step1X-Edit), ImgEdit-Bench
(PKU-YuanGroup/ImgEdit), BAGEL (ByteDance-Seed/Bagel, for KRIS-Bench) and RISEBench (PhoenixZ810/RISEBench). They need
pandas. Random scores have failed replies, replies that lack a score, and edits whose consistency is free.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from math import isclose, isnan
from pathlib import Path
from types import ModuleType
from typing import Any

from omniedit.evaluation.bench.protocol import GroupRow
from omniedit.evaluation.bench.sets import gedit, imgedit, kris, rise
from omniedit.evaluation.bench.sets.registry import BENCHMARKS

Pair = tuple[float, float]
"""Our figure and that of the benchmark's own script."""
EVALUATED = {"SC": "avg_semantics", "PQ": "avg_quality", "O": "avg_overall"}


def load_script(file: Path, **stubs: Mapping[str, Any]) -> ModuleType:
    """Run a script of a checkout as a module.

    Args:
        stubs: contents of imported modules that are not installed.
    """
    for name, content in stubs.items():
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(content)
    spec = importlib.util.spec_from_file_location(f"official_{file.stem}", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def to_figures(table: list[GroupRow]) -> dict[str, dict[str, float]]:
    """Return figures by row and column, as the benchmark's own script computes them."""
    return {row.name: {**row.values, **row.official} for row in table}


def _write(file: Path, content: object) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def compare_gedit(checkout: Path, rng: random.Random, folder: Path) -> Iterator[Pair]:
    import pandas as pd

    script = load_script(checkout / "GEdit-Bench/calculate_statistics.py", megfile={"smart_open": open})
    for task in gedit.TASKS:
        rows = [_draw_gedit(task, key, language, rng) for language in ("en", "cn") for key in range(rng.randint(1, 9))]
        pd.DataFrame(rows).to_csv(folder / f"m_{task}_gpt_score.csv", index=False)
    for language in ("en", "cn"):
        with contextlib.redirect_stdout(io.StringIO()):
            theirs = script.analyze_scores(str(folder), ["m"], language)
        ours = to_figures(gedit.aggregate(BENCHMARKS[f"gedit-{language}"].read_recorded(folder)))
        for name, figures in zip(gedit.get_protocol("").columns, theirs, strict=True):
            yield from ((ours[task][name], figures["m"][task]) for task in gedit.TASKS)
            yield ours["mean of groups"][name], figures["m"][EVALUATED[name.split()[0]]]


def _draw_gedit(task: str, key: int, language: str, rng: random.Random) -> dict[str, Any]:
    scores = {"sementics_score": rng.randint(0, 10), "quality_score": rng.randint(0, 10)}
    path = f"out/fullset/{task}/{language}/{key}"
    shared = {"intersection_exist": key == 0 or rng.random() < 0.7, "instruction_language": language}
    return {"source_image": f"{path}_SRCIMG.png", "edited_image": f"{path}.png", "instruction": "x", **scores, **shared}


def compare_imgedit(checkout: Path, rng: random.Random, folder: Path) -> Iterator[Pair]:
    steps = [load_script(checkout / f"Benchmark/Basic/{name}.py") for name in ("step1_get_avgscore", "step2_typescore")]
    items = {str(key): {"edit_type": rng.choice(imgedit.TYPES)} for key in range(200)}
    replies = {key: _draw_reply(rng) for key in items if rng.random() < 0.95}
    _write(folder / "basic_edit.json", items)
    result = _write(folder / "result.json", replies)
    theirs = steps[1].compute_edit_type_averages(steps[0].compute_averages(replies), items)
    ours = to_figures(imgedit.aggregate(BENCHMARKS["imgedit"].read_recorded(result)))
    yield from ((ours[name]["score"], figure) for name, figure in theirs.items())


def _draw_reply(rng: random.Random) -> str:
    """Return a reply of three lines; some of them end in more than the score and are not read."""
    lines = [f"Score {number}: {rng.randint(1, 5)}{rng.choice(['', '', '', '.', '/5'])}" for number in range(3)]
    return "\n".join(["Brief reasoning: none.", *lines])


def compare_kris(checkout: Path, rng: random.Random, folder: Path) -> Iterator[Pair]:
    script = load_script(checkout / "eval/gen/kris/summarize.py")
    names = ("consistency_score", "quality_score", "instruction_score", "knowledge_score")
    for category in (category for members in kris.DIMENSIONS.values() for category in members):
        rows = ({name: None if rng.random() < 0.03 else rng.randint(1, 5) for name in names} for _ in range(12))
        _write(folder / category / "metrics.json", dict(enumerate(rows)))
    dimensions, _, knowledge, overall = script.summarize_benchmark_scores_with_normalization(str(folder))
    ours = to_figures(kris.aggregate(BENCHMARKS["kris"].read_recorded(folder)))
    for name, figures in {**dimensions, **knowledge, kris.OVERALL: overall}.items():
        yield from ((ours[name][kris.AVERAGE if key == "AVG" else key], each) for key, each in figures.items())


def compare_rise(checkout: Path, rng: random.Random, folder: Path) -> Iterator[Pair]:
    import pandas as pd

    script = load_script(checkout / "gpt_eval.py", utils={"pd": pd})
    has_free = rng.random() < 0.5
    rows = [_draw_rise(number, has_free, rng) for number in range(120)]
    table = pd.DataFrame([_to_official(row) for row in rows])
    if not any(row["consistency_free"] for row in rows):
        del table["consistency_free"]
    table["score"] = table.apply(script.calculate_score, axis=1)
    table["complete"] = table.apply(script.calculate_completion, axis=1)
    ours = to_figures(rise.aggregate(rows))
    parts = {name: table[table.category == category] for category, name in rise.CATEGORIES.items()}
    for name, part in {**parts, rise.MEAN_OF_ITEMS: table}.items():
        yield ours[name]["accuracy"], 100 * part.complete.mean()
        yield ours[name]["score"], 25 * (part.score.mean() - 1)


def _draw_rise(number: int, has_free: bool, rng: random.Random) -> dict[str, Any]:
    category = rng.choice(list(rise.CATEGORIES))
    is_logical, has_failed = category == rise.LOGICAL, rng.random() < 0.05
    is_free = has_free and not is_logical and rng.random() < 0.1
    scores = {name: rng.randint(0, 1) if is_logical else rng.choice((1, 2, 3, 4, 5, 5)) for name in rise.NAMES.values()}
    absent = [rise.NAMES[rise.PLAUSIBILITY]] * is_logical + [rise.NAMES[rise.CONSISTENCY]] * is_free
    found = {name: None if has_failed or name in absent else score for name, score in scores.items()}
    return {"item_id": str(number), "task": category, "subtask": "", "consistency_free": is_free, **found}


def _to_official(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the table that gpt_eval.py fills; empty cells become NaN."""
    scale: Callable[[float], float] = (lambda score: 4 * score + 1) if row["task"] == rise.LOGICAL else float
    names = {"Reasoning": rise.REASONING, "ApprConsistency": rise.CONSISTENCY, "VisualPlausibility": rise.PLAUSIBILITY}
    scores = {name: row[rise.NAMES[column]] for name, column in names.items()}
    scaled = {name: None if score is None else scale(score) for name, score in scores.items()}
    return {"category": row["task"], "consistency_free": 1.0 if row["consistency_free"] else None, **scaled}


COMPARISONS = {"gedit": compare_gedit, "imgedit": compare_imgedit, "kris": compare_kris, "rise": compare_rise}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in COMPARISONS:
        parser.add_argument(f"--{name}", type=Path, help="checkout of the repository with its script")
    parser.add_argument("--rounds", type=int, default=30)
    args = parser.parse_args()
    for name, compare in COMPARISONS.items():
        if checkout := getattr(args, name):
            pairs = list(_repeat(compare, checkout, args.rounds))
            differing = [pair for pair in pairs if not _is_equal(*pair)]
            print(json.dumps({"benchmark": name, "figures": len(pairs), "differing": len(differing)}))


def _repeat(compare: Callable[..., Iterator[Pair]], checkout: Path, rounds: int) -> Iterator[Pair]:
    for seed in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            yield from compare(checkout, random.Random(seed), Path(folder))


def _is_equal(ours: float, theirs: float) -> bool:
    return (isnan(ours) and isnan(theirs)) or isclose(ours, theirs, rel_tol=0, abs_tol=1e-9)


if __name__ == "__main__":
    main()
