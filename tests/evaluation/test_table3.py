import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omniedit.errors import UserError
from omniedit.evaluation.own_benchmark_scores import BENCH_SCHEMA
from omniedit.evaluation.table3 import bootstrap_mean, markdown, read_scores, table3


def row(model="editnet", task="object_swap", scores=(8.0, 6.0, 9.0), **changes):
    sc1, sc2, quality = scores
    values = {
        "model": model,
        "task": task,
        "source_id": "dog",
        "pair_id": "p",
        "status": "scored",
        "sc_score_1": sc1,
        "sc_score_2": sc2,
        "pq_score": quality,
        "o_score": float(np.sqrt(min(sc1, sc2) * quality)),
        "judge": "reference",
        "prompt_hash": "h",
        "mae_outside": 1.0,
        "psnr_outside": 40.0,
        "ssim_outside": 0.9,
        "pixel_shift": 0.0,
    }
    return values | changes


def unscorable(**changes):
    nothing = dict.fromkeys(["sc_score_1", "sc_score_2", "pq_score", "o_score"])
    return row(**nothing, status="unscorable", **changes)


def table(rows, tmp_path):
    path = tmp_path / "scores.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=BENCH_SCHEMA), path)
    return table3(read_scores([path]), seed=0)


def test_o_is_averaged_over_pairs(tmp_path):
    overall = table([row(scores=(10, 10, 10)), row(scores=(0, 10, 10))], tmp_path)[0]
    assert (overall["sc"], overall["pq"], overall["o"]) == (5, 10, 5)
    assert overall["o"] != pytest.approx(np.sqrt(overall["sc"] * overall["pq"]))


def test_unscorable_pairs_are_counted_and_not_averaged(tmp_path):
    overall = table([row(scores=(8, 6, 9)), unscorable()], tmp_path)[0]
    assert (overall["pairs"], overall["unscorable"], overall["sc"], overall["pq"]) == (2, 1, 6, 9)


def test_one_identical_pair_does_not_make_psnr_infinite(tmp_path):
    overall = table([row(psnr_outside=np.inf), row(psnr_outside=40.0)], tmp_path)[0]
    assert overall["psnr_outside"] == pytest.approx(40 + 10 * np.log10(2))


def test_models_and_tasks_are_listed_in_registered_order(tmp_path):
    rows = [row(model=m, task=t) for m in ("specialist", "editnet") for t in ("style_transfer", "object_swap")]
    order = [(r["task"], r["model"]) for r in table(rows, tmp_path)]
    expected_tasks = ("all", "object_swap", "style_transfer")
    assert order == [(task, model) for task in expected_tasks for model in ("editnet", "specialist")]


def test_a_task_without_scores_shows_a_dash(tmp_path):
    text = markdown(table([unscorable(), row(task="style_transfer")], tmp_path), "student")
    assert "| Object swap | - | 1 |" in text


def test_infinite_and_missing_values_are_printed_as_words(tmp_path):
    text = markdown(table([row(psnr_outside=np.inf, pixel_shift=np.nan)], tmp_path), "student")
    assert "| identical | - |" in text and "nan" not in text


def test_scores_of_two_judges_are_rejected(tmp_path):
    with pytest.raises(UserError, match="one judge"):
        table([row(), row(judge="student")], tmp_path)


def test_a_table_without_pairs_states_so():
    assert "no pair" in markdown(table3([], seed=0), "student")


@pytest.mark.parametrize(
    ("filtered_by", "message"),
    [("reference", "also filtered the training data"), ("student", "the training data were filtered by `student`")],
)
def test_table_states_whether_its_judge_selected_the_training_data(tmp_path, filtered_by, message):
    assert message in markdown(table([row()], tmp_path), filtered_by)


def test_bootstrap_covers_the_mean_of_the_population():
    rng = np.random.default_rng(0)
    intervals = [bootstrap_mean(list(rng.normal(7, 1, 40)), np.random.default_rng(1)) for _ in range(60)]
    covered = sum(i.low <= 7 <= i.high for i in intervals)
    assert 50 <= covered < 60


def test_a_single_value_has_no_interval():
    single = bootstrap_mean([7.0], np.random.default_rng(0))
    assert np.isnan([single.low, single.high]).all()
    assert str(single) == "7.00"
