"""Exports: files that Hugging Face `datasets` opens, selections, preference pairs, the data card, whole folders."""

import csv
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from helpers.pair_files import import_all, make_image, make_mask, omniedit_rows, write_parquet
from helpers.scored_run import SCORES, make_run
from omniedit.errors import UserError
from omniedit.exchange.candidates import PairSelection
from omniedit.exchange.exporting import ExportOptions, export_run
from omniedit.exchange.formats import FORMATS
from omniedit.pairs import Captions, EncodedPair, Reference, write_shard
from omniedit.scoring.filter import DECISIONS_SCHEMA
from omniedit.storage.parquet import read_rows, write_rows
from omniedit.tasks import Task

REPOSITORY = Path(__file__).parents[2]
TASK = Task("visual_depth")


def export(run: Path, name: str, out: Path, rows_per_file: int = 200, **selection: Any) -> int:
    return export_run(
        run, ExportOptions(format=name, selection=PairSelection(**selection), rows_per_file=rows_per_file), out
    )


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    """Return a run whose pairs have every field."""
    pairs = [
        EncodedPair(
            **{"pair_id": f"p{number}", "task": TASK, "instructions": ("Go.", f"Run {number}.")},
            **{"source": make_image(number), "edited": make_image(number + 9, kind="JPEG"), "mask": make_mask()},
            provenance={
                "source_id": "a",
                "licence": "CC0",
                "author": "Ann",
                "origin": "https://a",
                "models": {"m": "abc"},
            },
            references=(Reference("depth", make_image(5)),),
            captions=Captions("a dog", "a cat"),
            session="s",
            turn=number + 1,
            imported_scores={"clip": 0.5, "sc_score_1": number, "o_score": 7.5, "note": "=1+1"},
        )
        for number in range(3)
    ]
    write_shard(tmp_path / "run/candidates/made/00000.h5", Task("made"), "test", 0, pairs)
    return tmp_path / "run"


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_hugging_face_datasets_opens_each_export(
    name: str, rich: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    assert export(rich, name, tmp_path / "out", 2) == 3
    rows = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(rows) == (12 if name == "folders" else 3)  # `datasets` lists the images of folders without pairing them
    if name in (
        "omniedit",
        "instructpix2pix",
        "magicbrush",
        "ultraedit",
        "anyedit",
        "hq-edit",
        "parquet",
        "imagefolder",
    ):
        images = [value for value in rows[0].values() if hasattr(value, "size") and value.size == (48, 32)]
        assert len(images) >= 2


def test_omniedit_export_has_13_columns_with_image_features(rich: Path, tmp_path: Path) -> None:
    export(rich, "omniedit", tmp_path / "out", 2)
    files = sorted((tmp_path / "out/data").iterdir())
    assert [file.name for file in files] == ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]
    schema = pq.read_schema(files[0])
    expected = "omni_edit_id task src_img edited_img edited_prompt_list width height sc_score_1 sc_score_2 sc_reasoning"
    assert schema.names == [*expected.split(), "pq_score", "pq_reasoning", "o_score"]
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features["src_img"] == features["edited_img"] == {"_type": "Image"}
    row = pq.read_table(files[0]).to_pylist()[1]
    assert row["src_img"] == {"bytes": make_image(1), "path": None} and row["edited_prompt_list"] == ["Go.", "Run 1."]
    assert (row["width"], row["height"], row["sc_score_1"], row["o_score"]) == (48, 32, 1, 7.5)


def test_scores_of_the_run_override_imported_scores(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"a": 9.0, "b": 8.5})
    export(run, "omniedit", tmp_path / "out")
    table = pq.read_table(tmp_path / "out/data")
    assert table["o_score"].to_pylist() == [9.0, 8.5] and table["sc_score_1"].to_pylist() == [9.0, 8.5]
    assert str(table.schema.field("sc_score_1").type) == "double"  # an integer column would lose 8.5
    assert table["sc_reasoning"].to_pylist() == ["Good."] * 2
    assert table["task"].to_pylist() == ["swap"] * 2


def test_control_folders_have_the_layout_that_trainers_read(rich: Path, tmp_path: Path) -> None:
    export(rich, "folders", tmp_path / "out")
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    for number in range(3):
        expected = {f"control/p{number}.png", f"target/p{number}.jpg", f"target/p{number}.txt"}
        assert expected | {f"control_2/p{number}.png", f"mask/p{number}.png"} <= names
    assert (tmp_path / "out/target/p0.txt").read_text() == "Go.\n"
    assert (tmp_path / "out/control/p0.png").read_bytes() == make_image(0)


def test_tar_samples_have_the_same_members(rich: Path, tmp_path: Path) -> None:
    export(rich, "webdataset", tmp_path / "out", 2)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tar")) == ["train-00000.tar", "train-00001.tar"]
    with tarfile.open(tmp_path / "out/train-00000.tar") as tar:
        members = tar.getnames()
    kinds = ["source.png", "edited.jpg", "mask.png", "reference.0.png", "json"]
    assert members == [f"p{number}.{kind}" for number in range(2) for kind in kinds]


def test_samples_with_different_members_get_separate_configurations(tmp_path: Path) -> None:
    columns = omniedit_rows(3)
    columns["edited_img"][1] = {"bytes": make_image(7), "path": None}
    write_parquet(tmp_path / "x.parquet", columns)
    import_all(tmp_path / "x.parquet", tmp_path / "run", format="omniedit")
    export(tmp_path / "run", "webdataset", tmp_path / "out")
    text = (tmp_path / "out/README.md").read_text()
    assert "Pairs: `default` 2, `train-2` 1." in text
    card = yaml.safe_load(text.split("---")[1])
    paths = {config["config_name"]: config["data_files"][0]["path"] for config in card["configs"]}
    assert paths == {"default": f"train-{'[0-9]' * 5}.tar", "train-2": f"train-2-{'[0-9]' * 5}.tar"}
    assert (
        len(list((tmp_path / "out").glob(paths["default"])))
        == len(list((tmp_path / "out").glob(paths["train-2"])))
        == 1
    )


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet", "webdataset"])
def test_datasets_opens_columns_of_any_shape_that_few_pairs_have(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    (tmp_path / "a.png").write_bytes(make_image())
    late = {"boxes": [[1, 2], [3, 4]], "tags": ["a"], "about": {"k": [1.5]}, "nothing": {}, "source_caption": "A dog."}
    rows = [
        {"source": "a.png", "edited": "a.png", "instruction": "Go.", "odd": 2**70, "@id": "x", "": 3}
    ] * 6  # the types of 5 are guessed
    (tmp_path / "x.json").write_text(json.dumps([*rows, {**rows[0], **late}]))
    import_all(tmp_path / "x.json", tmp_path / "run", format="table")
    export(tmp_path / "run", name, tmp_path / "out")
    row = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))[6]
    values = row["json"] if name == "webdataset" else row
    assert values["source_caption"] == "A dog." and json.loads(values["nothing"]) == {}
    shown = {key: json.loads(values[key]) if name == "csv" else values[key] for key in ("boxes", "tags", "about")}
    assert shown == {key: late[key] for key in shown}
    assert str(values["odd"]).lstrip("'") == str(2**70) and str(values["Unnamed"]) == "3"
    pairs, _ = import_all(tmp_path / "out", tmp_path / "back", format=name)
    assert pairs[0].provenance["imported"]["columns"]["@id"] == "x"


def test_cells_that_a_spreadsheet_would_evaluate_are_escaped(rich: Path, tmp_path: Path) -> None:
    shard = EncodedPair("f", TASK, ("=HYPERLINK(1)",), make_image(0), make_image(1), None, {"source_id": "a"})
    write_shard(tmp_path / "one/candidates/made/00000.h5", Task("made"), "test", 0, [shard])
    export(tmp_path / "one", "csv", tmp_path / "out")
    with (tmp_path / "out/pairs.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["instruction"] == "'=HYPERLINK(1)"
    (back,), _ = import_all(tmp_path / "out", tmp_path / "back", format="csv")
    assert back.instruction == "=HYPERLINK(1)"


def test_rejected_pairs_are_exported_with_their_reason(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", SCORES)
    assert export(run, "table", tmp_path / "out", kind="rejected") == 3
    rows = [json.loads(line) for line in (tmp_path / "out/pairs.jsonl").read_text().splitlines()]
    reasons = {row["id"]: row["rejection_reason"] for row in rows}
    assert reasons == {"c": "below threshold", "d": "unscorable", "e": "below threshold"}


def test_preference_pairs_share_source_and_instruction(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", SCORES, instruction="Go.")
    make_run(run, {"x": 9.0, "y": 8.5}, shard="style/00000", instruction="Both are good.")
    assert export(run, "parquet", tmp_path / "out", kind="preference") == 2
    rows = pq.read_table(tmp_path / "out/data").to_pylist()
    assert [(row["chosen_id"], row["rejected_id"], row["chosen_score"], row["rejected_score"]) for row in rows] == [
        ("a", "c", 9.0, 7.0),
        ("a", "e", 9.0, 5.0),
    ]
    assert rows[0]["instruction"] == "Go." and rows[0]["source"]["bytes"] == make_image(0)
    assert (rows[0]["chosen"]["bytes"], rows[0]["rejected"]["bytes"]) == (make_image(1), make_image(3))
    with pytest.raises(UserError, match="--preference cannot be written as folders"):
        export(run, "folders", tmp_path / "folders", kind="preference")
    with pytest.raises(UserError, match="no source and instruction has both"):
        export(run, "parquet", tmp_path / "none", kind="preference", tasks=("style",))


def test_lesser_candidates_are_exported_only_as_preference_pairs(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"a": 9.0, "b": 8.5, "c": 5.0}, instruction="Go.")
    file = run / "decisions/swap/00000.parquet"
    lesser = {"reason": "not the best of 3 candidates of its request", "kept": False}
    write_rows(file, [row | (lesser if row["pair_id"] != "a" else {}) for row in read_rows(file)], DECISIONS_SCHEMA)
    assert export(run, "parquet", tmp_path / "pairs", kind="preference") == 2
    rows = pq.read_table(tmp_path / "pairs/data").to_pylist()
    assert [(row["chosen_id"], row["rejected_id"]) for row in rows] == [("a", "b"), ("a", "c")]
    assert export(run, "parquet", tmp_path / "low", min_score=1) == 1
    assert export(run, "parquet", tmp_path / "top", top=100) == 1
    assert "| not the best of 3 candidates of its request | 2 |" in (tmp_path / "low/README.md").read_text()


def test_edits_with_different_sources_form_no_preference_pair(tmp_path: Path) -> None:
    """An addition is a reversed removal, so its candidates differ in their source."""
    run = make_run(tmp_path / "run", {"a": 9.0, "b": 5.0}, instruction="Add a dog.")
    about = {"source_id": "a", "source_sha256": "of the photo", "ratio": "3x2"}
    pairs = [
        EncodedPair(name, TASK, ("Add a dog.",), make_image(number), make_image(9), None, about)
        for number, name in enumerate("ab")
    ]
    write_shard(run / "candidates/swap/00000.h5", TASK, "embedded", 0, pairs)
    with pytest.raises(UserError, match="no source and instruction has both"):
        export(run, "parquet", tmp_path / "out", kind="preference")


def test_data_card_names_what_the_format_cannot_hold(rich: Path, tmp_path: Path) -> None:
    missing = {
        "instructpix2pix": "masks, paraphrases, sessions, turns, reference images",
        "folders": "paraphrases, captions of the source, captions of the edited image, sessions, turns",
        "webdataset": None,
    }
    for name, fields in missing.items():
        export(rich, name, tmp_path / name)
        lines = (tmp_path / name / "README.md").read_text().splitlines()
        assert [line for line in lines if line.startswith("Not in")] == (
            [f"Not in this format: {fields}."] if fields else []
        )


def test_data_card_counts_chosen_and_rejected_pairs(tmp_path: Path) -> None:
    run = make_run(tmp_path / "night|run", SCORES, licence="CC0 <b>")
    export(run, "omniedit", tmp_path / "out", min_score=7)
    text = (tmp_path / "out/README.md").read_text()
    metadata = yaml.safe_load(text.split("---")[1])
    (split,) = metadata["dataset_info"]["splits"]
    assert (split["name"], split["num_examples"]) == ("train", 3)
    assert split["num_bytes"] == sum(file.stat().st_size for file in (tmp_path / "out/data").iterdir())
    assert {"name": "src_img", "dtype": "image"} in metadata["dataset_info"]["features"]
    for line in (
        *(
            "# Edit pairs of night\\|run",
            "Chosen: O of at least 7.",
            "| swap | 3 |",
            "| 3x2 | 3 |",
            "| CC0 \\<b\\> | 3 |",
        ),
        *("| reference 1 | 3 |", "| embedded | 3 |", "| 7 to 8 | 1 |", "| 9 to 10 | 1 |"),
        *("## Rejected", "| below threshold | 1 |", "| unscorable | 1 |"),
    ):
        assert line in text, line


def test_non_empty_output_folder_is_rejected(rich: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export(rich, "omniedit", tmp_path / "out")
    with pytest.raises(UserError, match=r"out: is not empty; give another folder, or delete this one"):
        export(rich, "omniedit", tmp_path / "out")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file: is a file; give a folder"):
        export(rich, "omniedit", tmp_path / "file")


def test_failed_export_leaves_no_files(rich: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniedit.exchange.exporting.CARD", "no/such/folder")
    with pytest.raises(FileNotFoundError):
        export(rich, "omniedit", tmp_path / "to/out")
    assert list((tmp_path / "to").iterdir()) == []


def test_export_without_pairs_raises_error(rich: Path, tmp_path: Path) -> None:
    none = r"run: none of its 3 pairs matches the options; available: "
    with pytest.raises(UserError, match=none + r"task visual_depth \(3\); decision none \(3\)$"):
        export(rich, "omniedit", tmp_path / "out", tasks=("nope",))
    with pytest.raises(UserError, match=none + r"ratio \w+ \(\d\).*; licence .+ \(\d\).*; decision none \(3\)$"):
        export(rich, "omniedit", tmp_path / "out", licences=("nope",), ratios=("9x16",))
    assert not (tmp_path / "out").exists()


def test_custom_layout_writes_its_own_columns(rich: Path, tmp_path: Path) -> None:
    layout = tmp_path / "mine.yaml"
    layout.write_text(
        "files: parquet\n"
        "columns:\n  before: source binary\n  after: edited\n  ask: instruction\n"
        "  depth: reference.depth?\n  hint: mask?\n"
    )
    export(rich, str(layout), tmp_path / "out")
    table = pq.read_table(tmp_path / "out/data")
    assert table.column_names == ["before", "after", "ask", "depth", "hint"]
    assert table["before"][0].as_py() == make_image(0) and table["depth"][0].as_py()["bytes"] == make_image(5)
    pairs, _ = import_all(tmp_path / "out", tmp_path / "back", format=str(layout), name="mine")
    assert [(pair.source, pair.mask) for pair in pairs] == [(make_image(number), make_mask()) for number in range(3)]


def test_script_and_command_write_identical_files(rich: Path, tmp_path: Path) -> None:
    arguments = ["--format", "magicbrush", "--task", "visual_depth,other", "--licence", "cc0"]
    for out, command in (("a", ["scripts/export_pairs.py"]), ("b", ["-m", "omniedit", "export"])):
        command = [sys.executable, *command, str(rich), *arguments, "--out", str(tmp_path / out)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
        assert done.returncode == 0 and "3 rows" in done.stdout, done.stderr
    files = [file.relative_to(tmp_path / "a") for file in (tmp_path / "a").rglob("*") if file.is_file()]
    assert files and all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)
