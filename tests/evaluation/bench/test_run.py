"""Tests of runs of editors over a set."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers.small_bench import Brighten, noise, session_set, small_item, small_set
from omniedit.errors import DamagedFile, UserError
from omniedit.evaluation.bench.edit_records import EditFolder, SetShare, hold_edits
from omniedit.evaluation.bench.editors.native_size import Sizes
from omniedit.evaluation.bench.run import RunOptions, edit_set, share_items
from omniedit.imaging.images import encode_png


def test_each_item_has_an_image_of_the_sources_size_and_a_record(tmp_path: Path) -> None:
    editor = Brighten()
    editor.sizes = Sizes(policy="longer", side=32, multiple=8)
    edit_set(small_set(), editor, EditFolder(tmp_path), RunOptions())
    edits = EditFolder(tmp_path)
    record = edits.records["style/1"]
    assert (record.status, record.native, record.output, record.size) == ("edited", (32, 24), (32, 24), (60, 41))
    assert edits.read("style/1").shape == (41, 60, 3)
    assert (tmp_path / "edits/style/1.png").is_file()


def test_a_second_run_edits_only_what_failed(tmp_path: Path) -> None:
    edit_set(small_set(), Brighten(["style/2"]), EditFolder(tmp_path), RunOptions())
    assert EditFolder(tmp_path).records["style/2"].reason == "it fails"
    second = Brighten()
    edit_set(small_set(), second, EditFolder(tmp_path), RunOptions())
    assert [request.item.item_id for request in second.requests] == ["style/2"]
    assert EditFolder(tmp_path).records["style/2"].status == "edited"


@pytest.mark.parametrize(
    "options, version",
    [(RunOptions(seed=1), "brighten"), (RunOptions(), "2"), (RunOptions(restore="cover"), "brighten")],
)
def test_another_seed_version_or_policy_edits_again(tmp_path: Path, options: RunOptions, version: str) -> None:
    edit_set(small_set(), Brighten(), EditFolder(tmp_path), RunOptions())
    second = Brighten()
    second.version = version
    edit_set(small_set(), second, EditFolder(tmp_path), options)
    assert len(second.requests) == 4


def test_a_missing_image_is_made_again_and_a_changed_one_is_detected(tmp_path: Path) -> None:
    edit_set(small_set(), Brighten(), EditFolder(tmp_path), RunOptions())
    (tmp_path / "edits/style/0.png").unlink()
    (tmp_path / "edits/style/1.png").write_bytes(b"other")
    second = Brighten()
    edit_set(small_set(), second, EditFolder(tmp_path), RunOptions())
    assert [request.item.item_id for request in second.requests] == ["style/0"]
    with pytest.raises(DamagedFile):
        EditFolder(tmp_path).read("style/1")


def test_an_unfinished_line_of_a_killed_job_loses_one_item_only(tmp_path: Path) -> None:
    edit_set(small_set(), Brighten(), EditFolder(tmp_path), RunOptions())
    journal = tmp_path / "edits.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    second = Brighten()
    edit_set(small_set(), second, EditFolder(tmp_path), RunOptions())
    assert [request.item.item_id for request in second.requests] == ["style/3"]
    assert len(EditFolder(tmp_path).records) == 4


def test_a_turn_edits_the_output_of_the_previous_turn(tmp_path: Path) -> None:
    edit_set(session_set(), Brighten(), EditFolder(tmp_path), RunOptions())
    edits = EditFolder(tmp_path)
    first = noise(1, 41, 60) // 2 + 60
    assert np.array_equal(edits.read("style/1"), first)
    assert np.array_equal(edits.read("style/2"), first // 2 + 60)
    assert np.array_equal(edits.read("style/3"), (first // 2 + 60) // 2 + 60)


def test_turns_after_a_failure_are_failures(tmp_path: Path) -> None:
    edit_set(session_set(), Brighten(["style/2"]), EditFolder(tmp_path), RunOptions())
    records = EditFolder(tmp_path).records
    assert [records[f"style/{turn}"].status for turn in (1, 2, 3)] == ["edited", "failure", "failure"]
    assert records["style/3"].reason == "turn 2 of the session has no edit"


def test_shards_share_all_items_and_keep_sessions_together() -> None:
    bench = small_set(7)
    shares = [share_items(bench, SetShare(index, 3)) for index in (1, 2, 3)]
    assert sorted(item.item_id for share in shares for item in share) == sorted(i.item_id for i in bench.items)
    assert [len(share_items(session_set(), SetShare(index, 2))) for index in (1, 2)] == [3, 0]


def test_shards_write_records_that_are_read_together(tmp_path: Path) -> None:
    for index in (1, 2):
        shard = SetShare(index, 2)
        edit_set(small_set(), Brighten(), EditFolder(tmp_path, shard), RunOptions(shard=shard))
    assert len(EditFolder(tmp_path).records) == 4


def test_the_last_attempt_counts_in_any_file(tmp_path: Path) -> None:
    whole, shard = RunOptions(), SetShare(1, 2)
    edit_set(small_set(), Brighten(["style/0"]), EditFolder(tmp_path), whole)
    edit_set(small_set(), Brighten(), EditFolder(tmp_path, shard), RunOptions(shard=shard))
    edit_set(small_set(), Brighten(["style/1"]), EditFolder(tmp_path), RunOptions(seed=2, shard=SetShare(2, 2)))
    records = EditFolder(tmp_path).records
    assert [records[f"style/{number}"].status for number in range(4)] == ["edited", "failure", "edited", "edited"]


def test_noise_depends_on_the_item_and_not_on_its_batch(tmp_path: Path) -> None:
    alone, together = Brighten(), Brighten()
    alone.batch_size = 1
    for editor, folder in ((alone, "a"), (together, "b")):
        edit_set(small_set(), editor, EditFolder(tmp_path / folder), RunOptions(seed=3))
    seeds = [request.seed for request in alone.requests]
    assert seeds == [request.seed for request in together.requests] and len(set(seeds)) == 4


def test_a_broken_source_fails_only_its_item(tmp_path: Path) -> None:
    items = [small_item(0), dataclasses.replace(small_item(1), source=lambda: b"no image")]
    bench = dataclasses.replace(small_set(), items=items)
    edit_set(bench, Brighten(), EditFolder(tmp_path), RunOptions())
    records = EditFolder(tmp_path).records
    assert records["style/0"].status == "edited" and "not a readable image" in records["style/1"].reason


def test_items_with_references_need_an_editor_that_accepts_them(tmp_path: Path) -> None:
    encoded = encode_png(noise(9))
    items = [dataclasses.replace(small_item(0), references=(("subject", lambda: encoded),)), small_item(1)]
    bench = dataclasses.replace(small_set(), items=items)
    edit_set(bench, Brighten(), EditFolder(tmp_path), RunOptions())
    records = EditFolder(tmp_path).records
    assert "takes no reference images" in records["style/0"].reason and records["style/1"].status == "edited"
    able = Brighten()
    able.takes_references = True
    edit_set(bench, able, EditFolder(tmp_path), RunOptions())
    assert np.array_equal(able.requests[0].references[0], noise(9))


@pytest.mark.parametrize("name", ["../x", "/x", "", "a/../../b", "a\0b", "x" * 201])
def test_an_id_outside_the_folder_raises_an_error(tmp_path: Path, name: str) -> None:
    bench = dataclasses.replace(small_set(), items=[dataclasses.replace(small_item(0), item_id=name)])
    with pytest.raises(UserError, match="cannot be a path"):
        edit_set(bench, Brighten(), EditFolder(tmp_path), RunOptions())


def test_repeated_ids_raise_an_error() -> None:
    with pytest.raises(UserError, match="two items"):
        share_items(dataclasses.replace(small_set(), items=[small_item(0), small_item(0)]), SetShare())


def test_two_processes_do_not_edit_the_same_shard(tmp_path: Path) -> None:
    program = "import sys; from pathlib import Path; from omniedit.evaluation.bench.edit_records import *; "
    program += "hold_edits(Path(sys.argv[1]), SetShare(1, 2)); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=r"another process edits these items; each needs its own --shard"):
            hold_edits(tmp_path, SetShare(1, 2))
        hold_edits(tmp_path, SetShare(2, 2))
        other.communicate("")
    hold_edits(tmp_path, SetShare(1, 2))
