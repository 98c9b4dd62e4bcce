"""Pairs of any task, with the required provenance alone, pass every stage after synthesis."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.small_buckets import gather_accepted
from omniedit.buckets.placement import BucketSettings, place, read_plan, write_plan
from omniedit.buckets.write import write_part
from omniedit.evaluation.own_benchmark_edits import scale_to_bucket
from omniedit.evaluation.own_benchmark_scores import bench_row
from omniedit.evaluation.table3 import markdown, table3
from omniedit.pairs import EditPair, Reference, Rejection, Shard, write_shard
from omniedit.reporting.candidates import read_best, read_candidates, read_columns
from omniedit.reporting.contact_sheet import best_by_photo, contact_sheet
from omniedit.reporting.filtering import filter_page, histograms, list_tasks, ratio_bars
from omniedit.reporting.gallery import GallerySize, credits_line, gallery
from omniedit.reporting.model_card import data_table
from omniedit.reporting.provenance import model_rows
from omniedit.reporting.thresholds import acceptance_curves, diversity_curves, thresholds_page
from omniedit.scoring.filter import DECISIONS_SCHEMA, CandidateFilter, gather_decisions
from omniedit.scoring.reference import ReferenceJudge
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.score_table import SCORES_SCHEMA, score_row
from omniedit.scoring.student.defects import DEFECTS, WRONG_INSTRUCTION, apply_defect
from omniedit.scoring.verdict import Score
from omniedit.storage.parquet import read_rows, read_table, write_rows, write_table
from omniedit.tasks import Task, order_tasks
from omniedit.training.flow_batches import group_by_task

SPLASH, FOLDER = Task("colour splash | <b>"), Task("my pairs")
TASKS = [SPLASH, Task.STYLE_TRANSFER, SPLASH, Task.OBJECT_SWAP, Task("retouch")]


class GenerousJudge:
    name, version, prompt_hash, batch_size = "generous", "", "hash", 1

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        return [Score(10, 9.5, 9.5, "It is plain.") for _ in pairs]


def foreign_pairs() -> list[EditPair]:
    images = np.random.default_rng(0).integers(0, 255, (len(TASKS), 2, 48, 64, 3), np.uint8)
    mask = np.zeros((48, 64), bool)
    mask[8:30, 10:40] = True
    pairs = [
        EditPair(f"p{n}", task, (f"Do {n}.",), *images[n], None if n % 2 else mask, {"source_id": f"row{n}"})
        for n, task in enumerate(TASKS)
    ]
    return [*pairs[:-1], replace(pairs[-1], references=(Reference("subject", images[0, 0], "a red <cat>"),))]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write candidates, scores and decisions of one mixed shard; return the run's folder."""
    root, judge = tmp_path_factory.mktemp("run"), GenerousJudge()
    write_shard(root / f"candidates/{FOLDER}/00000.h5", FOLDER, "import", 0, foreign_pairs(), [Rejection("row9", "no")])
    scores = root / f"scores/{FOLDER}/00000.parquet"
    with Shard(root / f"candidates/{FOLDER}/00000.h5") as shard:
        rows = [score_row(pair.pair_id, *judge.judge([pair]), judge) for pair in shard]
        write_rows(scores, rows, SCORES_SCHEMA)
        decided = CandidateFilter(9.0).decide(shard, {str(row["pair_id"]): row for row in read_rows(scores)}, scores)
    write_rows(root / f"decisions/{FOLDER}/00000.parquet", decided, DECISIONS_SCHEMA)
    return root


def files(run: Path) -> list[list[Path]]:
    names = ("candidates/{}/00000.h5", "scores/{}/00000.parquet", "decisions/{}/00000.parquet")
    return [[run / name.format(FOLDER)] for name in names]


def test_decisions_record_the_task_and_nearest_ratio_of_each_pair(run: Path) -> None:
    rows = read_rows(files(run)[2][0])
    assert [row["task"] for row in rows] == TASKS
    assert {(row["kept"], row["ratio"]) for row in rows} == {(True, "4x3")}


def test_buckets_find_the_folder_and_keep_the_task(run: Path, tmp_path: Path) -> None:
    layout = BucketSettings(base_size=32, pairs_per_zarr_shard=4, parts=1, held_out=0.0, seed=0)
    table = gather_decisions(files(run)[2])
    assert set(table["folder"].to_pylist()) == {FOLDER} and set(table["task"].to_pylist()) == set(TASKS)
    write_plan(tmp_path / "plan.parquet", place(gather_accepted(run), layout), layout)
    assert (
        len(list(write_part(read_plan(tmp_path / "plan.parquet"), "00000", run / "candidates", tmp_path / "out"))) == 5
    )
    described = {row["pair_id"]: row for row in read_rows(tmp_path / "out/4x3.zarr/pairs.parquet")}
    assert [described[f"p{n}"]["task"] for n in range(5)] == TASKS
    assert described["p2"]["source_id"] == "row2"
    card = data_table(tmp_path / "plan.parquet")
    assert "| Colour splash \\| \\<b\\> |" in card and "| Object removal | 0 |" in card


def test_tables_without_the_folder_column_are_read(run: Path, tmp_path: Path) -> None:
    layout = BucketSettings(base_size=32, pairs_per_zarr_shard=4, parts=1, held_out=0.0, seed=0)
    table = place(gather_accepted(run), layout)
    write_plan(tmp_path / "new.parquet", table, layout)
    write_table(tmp_path / "plan.parquet", read_table(tmp_path / "new.parquet").drop_columns(["folder"]))
    assert read_plan(tmp_path / "plan.parquet").table["folder"].to_pylist() == table["task"].to_pylist()
    old = [{name: row[name] for name in row if name != "task"} for row in read_rows(files(run)[2][0])]
    path = tmp_path / "object_swap/00000.parquet"
    write_rows(path, old, DECISIONS_SCHEMA.remove(DECISIONS_SCHEMA.get_field_index("task")))
    assert set(gather_decisions([path])["task"].to_pylist()) == {"object_swap"}


def test_reference_judge_states_why_it_cannot_score(run: Path) -> None:
    with Shard(files(run)[0][0]) as shard:
        for verdict in ReferenceJudge().judge(list(shard)):
            assert isinstance(verdict, Unscorable) and verdict.reason.startswith("the pair has no known truth")
        known = foreign_pairs()[0]
        known.provenance["truth"] = {"object": "cat"}
        (verdict,) = ReferenceJudge().judge([known])
        assert isinstance(verdict, Unscorable)
        assert verdict.reason == f"the reference judge has no measurement for the task {SPLASH}"


def test_defects_need_no_truth(run: Path) -> None:
    with Shard(files(run)[0][0]) as shard:
        made = [(defect, apply_defect(shard, row, defect)) for row in range(len(shard)) for defect in DEFECTS]
    assert {defect for defect, pair in made if pair is not None} == set(DEFECTS) - {WRONG_INSTRUCTION}


def test_pages_show_tasks_that_are_not_registered(run: Path, tmp_path: Path) -> None:
    columns, rejections = read_columns(files(run))
    assert columns.tasks == [Task.OBJECT_SWAP, Task.STYLE_TRANSFER, SPLASH, "retouch"]
    assert [int(columns.is_task(task).sum()) for task in columns.tasks] == [1, 1, 2, 1]
    assert not columns.is_task(Task.OBJECT_REMOVAL).any()
    page = filter_page("mine", columns, rejections, 9.0)
    assert "Colour splash | &lt;b&gt;" in page and "Retouch" in page and "splash | <b>" not in page
    assert "at least 9.5" in thresholds_page("mine", columns, [], 9.0)
    curves = acceptance_curves(columns, columns.has_reason("kept"), 9.0)
    labels = [text.get_text() for text in curves.legends[0].get_texts()]
    assert labels == ["Object swap", "Style transfer", SPLASH.label, "Retouch", "all"]
    candidates, skipped = read_candidates(files(run))
    page = gallery("mine", FOLDER, candidates, skipped[FOLDER], 9.0, GallerySize(), seed=0)
    assert "Do 3." in page and "Pairs that were made elsewhere" in page
    assert page.count("<figcaption>subject: a red &lt;cat&gt;</figcaption>") == 1
    best, _ = read_best(files(run), best_by_photo)
    assert set(best) == set(columns.tasks)
    assert all(candidate.task == task for task, chosen in best.items() for candidate in chosen)
    contact_sheet(best, order_tasks(best), tmp_path / "sheet.jpg")
    assert (tmp_path / "sheet.jpg").stat().st_size > 10_000
    assert model_rows(files(run)[0])[0].cells == ["My pairs", "import", "none", "0"]


def test_filter_page_has_rows_and_plots_only_for_tasks(run: Path) -> None:
    columns, _ = read_columns(files(run))
    skipped = {name: [Rejection("row9", "no")] for name in (Task(FOLDER), Task.OBJECT_REMOVAL)}
    page = filter_page("mine", columns, skipped, 9.0)
    assert list_tasks(columns, skipped) == [
        Task.OBJECT_SWAP,
        Task.OBJECT_REMOVAL,
        Task.STYLE_TRANSFER,
        SPLASH,
        "retouch",
    ]
    assert "My pairs: 1 skipped" in page and "<td>My pairs" not in page
    labels = [axis.get_ylabel() for axis in histograms(columns, 9.0).axes[::3]]
    assert labels == ["Object swap", "Style transfer", SPLASH.label, "Retouch"]
    columns.kept[columns.is_task(SPLASH)] = False
    bars = ratio_bars(columns.tasks, columns)
    assert [text.get_text() for text in bars.legends[0].get_texts()] == ["Object swap", "Style transfer", "Retouch"]


def test_diversity_has_a_panel_of_objects_only_if_one_is_known(run: Path) -> None:
    columns, _ = read_columns(files(run))
    titles = [axis.get_title() for axis in diversity_curves(columns, columns.has_reason("kept"), 9.0).axes]
    assert titles == ["instructions", "aspect ratios"]


def test_credits_of_an_imported_pair_name_its_data_set() -> None:
    pair = foreign_pairs()[0]
    pair.provenance["imported"] = {"dataset": "magicbrush"}
    assert credits_line(pair) == "Photo row0, unknown licence; imported from magicbrush; p0"
    pair.provenance.update(author="Ada", licence="CC0-1.0")
    assert credits_line(pair) == "Photo row0 by Ada, CC0-1.0; imported from magicbrush; p0"


def test_benchmark_table_lists_unregistered_tasks() -> None:
    judge, pairs = GenerousJudge(), [scale_to_bucket(pair, 32) for pair in foreign_pairs()]
    rows = [bench_row("no_edit", pair, *judge.judge([pair]), judge) for pair in pairs]
    table = table3([{**row, "sc_score": 9.5} for row in rows], seed=0)
    assert [row["task"] for row in table] == ["all", "object_swap", "style_transfer", SPLASH, "retouch"]
    assert "| Colour splash \\| \\<b\\> |" in markdown(table, "reference")


def test_losses_of_unregistered_tasks_share_one_group() -> None:
    groups = group_by_task(TASKS, torch.device("cpu"))
    assert groups["loss_task/other"].tolist() == [True, False, True, False, True]
    assert groups["loss_task/object_swap"].tolist() == [False, False, False, True, False]
    assert group_by_task([], torch.device("cpu")).keys() == groups.keys()
