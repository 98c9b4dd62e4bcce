"""Tests of `omniedit bench`: six kinds of editors on one set, from the command line to the tables."""

import argparse
import csv
import fcntl
import json
from pathlib import Path

import pytest
import yaml

from helpers.small_bench import noise
from helpers.tiny_editor import make_pipeline as make_trained
from helpers.tiny_pipelines import make_pipeline
from omniedit.cli import bench
from omniedit.cli.bench import parse_shard, split_names
from omniedit.config.bench import BenchConfig
from omniedit.config.schema import ScoringConfig
from omniedit.errors import UserError
from omniedit.evaluation.bench.judges import choose_judges
from omniedit.evaluation.bench.open_set import open_set
from omniedit.evaluation.bench.protocol import Protocol
from omniedit.imaging.images import encode_png, resize
from omniedit.storage.parquet import read_rows

ITEMS = 3
COPY = "import shutil, sys; sys.exit(9) if sys.argv[3].endswith('2') else shutil.copy(*sys.argv[1:3])"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a set, a folder of outputs, three models and a file of editors."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "outputs/swap").mkdir(parents=True)
    rows = []
    for number in range(ITEMS):
        image = resize(noise(number, 8, 12), 96, 64)
        (folder / f"{number}.png").write_bytes(encode_png(image))
        if number:
            (folder / f"outputs/swap/{number}.png").write_bytes(encode_png(255 - image))
        rows.append([f"swap/{number}", f"{number}.png", f"make it {number}", "swap", "red", "blue"])
    with (folder / "items.csv").open("w", newline="") as file:
        columns = ["id", "source", "instruction", "task", "source_caption", "target_caption"]
        csv.writer(file).writerows([columns, *rows])
    make_trained().save_pretrained(folder / "trained")
    tiny = {
        "tiny_pix2pix": ("StableDiffusionInstructPix2PixPipeline", {"num_inference_steps": 2}),
        "tiny_sd3": ("StableDiffusion3Img2ImgPipeline", {"num_inference_steps": 2, "strength": 0.9}),
    }
    entries: dict = {
        "copy": {"kind": "command", "command": ["python", "-c", COPY, "{image}", "{output}", "{instruction}"]}
    }
    entries["copy"]["refusal_status"] = 9
    for name, (kind, arguments) in tiny.items():
        make_pipeline(kind).save_pretrained(folder / name)
        sizes = {"policy": "square", "side": 64}
        entries[name] = {"kind": "diffusers", "class": kind, "folder": str(folder / name), "licence": "none"}
        entries[name] |= {"sizes": sizes, "arguments": arguments}
    entries["mine"] = {"kind": "trained", "folder": str(folder / "trained"), "steps": 2, "label": "Mine"}
    (folder / "editors.yaml").write_text(yaml.safe_dump(entries))
    return folder


def run(folder: Path, *options: str) -> None:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    bench.run(parser.parse_args([str(folder / "items.csv"), *options]))


SIX = "no_edit,mine,outputs={0}/outputs,copy,tiny_pix2pix,tiny_sd3"


def test_six_editors_are_run_scored_and_compared(folder: Path, tmp_path: Path, capsys) -> None:
    options = ["--editors", SIX.format(folder), "--editors-file", str(folder / "editors.yaml"), "-o", str(tmp_path)]
    run(folder, *options, "--device", "cpu")
    text = (tmp_path / "table.md").read_text()
    assert "| Mine |" in text and "64 x 64, stretched" in text and "| student | student " in text
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    counts = {(row["row"], row["column"]): row["value"] for row in rows if row["table"] == "Items"}
    assert counts["outputs", "edited"] == "2" and counts["outputs", "failures"] == "1"
    assert counts["copy", "refusals"] == "1" and counts["tiny_sd3", "edited"] == "3"
    assert counts["Mine", "scored"] == "3" and counts["outputs", "scored"] == "2"
    gap = "outputs: 1 of 3 items without an edit; the first failure, swap/0: no file swap/0.png, .jpg or .webp"
    assert gap in text and gap in capsys.readouterr().out
    assert any(row["row"] == "Difference to the best baseline" for row in rows)
    before = (tmp_path / "table.md").read_text()
    run(folder, *options, "--only", "table")
    assert (tmp_path / "table.md").read_text() == before


def test_shards_and_separate_steps_give_the_result_of_one_run(folder: Path, tmp_path: Path) -> None:
    outputs = f"outputs={folder}/outputs"
    run(folder, "--editors", f"no_edit,{outputs}", "-o", str(tmp_path / "whole"), "--only", "edit")
    for shard in ("1/2", "2/2"):
        for editor in ("no_edit", outputs):
            run(folder, "--editors", editor, "-o", str(tmp_path / "parts"), "--only", "edit", "--shard", shard)
    files = [
        {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*.png")}
        for root in (tmp_path / "whole", tmp_path / "parts")
    ]
    assert files[0] == files[1] and len(files[0]) == 5


def test_tables_without_judges_count_the_edits(folder: Path, tmp_path: Path) -> None:
    run(folder, "--editors", "no_edit", "--judges", "none", "-o", str(tmp_path))
    assert "| No edit | 3 | 3 | 0 | 0 | 0 |" in (tmp_path / "table.md").read_text()
    assert "../no_edit/edits/swap/0.png" in (tmp_path / "side_by_side/index.html").read_text()


def test_an_empty_folder_of_outputs_stops_the_bench_before_the_first_edit(folder: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"editor empty: .*has no image"):
        run(folder, "--editors", f"no_edit,{tmp_path / 'empty'}", "--judges", "none", "-o", str(tmp_path / "out"))
    assert "editing" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "options, error",
    [
        (["--judges", "api"], "OPENAI_API_KEY is unset"),
        (
            ["--judges", "none", "--editors-file", "{0}/endpoint.yaml", "--editors", "no_edit,gpt"],
            "editor gpt: .*API_KEY",
        ),
        (["--prompts", "{0}"], "has no file with known prompts"),
    ],
)
def test_a_missing_key_or_prompt_stops_the_bench_before_the_first_edit(
    folder: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, options: list[str], error: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    entry = {"kind": "endpoint", "endpoint": {"url": "http://localhost:9/v1", "model": "m"}}
    (tmp_path / "endpoint.yaml").write_text(yaml.safe_dump({"gpt": entry}))
    given = [option.format(tmp_path) for option in options]
    with pytest.raises(UserError, match=error):
        run(folder, "--editors", "no_edit", "-o", str(tmp_path / "out"), *given)
    assert "editing" not in capsys.readouterr().out


def test_ratings_need_no_judge_and_must_match_the_edits(folder: Path, tmp_path: Path) -> None:
    options = ("--editors", "no_edit", "--judges", "none", "-o", str(tmp_path), "--only", "table")
    ratings = tmp_path / "ratings.csv"
    ratings.write_text("pair_id,model,rater,sc,pq\nswap/1,no_edit,ann,0,1\nswap/1,no_edit,ben,0,0.5\n")
    run(folder, *options, "--ratings", str(ratings))
    text = (tmp_path / "table.md").read_text()
    assert "| editor | people PQ | people SC | people O | people Acc |" in text and "| No edit | 0.75 | 0.00 |" in text
    ratings.write_text("pair_id,model,rater,sc,pq\nswap/1,other,ann,1,1\n")
    with pytest.raises(
        UserError, match="has no rating of these edits; it rates the models other; model must be one of"
    ):
        run(folder, *options, "--ratings", str(ratings))


def test_scores_name_their_judge_and_rubric(folder: Path, tmp_path: Path) -> None:
    members = {"one": {"judge": "student"}, "two": {"judge": "student", "readout": "tokens"}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"scoring": {"ensemble": {"judges": members}}}))
    words = ("--judges", "student,ensemble", "--config", str(tmp_path / "config.yaml"))
    run(folder, "--editors", "no_edit", "-o", str(tmp_path), *words)
    (row, *_) = read_rows(tmp_path / "no_edit/scores/student.parquet")
    assert row["rubric"] == "edit" and row["sampling"] == "readout median" and row["judge_version"]
    (both, *_) = read_rows(tmp_path / "no_edit/scores/ensemble.parquet")
    assert both["o_score"] == row["o_score"] and both["disagreement"] == 0 and both["rubric"] == "edit"
    assert both["sampling"].endswith("one: readout median; two: readout tokens")


def test_a_second_process_stops_before_it_judges_the_same_edits_by_the_same_judge(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omniedit.storage.locks.PATIENCE_S", 0)
    options = ("--editors", "no_edit", "-o", str(tmp_path))
    run(folder, *options, "--only", "edit")
    (tmp_path / "no_edit/scores").mkdir()
    with (tmp_path / "no_edit/scores/student.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process judges these edits by student"):
            run(folder, *options, "--only", "score")
        assert [file.name for file in (tmp_path / "no_edit/scores").iterdir()] == ["student.lock"]


def test_a_folder_of_another_set_is_not_overwritten(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(json.dumps({"set": "other", "version": "0" * 64}))
    with pytest.raises(UserError, match="holds results of other"):
        run(folder, "--editors", "no_edit", "-o", str(tmp_path))


def test_tables_without_scores_name_the_missing_step(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="score the editor no_edit by student first"):
        run(folder, "--editors", "no_edit", "-o", str(tmp_path), "--only", "edit", "--only", "table")


@pytest.mark.parametrize("name, problem", [("gedit-xx", "no benchmark 'gedit-xx'"), ("gedit-en", "does not ship")])
def test_an_unknown_set_or_one_without_data_is_an_error(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        open_set(name)


@pytest.mark.parametrize(
    ("own", "judge", "expected"),
    [
        ({"rubric": "viescore_editing", "prompts": "gedit"}, "api", "viescore_editing"),
        ({"rubric": "viescore_editing"}, "student", "edit"),
        ({}, "api", "edit"),
        ({"prompts": "kris"}, "api", None),
    ],
)
def test_the_rubric_comes_from_the_protocol_unless_its_prompts_do_not_ship(
    own: dict, judge: str, expected: str | None
) -> None:
    protocol = Protocol("", (), lambda item: None, lambda row: {}, lambda rows: [], "", "", **own)
    args = argparse.Namespace(set="x", rubric=None, prompts=None)
    bench_run = bench.BenchRun(args, None, protocol, {}, [])
    (choice,) = choose_judges([judge], BenchConfig(), ScoringConfig())
    if expected is None:
        with pytest.raises(UserError, match="give --prompts, a checkout of it with the prompts of kris"):
            bench_run.choose_rubric(choice)
    else:
        assert bench_run.choose_rubric(choice).name == expected


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_shard_numbers_outside_their_range_are_rejected(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        parse_shard(text)
    assert parse_shard("2/8") == (2, 8)


def test_names_are_separated_by_commas() -> None:
    assert split_names("a, b=x/y") == ["a", "b=x/y"]
    with pytest.raises(argparse.ArgumentTypeError):
        split_names("a,,b")
