"""Tests of derived pairs of whole shards, and of the programs that write them."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from helpers import vlm_server as server
from helpers.derivable_pairs import make_pair, make_photo
from helpers.vlm_server import serving
from omniedit.instructions.derived_pairs import NO_INVERSE, accepted_ids, grow_compositions, grow_inverses
from omniedit.pairs import EditPair, Rejection, Shard, write_shard
from omniedit.scoring.score_table import SCORES_SCHEMA
from omniedit.storage.parquet import write_rows
from omniedit.tasks import Task

SCRIPTS = Path(__file__).parents[2] / "scripts"
REMOVAL = make_pair("object_removal", "Remove the dog.")
SWAP = make_pair("object_swap", "Replace the cup with a pot.", left=20)
PAINT = make_pair("attribute_modification", "Turn the bowl blue.", left=34)
OTHER = make_pair("object_swap", "Replace the cup with a pot.", seed=1, pair_id="other")
TURNS = [
    make_pair("add", text, pair_id=f"turn{n}", source=make_photo(n), edited=make_photo(n + 1), session="s", turn=n + 1)
    for n, text in enumerate(["Add a dog.", "Paint it red."])
]
PAIRS = {"object_removal": [REMOVAL], "mixed": [SWAP, PAINT, OTHER, *TURNS]}
ALL = [pair.pair_id for pairs in PAIRS.values() for pair in pairs]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"candidates/{name}/00000.h5" for name in PAIRS]
    for path, pairs in zip(paths, PAIRS.values(), strict=True):
        write_shard(path, Task(path.parent.name), "embedded", 0, pairs)
    return paths


def write_scores(files: Sequence[Path], success: float, quality: float) -> list[str]:
    """Write equal scores of all pairs; return the files."""
    paths = []
    for file in files:
        scores = {"sc_score_1": success, "sc_score_2": quality, "pq_score": quality, "o_score": min(success, quality)}
        rows = [{"pair_id": pair.pair_id, "status": "scored", **scores} for pair in PAIRS[file.parent.name]]
        paths.append(file.with_suffix(".parquet"))
        write_rows(paths[-1], rows, SCORES_SCHEMA)
    return list(map(str, paths))


def run_script(name: str, *arguments: object) -> str:
    command = [sys.executable, str(SCRIPTS / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pairs_at_or_above_the_threshold_are_accepted() -> None:
    scores = [("low", 7.9), ("equal", 8.0), ("none", None)]
    assert accepted_ids([{"pair_id": name, "o_score": score} for name, score in scores], 8) == {"equal"}


def test_thresholds_of_single_tasks_decide_which_pairs_are_derived_from(files: list[Path]) -> None:
    shards, ids = list(map(Shard, files)), [REMOVAL.pair_id, SWAP.pair_id]
    scores = [{"pair_id": name, "o_score": 8.0} for name in ids]
    assert accepted_ids(scores, 9, {"object_swap": 7.5}, shards) == {SWAP.pair_id}
    assert accepted_ids(scores, 7, {"object_swap": 8.5}, shards) == {REMOVAL.pair_id}


def test_only_accepted_pairs_get_an_inverse(files: list[Path]) -> None:
    shards = list(map(Shard, files))
    outcomes = list(grow_inverses(shards, {REMOVAL.pair_id, PAINT.pair_id}, seed=0))
    assert isinstance(outcomes[0], EditPair) and outcomes[0].pair_id == f"{REMOVAL.pair_id}-inverse"
    assert outcomes[1:] == [Rejection(PAINT.pair_id, NO_INVERSE)]


def test_edits_of_one_source_compose_in_twos_and_turns_as_sessions(files: list[Path]) -> None:
    shards = [Shard(file, keeps_last=False) for file in files]
    composed = [pair.provenance["derived"]["from"] for pair in grow_compositions(shards, ALL, seed=0)]
    assert composed == [["turn0", "turn1"], [REMOVAL.pair_id, SWAP.pair_id]]
    fewer = {REMOVAL.pair_id, PAINT.pair_id, "turn1", "other"}
    composed = [pair.provenance["derived"]["from"] for pair in grow_compositions(shards, fewer, seed=0)]
    assert composed == [[REMOVAL.pair_id, PAINT.pair_id]]


def test_grow_script_writes_bit_identical_shards(files: list[Path], tmp_path: Path) -> None:
    scores = write_scores(files, 9, 9)
    for how, count in (("inverse", 4), ("composed", 2)):
        outs = [tmp_path / f"{name}/candidates/{how}/00000.h5" for name in "ab"]
        for out in outs:
            options = ("--min-score", 8, "--seed", 0, "--out", out)
            said = run_script("grow_pairs.py", how, "--candidates", *files, "--scores", *scores, *options)
            assert f"{count} {how} pairs from 6 accepted ones" in said
        assert outs[0].read_bytes() == outs[1].read_bytes()
        with Shard(outs[0]) as shard:
            assert shard.task == how and len(shard) == count
            assert all(provenance["derived"]["how"] == how for provenance in shard.read_provenance())


def test_recaption_script_rewrites_good_edits_of_the_wrong_object(files: list[Path], tmp_path: Path) -> None:
    scores, out = write_scores(files[:1], 1, 9), tmp_path / "candidates/recaptioned/00000.h5"
    reply = {"changed": True, "task": "object_swap", "instruction": "Replace the dog with a grey stone."}
    with serving(server.says(json.dumps(reply))) as endpoint:
        api = {"url": endpoint.url, "model": "judge", "key_env": None, "cache": str(tmp_path / "cache")}
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"proposals": {"source": "api", "api": api}}))
        options = ("--config", config, "--spent", tmp_path / "spent", "--out", out)
        said = run_script("recaption.py", "--candidates", files[0], "--scores", *scores, *options)
    assert "1 of 1 pairs have a new instruction" in said
    with Shard(out) as shard:
        assert shard.tasks == [Task.OBJECT_SWAP]
        assert shard[0].instructions == ("Replace the dog with a grey stone.",)
        assert shard[0].provenance["recaptioned"]["from"] == "Remove the dog."


def test_model_is_not_loaded_if_no_pair_needs_recaptioning(files: list[Path], tmp_path: Path) -> None:
    scores, out = write_scores(files, 9, 9), tmp_path / "out.h5"
    config = json.dumps({"proposals": {"source": "local"}})
    run_script("recaption.py", "--candidates", *files, "--scores", *scores, "--config", config, "--out", out)
    with Shard(out) as shard:
        assert len(shard) == 0
