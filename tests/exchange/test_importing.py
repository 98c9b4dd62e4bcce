"""Import of data sets: published layouts, ids, tasks, options, and rows that cannot be used."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from helpers.pair_files import import_all, make_image, make_mask, omniedit_rows, read_all, write_parquet
from omniedit.errors import UserError
from omniedit.exchange.importing import ImportOptions, import_pairs, import_shard, parse_options
from omniedit.imaging.images import decode_mask

REPOSITORY = Path(__file__).parents[2]


def test_shards_together_have_each_row_once(tmp_path: Path) -> None:
    for file in range(3):
        columns = omniedit_rows(4, omni_edit_id=[f"{file}_{row}" for row in range(4)])
        write_parquet(tmp_path / f"in/{file}.parquet", columns, row_group_size=2)
    whole, _ = import_all(tmp_path / "in", tmp_path / "one", format="omniedit")
    for shards in (2, 3, 7, 20):
        dealt, _ = import_all(tmp_path / "in", tmp_path / f"run{shards}", shards, format="omniedit")
        assert sorted(dealt, key=lambda pair: pair.pair_id) == whole


def test_import_is_bit_identical_when_repeated(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", omniedit_rows(3))
    for name in "ab":
        import_shard(str(tmp_path / "x.parquet"), ImportOptions(format="omniedit"), 0, 1, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_table_of_paths_is_read_with_renamed_columns(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(make_image(0))
    (tmp_path / "b.jpg").write_bytes(make_image(1, kind="JPEG"))
    rows = [{"edit_image": "a.png", "image": "b.jpg", "prompt": "Go.", "depth": "a.png", "clip": 0.5, "id": 7}]
    (tmp_path / "metadata.json").write_text(json.dumps(rows))
    columns = {"source": "edit_image", "edited": "image", "instruction": "prompt"}
    columns |= {"reference.depth": "depth", "score.similarity": "clip"}
    path = str(tmp_path / "metadata.json")
    (pair,), _ = import_all(path, tmp_path / "run", format="table", columns=columns, licence="CC0")
    assert (pair.pair_id, pair.source) == ("table-7", make_image(0))
    assert [(each.role, each.image) for each in pair.references] == [("depth", make_image(0))]
    assert pair.imported_scores == {"similarity": 0.5} and pair.provenance["licence"] == "CC0"


def test_task_names_option_overrides_the_packaged_names(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", omniedit_rows(3, task=["swap", "env", "odd"]))
    pairs, _ = import_all(tmp_path, tmp_path / "run", format="omniedit", task_names={"swap": "exchange"})
    assert [pair.task for pair in pairs] == ["exchange", "environment_change", "odd"]


def bad_rows() -> dict[str, Any]:
    """Return columns in which rows 1 to 10 each have a fault."""
    columns = omniedit_rows(12)
    columns["src_img"][1] = None
    columns["src_img"][2] = {"bytes": b"broken", "path": None}
    columns["edited_img"][3] = {"bytes": make_image()[:200], "path": None}
    columns["edited_prompt_list"][4] = None
    columns["edited_prompt_list"][5] = ["", " "]
    columns["edited_prompt_list"][6] = ["x" * 30_000]
    columns["task"][7] = "../../etc"
    columns["edited_img"][8] = {"bytes": make_image(0, 20, 90), "path": None}
    columns["src_img"][9] = {"bytes": None, "path": "../secret.png"}
    columns["src_img"][10] = {"bytes": None, "path": "missing\x1b[31m" + "m" * 500}
    columns["task"][11] = "a\x00b"
    return columns


def test_bad_rows_are_rejected_with_a_reason_and_others_imported(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", bad_rows())
    pairs, rejections = import_all(tmp_path, tmp_path / "run", format="omniedit")
    assert [pair.pair_id for pair in pairs] == ["omniedit-task_obj_0", "omniedit-task_obj_11"]
    assert pairs[1].task == "ab"
    reasons = {each.source_id: each.reason for each in rejections}
    expected = {
        1: "no source image in src_img",
        2: "source: not a jpeg, png, webp, tiff image",
        3: "edited: broken data: ",
        4: "no instruction in edited_prompt_list",
        5: "no instruction in edited_prompt_list",
        6: "column 'edited_prompt_list' has 30000 characters, more than 20000",
        7: "the task name '../../etc' has a slash, a backslash or a brace",
        8: "edited: 20 x 90 pixels, its source 48 x 32; resizing would distort it",
        9: "column 'src_img': '../secret.png' leaves the table's folder",
        10: "column 'src_img': 'missing\\x1b[31mm",
    }
    assert set(reasons) == {f"x.parquet:{row}" for row in expected}
    for row, reason in expected.items():
        assert reasons[f"x.parquet:{row}"].startswith(reason)
        assert len(reasons[f"x.parquet:{row}"]) <= 500


def test_columns_of_wrong_type_are_rejected_row_by_row(tmp_path: Path) -> None:
    columns = omniedit_rows(2, src_img=[1, 2], edited_prompt_list=[5, 6])
    write_parquet(tmp_path / "x.parquet", columns)
    import_shard(str(tmp_path), ImportOptions(format="omniedit"), 0, 1, tmp_path / "run/candidates/x/00000.h5")
    pairs, rejections = read_all(tmp_path / "run", "x")
    assert pairs == []
    assert {each.reason for each in rejections} == {"column 'src_img': a value of type int, not an image"}


def test_repeated_ids_get_a_suffix_and_stay_unique(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", omniedit_rows(3, omni_edit_id=["same", "same", "\u00e9 /?"]))
    pairs, _ = import_all(tmp_path, tmp_path / "run", format="omniedit")
    ids = [pair.pair_id for pair in pairs]
    assert ids[0] == "omniedit-same" and ids[1].startswith("omniedit-same-") and len(set(ids)) == 3
    assert all(pair_id.isascii() and not set(pair_id) & set("/? ") for pair_id in ids)


def test_remote_data_set_is_imported(tmp_path: Path) -> None:
    files = fsspec.filesystem("memory")
    files.pipe("/pairs/0.parquet", write_parquet(tmp_path / "0.parquet", omniedit_rows(2)).read_bytes())
    pairs, _ = import_all("memory://pairs/{0..0}.parquet", tmp_path / "run", format="omniedit")
    assert [pair.provenance["imported"]["place"] for pair in pairs] == ["0.parquet:0", "0.parquet:1"]
    files.pipe("/pairs/a b.png", make_image())
    files.pipe("/pairs/x.jsonl", b'{"source": "a b.png", "edited": "a b.png", "instruction": "Go."}')
    (pair,), _ = import_all("memory://pairs/x.jsonl", tmp_path / "run", format="table")
    assert pair.source == make_image()


def test_import_without_pairs_leaves_no_files_and_names_the_first_reason(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"before": "a.png", "edited": "b.png", "instruction": "Go."}\n' * 2)
    expected = (
        "none of 2 rows makes a pair; the first problem: x.jsonl:0: no source image in source; the row has before, "
        "edited, instruction; if another column holds it, give --columns source=NAME"
    )
    with pytest.raises(UserError, match=re.escape(expected)):
        import_all(tmp_path, tmp_path / "run", format="table")
    assert not (tmp_path / "run/candidates/table").exists()


def test_ids_repeated_in_another_shard_stay_unique(tmp_path: Path) -> None:
    for file in ("a", "b"):
        write_parquet(tmp_path / f"in/{file}.parquet", omniedit_rows(2))
    pairs, _ = import_all(tmp_path / "in", tmp_path / "run", 2, format="omniedit")
    ids = [pair.pair_id for pair in pairs]
    assert ids[:2] == ["omniedit-task_obj_0", "omniedit-task_obj_1"] and len(set(ids)) == 4


def test_limit_applies_to_the_rows_of_all_shards(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", omniedit_rows(9), row_group_size=1)
    pairs, _ = import_all(tmp_path, tmp_path / "run", 2, format="omniedit", limit=5)
    assert len(pairs) == 5


def test_import_over_an_existing_one_is_rejected(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", omniedit_rows(1))
    import_all(tmp_path, tmp_path / "run", format="omniedit")
    with pytest.raises(UserError, match=r"candidates/omniedit: already has candidates; give another --name"):
        import_all(tmp_path, tmp_path / "run", format="omniedit")
    pairs, _ = import_all(tmp_path, tmp_path / "run", format="omniedit", name="second")
    assert pairs[0].pair_id == "second-task_obj_0"


def test_a_failed_import_leaves_no_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in ("a", "b"):
        write_parquet(tmp_path / f"in/{file}.parquet", omniedit_rows(1, omni_edit_id=[file]))
    written: list[list[Path]] = []

    def fail_on_the_second(path: str, options: ImportOptions, shard: int, *rest: Any) -> Any:
        written.append(list((tmp_path / "run").rglob("*.h5")))
        if shard == 1:
            raise UserError("disk full")
        return import_shard(path, options, shard, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("omniedit.exchange.importing.import_shard", fail_on_the_second)
        with pytest.raises(UserError, match="disk full"):
            import_all(tmp_path / "in", tmp_path / "run", 2, format="omniedit")
    assert written == [[], []] and not (tmp_path / "run/candidates/omniedit").exists()
    assert len(import_all(tmp_path / "in", tmp_path / "run", 2, format="omniedit")[0]) == 2


def test_two_imports_of_one_name_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniedit.storage.locks.PATIENCE_S", 0)
    write_parquet(tmp_path / "x.parquet", omniedit_rows(1))
    lock = tmp_path / "run/candidates/.omniedit.lock"
    program = "import sys; from omniedit.storage.locks import *; hold_lock(sys.argv[1]); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(lock)], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline()
        with pytest.raises(UserError, match=r"another import of this name is running \(process \d+"):
            import_all(tmp_path, tmp_path / "run", format="omniedit")
        assert len(import_all(tmp_path, tmp_path / "run", format="omniedit", name="second")[0]) == 1
        other.communicate(b"\n")
    assert len(import_all(tmp_path, tmp_path / "run", format="omniedit")[0]) == 1


def test_invalid_task_name_is_rejected_before_the_first_row(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", omniedit_rows(1))
    for options in ({"task": "../x"}, {"task_names": {"swap": "a/b"}}):
        with pytest.raises(UserError, match="has a slash, a backslash or a brace; give another --task"):
            import_all(tmp_path, tmp_path / "run", format="omniedit", **options)


@pytest.mark.parametrize("name", ["a/b", "..", ".a", "a b", "-a", "x" * 80])
def test_name_unusable_as_a_folder_is_rejected(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a name"):
        import_pairs(str(tmp_path), ImportOptions(format="omniedit", name=name), tmp_path / "run")


def test_summary_names_each_reason_once_with_an_example(tmp_path: Path) -> None:
    columns = omniedit_rows(4)
    columns["src_img"][1:3] = [{"bytes": b"a", "path": None}, {"bytes": b"bc", "path": None}]
    write_parquet(tmp_path / "x.parquet", columns)
    outcome = import_pairs(str(tmp_path), ImportOptions(format="omniedit"), tmp_path / "run")
    assert outcome.describe() == [
        "2 pairs: 2 object_swap",
        "2 rejected",
        "  2 x source: not a jpeg, png, webp, tiff image (first: x.parquet:1)",
    ]


def test_json_options_are_validated() -> None:
    assert parse_options('{"format": "omniedit", "sizes": "reject"}').sizes == "reject"
    for text, reason in (('{"format": "x", "size": 1}', "import option size"), ("[", "import option ")):
        with pytest.raises(UserError, match=reason):
            parse_options(text)


def test_memory_does_not_grow_with_the_data_set(tmp_path: Path) -> None:
    """Compare the peak memory of imports of 100 and of 600 pairs of 0.5 MB in one file."""
    noise = np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes()
    image = make_image(0, 64, 64) + noise  # decoders ignore bytes after the image
    program = (
        "import re, sys, pathlib; from omniedit.exchange.importing import *\n"
        "import_shard(sys.argv[1], ImportOptions(format='omniedit'), 0, 1, sys.argv[2])\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])"
    )
    peaks = []
    for count in (100, 600):
        columns = omniedit_rows(count, src_img=[{"bytes": image, "path": None}] * count)
        write_parquet(tmp_path / f"{count}.parquet", columns, row_group_size=20, use_dictionary=False)
        command = [sys.executable, "-c", program, str(tmp_path / f"{count}.parquet"), str(tmp_path / f"{count}.h5")]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True, cwd=REPOSITORY).stdout))
    assert peaks[1] - peaks[0] < 20_000, peaks  # in kB; the larger file has 150 MB more


def test_import_script_writes_a_shard(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", omniedit_rows(3), row_group_size=1)
    out = tmp_path / "run/candidates/mine/00001.h5"
    command = [sys.executable, "scripts/import_pairs.py", str(tmp_path / "x.parquet"), "--name", "mine"]
    command += [
        "--options",
        '{"format": "omniedit", "licence": "CC0"}',
        "--shard",
        "1",
        "--shards",
        "2",
        "--out",
        str(out),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stdout == "1 pairs: 1 object_swap\n", done.stderr
    (pair,), _ = read_all(tmp_path / "run", "mine")
    assert pair.provenance["licence"] == "CC0" and decode_mask(make_mask()).any()


def test_one_bad_file_of_several_is_recorded_and_the_others_imported(tmp_path: Path) -> None:
    write_parquet(tmp_path / "data/a.parquet", omniedit_rows(1))
    write_parquet(tmp_path / "data/b.parquet", {"x": [1]})
    (tmp_path / "data/c.parquet").write_bytes(b"")
    pairs, rejections = import_all(tmp_path / "data", tmp_path / "run", format="omniedit")
    assert len(pairs) == 1
    reasons = {each.source_id: each.reason for each in rejections}
    assert set(reasons) == {"b.parquet", "c.parquet"}
    assert "has no column omni_edit_id" in reasons["b.parquet"] and "not a valid Parquet file" in reasons["c.parquet"]


def test_columns_that_no_file_has_raise_an_error(tmp_path: Path) -> None:
    for name in "ab":
        write_parquet(tmp_path / f"data/{name}.parquet", {"x": [1]})
    with pytest.raises(UserError, match=r"has no column omni_edit_id.*; the columns are x"):
        import_all(tmp_path / "data", tmp_path / "run", format="omniedit")
