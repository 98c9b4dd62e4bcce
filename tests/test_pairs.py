"""Shard files return the pairs that were written, have the same bytes each time, and report damage."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from omniedit.errors import Damaged, UserError
from omniedit.imaging.images import decode_image, decode_mask, encode_mask, encode_png, resize_cover, resize_cover_mask
from omniedit.pairs import EditPair, Refusal, Shard, ShardWriter, make_pair_id, write_shard
from omniedit.plain_text import clean
from omniedit.tasks import Task

texts = st.text(min_size=1, max_size=40).map(clean).filter(bool)
json_values = st.dictionaries(texts, st.none() | st.integers() | texts | st.lists(st.floats(0, 1), max_size=4))


@st.composite
def pairs(draw: st.DrawFn, pair_id: str) -> EditPair:
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 9)), 3)
    image = arrays(np.uint8, shape)
    mask = draw(st.none() | arrays(np.bool_, shape[:2]))
    instructions = tuple(draw(st.lists(texts, min_size=1, max_size=3)))
    return EditPair(pair_id, Task.OBJECT_SWAP, instructions, draw(image), draw(image), mask, draw(json_values))


shards = st.integers(0, 4).flatmap(lambda count: st.tuples(*(pairs(f"pair-{i}") for i in range(count))))


def same(a: EditPair, b: EditPair) -> bool:
    masks = (a.mask is None) == (b.mask is None) and (a.mask is None or bool((a.mask == b.mask).all()))
    images = bool((a.source == b.source).all() and (a.edited == b.edited).all())
    words = (a.pair_id, a.task, a.instructions, a.provenance) == (b.pair_id, b.task, b.instructions, b.provenance)
    return masks and images and words


@settings(max_examples=40)
@given(written=shards, refusals=st.lists(st.builds(Refusal, texts, texts), max_size=3), seed=st.integers(0, 2**31 - 1))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, written: tuple[EditPair, ...], refusals: list[Refusal], seed: int
) -> None:
    path = tmp_path_factory.mktemp("shard") / "00000.h5"
    write_shard(path, Task.OBJECT_SWAP, "embedded", seed, written, refusals, {"numpy": "2"})
    with Shard(path) as shard:
        assert (shard.task, shard.specialist, shard.seed, shard.versions) == (
            Task.OBJECT_SWAP,
            "embedded",
            seed,
            {"numpy": "2"},
        )
        assert len(shard) == len(written) and all(map(same, shard, written))
        assert shard.refusals == refusals
        for row, pair in enumerate(written):
            assert shard.instructions(row) == pair.instructions and shard.provenance(row) == pair.provenance
            assert shard.encoded("source", row) == encode_png(pair.source)
        with pytest.raises(IndexError):
            shard[len(written)]


def plain_pairs() -> list[EditPair]:
    rng = np.random.default_rng(0)
    names = [make_pair_id(Task.OBJECT_SWAP, "sea", 0, attempt) for attempt in range(20)]
    images = rng.integers(0, 255, (20, 2, 12, 16, 3), np.uint8)
    return [
        EditPair(n, Task.OBJECT_SWAP, ("Do.",), p[0], p[1], p[0, ..., 0] > 9, {})
        for n, p in zip(names, images, strict=True)
    ]


def test_same_pairs_give_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.h5", Task.OBJECT_SWAP, "embedded", 0, plain_pairs(), [Refusal("x", "too small")])
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_pairs import *;"
        "write_shard(sys.argv[2], Task.OBJECT_SWAP, 'embedded', 0, plain_pairs(), [Refusal('x', 'too small')])"
    )
    # Perturbed memory would show up in bytes that HDF5 leaves unwritten.
    other = {**os.environ, "PYTHONHASHSEED": "7", "MALLOC_PERTURB_": "165"}
    subprocess.run([sys.executable, "-c", program, Path(__file__).parent, tmp_path / "b.h5"], env=other, check=True)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_a_cut_file_is_told_wherever_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "00000.h5"
    write_shard(path, Task.OBJECT_SWAP, "embedded", 0, plain_pairs())
    whole = path.read_bytes()
    for end in range(0, len(whole), len(whole) // 50):
        path.write_bytes(whole[:end])
        with pytest.raises(Damaged, match=r"00000\.h5: damaged: not a valid HDF5 file"):
            Shard(path)


def test_a_flipped_bit_is_told_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "00000.h5"
    write_shard(path, Task.OBJECT_SWAP, "embedded", 0, plain_pairs())
    whole, told = path.read_bytes(), 0
    for place in np.random.default_rng(1).integers(0, len(whole), 100).tolist():
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            with Shard(path) as shard:
                assert all(map(same, shard, plain_pairs()))
        except Damaged:
            told += 1
    assert told > 50


def test_a_missing_file_and_a_file_of_another_kind_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        Shard(tmp_path / "absent.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["pair_id"] = [1]
    with pytest.raises(UserError, match=r"other\.h5: damaged: not a candidate shard, it lacks instruction, source"):
        Shard(tmp_path / "other.h5")


def test_a_job_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        write_shard(tmp_path / "00000.h5", Task.OBJECT_SWAP, "embedded", 0, failing())
    assert not list(tmp_path.iterdir())


def failing():
    yield plain_pairs()[0]
    raise AssertionError


def test_only_the_pair_at_hand_is_decoded(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "00000.h5", Task.OBJECT_SWAP, "embedded", 0) as writer:
        for pair in plain_pairs():
            writer.add(pair)
    with Shard(tmp_path / "00000.h5") as shard:
        assert shard[-1].pair_id == shard.pair_ids[-1]


@given(st.text(), st.integers(0, 99), st.integers(0, 2**31 - 1))
def test_pair_ids_are_safe_and_keep_sources_apart(source_id: str, attempt: int, seed: int) -> None:
    made = make_pair_id(Task.OBJECT_SWAP, source_id, seed, attempt)
    assert made.isascii() and all(c.isalnum() or c in "_-" for c in made)
    assert made != make_pair_id(Task.OBJECT_SWAP, source_id + "x", seed, attempt)
    assert made != make_pair_id(Task.OBJECT_SWAP, source_id, seed, attempt + 1)


@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))), st.sampled_from([1, -1, 2]))
def test_pictures_of_any_memory_layout_are_lossless(image: np.ndarray, stride: int) -> None:
    view = image[::stride, ::-1]
    assert (decode_image(encode_png(view)) == view).all()
    assert (decode_mask(encode_mask(view[..., 0] > 99)) == (view[..., 0] > 99)).all()


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_a_picture_is_scaled_to_cover(width: int, height: int, to_width: int, to_height: int) -> None:
    image = np.full((height, width, 3), 200, np.uint8)
    resized = resize_cover(image, to_width, to_height)
    assert resized.shape == (to_height, to_width, 3) and (resized == 200).all()


def test_a_scaled_mask_covers_every_pixel_that_changed() -> None:
    mask = np.zeros((64, 64), bool)
    mask[33, 21] = True
    assert resize_cover_mask(mask, 16, 16).sum() == 1 and resize_cover_mask(mask, 16, 16)[8, 5]


def test_text_that_no_shard_can_hold_is_cleaned(tmp_path: Path) -> None:
    blank = np.zeros((4, 4, 3), np.uint8)
    pair = EditPair("p", Task.OBJECT_REMOVAL, ("Remove the dog\0cat.", "half \ud83d"), blank, blank, None, {})
    write_shard(tmp_path / "0.h5", pair.task, "embedded", 0, [pair], [Refusal("x", "the do\0g is \x1b[31mlarge")])
    with Shard(tmp_path / "0.h5") as shard:
        assert shard[0].instructions == ("Remove the dogcat.", "half ?")
        assert shard.refusals == [Refusal("x", "the dog is [31mlarge")]
