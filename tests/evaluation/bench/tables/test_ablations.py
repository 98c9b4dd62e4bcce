"""Tables 6 and 7 from run folders: paired by item, clustered by photo, and only of runs that can be compared."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from helpers.pair_files import make_image
from omniedit.cli import main as cli
from omniedit.errors import UserError
from omniedit.evaluation.bench.scores import SCHEMA
from omniedit.evaluation.bench.statistics import warn_of_few
from omniedit.evaluation.bench.tables.ablation_runs import read_run
from omniedit.evaluation.bench.tables.ablations import write_ablations
from omniedit.evaluation.own_benchmark_scores import BENCH_SCHEMA
from omniedit.pairs import EncodedPair, write_shard
from omniedit.storage.parquet import read_csv, write_rows
from omniedit.tasks import Task

PHOTOS, PAIRS = 8, 2
GOOD, POOR = {"editnet": 8.0, "controlnet": 6.0}, {"editnet": 5.0, "controlnet": 5.9}


def make_run(
    folder: Path,
    scores: Mapping[str, float],
    min_score: float,
    pairs: int = 90,
    instruction: str = "Swap it.",
    **about: str,
) -> Path:
    """Write a run whose editors have these mean scores on eight photos with two pairs each."""
    (folder / "buckets").mkdir(parents=True)
    (folder / "candidates").mkdir()
    config = {"run": folder.name, "seed": 0, "filter": {"min_score": min_score}, "scoring": {"judge": "student"}}
    (folder / "config.json").write_text(json.dumps(config | {"steps": about.get("steps", "1")}))
    (folder / "buckets/manifest.json").write_text(json.dumps({"buckets": {"1x1": {"train": pairs}}}))
    names = [(f"p{photo}-{n}", f"photo{photo}") for photo in range(PHOTOS) for n in range(PAIRS)]
    made = [
        EncodedPair(name, Task.OBJECT_SWAP, (instruction,), make_image(0), make_image(1), None, {"source_id": photo})
        for name, photo in names
    ]
    write_shard(folder / "bench/set/object_swap.h5", Task.OBJECT_SWAP, "embedded", 0, made)
    judge = {"status": "scored", "judge": about.get("judge", "reference"), "prompt_hash": about.get("prompt", "x")}
    for editor, mean in scores.items():
        rows: list[dict[str, Any]] = []
        for number, (name, photo) in enumerate(names):
            o = mean + number % 3 * 0.1
            about_row = {"model": editor, "task": "object_swap", "source_id": photo, "pair_id": name}
            rows.append(about_row | judge | {"sc_score_1": o, "sc_score_2": 10.0, "pq_score": o, "o_score": o})
        write_rows(folder / f"bench/{editor}/object_swap.parquet", rows, BENCH_SCHEMA)
    return folder


@pytest.fixture
def filtered_run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "results/filtered", GOOD, 9)


@pytest.fixture
def unfiltered_run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "results/unfiltered", POOR, 0)


def read_table(path: Path, table: str) -> dict[tuple[str, str, str], str]:
    return {
        (row["section"], row["row"], row["column"]): row["value"]
        for row in read_csv(path)
        if row["table"].startswith(table)
    }


def test_both_tables_are_written_in_three_formats(
    filtered_run: Path, unfiltered_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(filtered_run.parents[1])
    monkeypatch.setattr("sys.argv", ["omniedit", "bench-tables", "filtered", "unfiltered"])
    cli.main()
    page = (filtered_run / "bench/ablations.md").read_text()
    assert (
        page in capsys.readouterr().out
        and "| filtered | filtered at O 9 | 90 |" in page
        and "unfiltered | 90 |" in page
    )
    assert "differ" not in page.split("###")[0]
    latex = (filtered_run / "bench/ablations.tex").read_text()
    assert latex.count(r"\begin{table}") == 4 and r"EditNet, filtered at O 9 & \textbf{8." in latex
    means = read_table(filtered_run / "bench/ablations.csv", "Table 6, filtered")
    assert float(means["", "EditNet, unfiltered", "O"]) == pytest.approx(5.09375)
    assert means["", "ControlNet, filtered at O 9", "scored"] == "16"
    assert {row for _, row, _ in read_table(filtered_run / "bench/ablations.csv", "Table 7, architectures")} == {
        "EditNet",
        "ControlNet",
    }


def test_differences_of_each_architecture_have_corrected_p_values(
    filtered_run: Path, unfiltered_run: Path, tmp_path: Path
) -> None:
    paths = write_ablations(tmp_path / "out", [read_run(filtered_run, None), read_run(unfiltered_run, None)], 0)
    found = read_table(paths[2], "Table 6, paired differences")
    rows = {row for _, row, _ in found}
    assert rows == {f"{name}, filtered at O 9 - {name}, unfiltered" for name in ("EditNet", "ControlNet")}
    label = "EditNet, filtered at O 9 - EditNet, unfiltered"
    assert float(found["O", label, "first minus second"]) == pytest.approx(3)
    assert float(found["O", label, "p"]) == pytest.approx(2 / 2**PHOTOS)
    assert float(found["O", label, "p, corrected"]) == pytest.approx(4 / 2**PHOTOS)
    assert found["O", label, "below 0.05"] == "yes" and found["SC", label, "items"] == "16"


def test_runs_with_different_sizes_or_settings_are_named(filtered_run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", POOR, 0, pairs=400, steps="2")
    page = write_ablations(tmp_path, [read_run(filtered_run, None), read_run(other, None)], 0)[0].read_text()
    assert "have different numbers of pairs" in page and "differ from filtered: `steps`." in page


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"instruction": "Remove it."}, "its benchmark differs from that of filtered"),
        ({"judge": "api"}, "was scored by api, not reference"),
        ({"prompt": "y"}, "several versions or prompts"),
    ],
)
def test_runs_that_cannot_be_compared_are_an_error(
    filtered_run: Path, tmp_path: Path, change: dict[str, str], problem: str
) -> None:
    other = make_run(tmp_path / "other", POOR, 0, **change)
    with pytest.raises(UserError, match=problem):
        write_ablations(tmp_path, [read_run(filtered_run, None), read_run(other, None)], 0)


def test_without_anything_to_compare_an_error_is_raised(tmp_path: Path) -> None:
    alone = make_run(tmp_path / "alone", {"editnet": 5.0}, 0)
    with pytest.raises(UserError, match=r"set train.ablations or name a run"):
        write_ablations(tmp_path, [read_run(alone, None)], 0)
    other = make_run(tmp_path / "other", {"controlnet": 5.0}, 9)
    with pytest.raises(UserError, match="no architecture in common"):
        write_ablations(tmp_path, [read_run(alone, None), read_run(other, None)], 0)
    with pytest.raises(UserError, match=r"has no scores of the run's editors; make them: snakemake"):
        read_run(alone, "gedit")
    with pytest.raises(UserError, match=r"config.json: no such file; give the folder of a run"):
        read_run(tmp_path, None)


def test_scores_on_a_set_are_read_by_judge(filtered_run: Path, tmp_path: Path) -> None:
    place = filtered_run / "bench/sets/paper"
    for editor, o in (("editnet", 8.0), ("controlnet", 2.0)):
        rows = [
            {"item_id": str(n), "task": "t", "image_id": str(n // 2), "status": "scored", "session": None, "judge": "J",
             "sc_score": o, "pq_score": o, "o_score": o, "judge_version": "1", "prompt_hash": "x"}
            for n in range(8)
        ]  # fmt: skip
        (place / editor / "scores").mkdir(parents=True)
        write_rows(place / editor / "scores/gpt.parquet", rows, SCHEMA)
    (place / "bench.json").write_text('{"version": "v1"}')
    page = write_ablations(tmp_path, [read_run(filtered_run, "paper")], 0)[0].read_text()
    assert "### Table 7, architectures, filtered, gpt" in page and "8 items on 4 images" in page


def test_tables_over_few_images_say_that_nothing_can_be_significant() -> None:
    assert warn_of_few(2) == ["Too few images (2): intervals are too narrow, and a sign-flip test gives p >= 0.5."]
    assert "p >= 0.062" in warn_of_few(5)[0] and warn_of_few(6) == []
