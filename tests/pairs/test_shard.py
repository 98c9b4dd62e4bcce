"""Tests of shard files: they return the written pairs, are reproducible, and report damage."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers.plain_pairs import SOURCE, metadata, plain_pairs, same
from omniedit.errors import DamagedFile, UserError
from omniedit.imaging.images import decode_image, encode_png
from omniedit.pairs import (
    Captions,
    EditPair,
    Reference,
    Rejection,
    Shard,
    ShardWriter,
    make_pair_id,
    write_shard,
)
from omniedit.pairs import pair as pair_module
from omniedit.pairs.provenance import OPTIONAL
from omniedit.plain_text import clean
from omniedit.tasks import Task

FORMAT_2 = Path(__file__).parent / "data" / "candidates_format_2.h5"


texts = st.text(min_size=1, max_size=40).map(clean).filter(bool)


roles = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9)


tasks = st.sampled_from([Task.OBJECT_SWAP, Task.STYLE_TRANSFER, Task("colour splash")])


unknown_keys = texts.filter(lambda text: text not in OPTIONAL)  # Hypothesis draws texts from the modules under test too


json_values = st.dictionaries(unknown_keys, st.none() | st.integers() | texts | st.lists(st.floats(0, 1), max_size=4))


@st.composite
def pairs(draw: st.DrawFn, pair_id: str) -> EditPair:
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 9)), 3)
    image = arrays(np.uint8, shape)
    mask = draw(st.none() | arrays(np.bool_, shape[:2]))
    instructions = tuple(draw(st.lists(texts, min_size=1, max_size=3)))
    small = arrays(np.uint8, st.tuples(*[st.integers(1, 5)] * 2, st.just(3)))
    references = st.builds(Reference, roles, small, st.none() | texts)
    session = draw(st.none() | roles)
    return EditPair(
        pair_id,
        draw(tasks),
        instructions,
        draw(image),
        draw(image),
        mask,
        {**draw(json_values), **SOURCE},
        tuple(draw(st.lists(references, max_size=3))),
        Captions(draw(st.none() | texts), draw(st.none() | texts)),
        session,
        None if session is None else draw(st.none() | st.integers(1, 99)),
        draw(st.dictionaries(texts, st.integers() | st.floats(0, 10) | texts, max_size=3)),
    )


shards = st.integers(0, 4).flatmap(lambda count: st.tuples(*(pairs(f"pair-{i}") for i in range(count))))


@settings(max_examples=40)
@given(
    written=shards, rejections=st.lists(st.builds(Rejection, texts, texts), max_size=3), seed=st.integers(0, 2**31 - 1)
)
def test_written_shard_reads_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, written: tuple[EditPair, ...], rejections: list[Rejection], seed: int
) -> None:
    path = tmp_path_factory.mktemp("shard") / "00000.h5"
    write_shard(path, Task.OBJECT_SWAP, "embedded", seed, written, rejections, {"numpy": "2"})
    with Shard(path) as shard:
        assert (shard.task, shard.specialist, shard.seed, shard.versions) == (
            Task.OBJECT_SWAP,
            "embedded",
            seed,
            {"numpy": "2"},
        )
        assert len(shard) == len(written) and all(map(same, shard, written))
        assert shard.rejections == rejections
        for row, pair in enumerate(written):
            assert shard.instructions(row) == pair.instructions and shard.provenance(row) == pair.provenance
            assert shard.encoded("source", row) == encode_png(pair.source)
            assert (shard.captions(row), shard.imported_scores(row)) == (pair.captions, pair.imported_scores)
            assert metadata(shard.encoded_pair(row)) == metadata(pair)
        assert shard.tasks == [pair.task for pair in written]
        assert shard.read_instructions() == [pair.instructions for pair in written]
        assert shard.read_provenance() == [pair.provenance for pair in written]
        with pytest.raises(IndexError):
            shard[len(written)]


def test_same_pairs_give_bit_identical_shards_in_any_process(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.h5", Task.OBJECT_SWAP, "embedded", 0, plain_pairs(), [Rejection("x", "too small")])
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from helpers.plain_pairs import Task, plain_pairs;"
        "from omniedit.pairs import Rejection, write_shard;"
        "write_shard(sys.argv[2], Task.OBJECT_SWAP, 'embedded', 0, plain_pairs(), [Rejection('x', 'too small')])"
    )
    # Perturbed memory would show up in bytes that HDF5 leaves unwritten.
    other = {**os.environ, "PYTHONHASHSEED": "7", "MALLOC_PERTURB_": "165"}
    subprocess.run([sys.executable, "-c", program, Path(__file__).parents[1], tmp_path / "b.h5"], env=other, check=True)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_truncated_shard_is_reported_as_damaged(tmp_path: Path) -> None:
    path = tmp_path / "00000.h5"
    write_shard(path, Task.OBJECT_SWAP, "embedded", 0, plain_pairs())
    whole = path.read_bytes()
    for end in range(0, len(whole), len(whole) // 50):
        path.write_bytes(whole[:end])
        with pytest.raises(DamagedFile, match=r"00000\.h5: damaged: not a valid HDF5 file"):
            Shard(path)


def test_flipped_bit_is_detected_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "00000.h5"
    write_shard(path, Task.OBJECT_SWAP, "embedded", 0, plain_pairs())
    whole, detected = path.read_bytes(), 0
    for place in np.random.default_rng(1).integers(0, len(whole), 100).tolist():
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            with Shard(path) as shard:
                assert all(map(same, shard, plain_pairs()))
        except DamagedFile:
            detected += 1
    assert detected > 50


def test_missing_file_and_foreign_hdf5_file_raise_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        Shard(tmp_path / "absent.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["pair_id"] = [1]
    with pytest.raises(UserError, match=r"other\.h5: damaged: not a candidate shard, it lacks instruction, source"):
        Shard(tmp_path / "other.h5")


def test_negative_index_returns_the_last_pair(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "00000.h5", Task.OBJECT_SWAP, "embedded", 0) as writer:
        for pair in plain_pairs():
            writer.add(pair)
    with Shard(tmp_path / "00000.h5") as shard:
        assert shard[-1].pair_id == shard.pair_ids[-1]


@given(st.text(), st.integers(0, 99), st.integers(0, 2**31 - 1))
def test_pair_ids_are_safe_and_unique_per_source_and_attempt(source_id: str, attempt: int, seed: int) -> None:
    made = make_pair_id(Task.OBJECT_SWAP, source_id, seed, attempt)
    assert made.isascii() and all(c.isalnum() or c in "_-" for c in made)
    assert made != make_pair_id(Task.OBJECT_SWAP, source_id + "x", seed, attempt)
    assert made != make_pair_id(Task.OBJECT_SWAP, source_id, seed, attempt + 1)


def test_text_unsuitable_for_hdf5_is_cleaned(tmp_path: Path) -> None:
    blank = np.zeros((4, 4, 3), np.uint8)
    about = SOURCE | {"origin": "https://h/a.jpg?sig=abc"}
    pair = EditPair("p", Task.OBJECT_REMOVAL, ("Remove the dog\0cat.", "half \ud83d"), blank, blank, None, about)
    write_shard(tmp_path / "0.h5", pair.task, "embedded", 0, [pair], [Rejection("x", "the do\0g is \x1b[31mlarge")])
    with Shard(tmp_path / "0.h5") as shard:
        assert shard[0].instructions == ("Remove the dogcat.", "half ?")
        assert shard[0].provenance["origin"] == "https://h/a.jpg?sig=***"
        assert shard.rejections == [Rejection("x", "the dog is [31mlarge")]


def test_format_2_shard_reads_unchanged() -> None:
    rng = np.random.default_rng(2)
    images = rng.integers(0, 255, (4, 2, 6, 8, 3), np.uint8)
    with Shard(FORMAT_2) as shard:
        assert (shard.format, shard.task, shard.seed, len(shard)) == (2, Task.OBJECT_SWAP, 3, 2)
        assert shard.rejections == [Rejection("photo9", "no object to swap")]
        assert shard.tasks == [Task.OBJECT_SWAP] * 2
        assert shard.read_instructions()[0] == ("Swap the cat for a dog.", "Make the cat a dog.")
        assert [about["source_id"] for about in shard.read_provenance()] == ["photo0", "photo1"]
        assert shard.digest == "f604d73df494fb5df8597dc4f0ccc1e864d844dc9adff39d8fc00d5bf9295256"
        for row, pair in enumerate(shard):
            assert (pair.source == images[row, 0]).all() and (pair.edited == images[row, 1]).all()
            assert pair.references == () and pair.captions == Captions() and pair.imported_scores == {}
            assert pair.session is None and pair.turn is None
        assert (shard[0].mask == (images[0, 0, ..., 0] > 99)).all() and shard[1].mask is None


def test_format_2_shard_is_copied_to_format_3(tmp_path: Path) -> None:
    with Shard(FORMAT_2) as old:
        pairs = [old.encoded_pair(row) for row in range(len(old))]
        write_shard(tmp_path / "0.h5", old.task, old.specialist, old.seed, pairs, old.rejections, old.versions)
        with Shard(tmp_path / "0.h5") as new:
            assert new.format == 3 and all(map(same, new, old))


def test_newer_format_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniedit.pairs.writer.FORMAT", 4)
    write_shard(tmp_path / "0.h5", Task.OBJECT_SWAP, "embedded", 0, plain_pairs())
    with pytest.raises(UserError, match=r"0\.h5: has format 4; formats 2 to 3 can be read"):
        Shard(tmp_path / "0.h5")


def test_metadata_is_read_without_decoding_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shard(tmp_path / "0.h5", Task.OBJECT_SWAP, "embedded", 0, plain_pairs())
    monkeypatch.setattr("omniedit.pairs.pair.decode_image", None)
    monkeypatch.setattr("omniedit.pairs.shard.decode_mask", None)
    with Shard(tmp_path / "0.h5") as shard:
        assert len(shard.tasks) == len(shard.read_instructions()) == len(shard.read_provenance()) == 20
        assert shard.encoded_pair(3).provenance == SOURCE and shard.size(3) == (16, 12)


def test_source_of_several_pairs_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight photos visited in turn: the second round decodes only edited images; a ninth photo displaces the first."""
    sources = [np.full((4, 5, 3), level, np.uint8) for level in range(9)]
    edits = [replace(pair, source=sources[i % 8], edited=sources[8], mask=None) for i, pair in enumerate(plain_pairs())]
    written = [*edits[:16], replace(edits[16], source=sources[8]), replace(edits[17], source=sources[0])]
    write_shard(tmp_path / "0.h5", Task.OBJECT_SWAP, "embedded", 0, written)
    decoded = []
    monkeypatch.setattr(pair_module, "decode_image", lambda file, label: decoded.append(label) or decode_image(file))
    with Shard(tmp_path / "0.h5") as shard:
        for pair, expected in zip(shard, written, strict=True):
            assert np.array_equal(pair.source, expected.source) and not pair.source.flags.writeable
    assert len([label for label in decoded if label.endswith("source")]) == 8 + 1 + 1


def test_pair_of_unknown_task_is_local_if_it_has_a_mask() -> None:
    pair = replace(plain_pairs()[0], task=Task("colour splash"))
    assert pair.is_local and not replace(pair, mask=None).is_local
    assert replace(pair, task=Task.OBJECT_SWAP, mask=None).is_local
    assert not replace(pair, task=Task.STYLE_TRANSFER).is_local
