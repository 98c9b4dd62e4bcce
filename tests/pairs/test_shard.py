"""Tests of shard files: they return the written pairs, are reproducible, and report damage."""

import io
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from omniedit.errors import DamagedFile, UserError
from omniedit.imaging.images import (
    Image,
    decode_image,
    decode_mask,
    encode_mask,
    encode_png,
    resize_cover,
    resize_cover_mask,
)
from omniedit.pairs import (
    Captions,
    EditPair,
    EncodedPair,
    Reference,
    Rejection,
    Shard,
    ShardWriter,
    make_pair_id,
    write_shard,
)
from omniedit.pairs import writer as writer_module
from omniedit.pairs.provenance import OPTIONAL
from omniedit.plain_text import clean
from omniedit.tasks import Task

SOURCE = {"source_id": "sea"}
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


def same(a: EditPair, b: EditPair) -> bool:
    masks = (a.mask is None) == (b.mask is None) and (a.mask is None or bool((a.mask == b.mask).all()))
    images = bool((a.source == b.source).all() and (a.edited == b.edited).all())
    references = [(each.role, each.image.tolist(), each.caption) for each in a.references] == [
        (each.role, each.image.tolist(), each.caption) for each in b.references
    ]
    return masks and images and references and metadata(a) == metadata(b)


def metadata(pair: EditPair | EncodedPair) -> dict[str, object]:
    images = ("source", "edited", "mask", "references")
    return {each.name: getattr(pair, each.name) for each in fields(pair) if each.name not in images}


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


def plain_pairs() -> list[EditPair]:
    rng = np.random.default_rng(0)
    names = [make_pair_id(Task.OBJECT_SWAP, "sea", 0, attempt) for attempt in range(20)]
    images = rng.integers(0, 255, (20, 2, 12, 16, 3), np.uint8)
    return [
        EditPair(n, Task.OBJECT_SWAP, ("Do.",), p[0], p[1], p[0, ..., 0] > 9, SOURCE)
        for n, p in zip(names, images, strict=True)
    ]


def test_same_pairs_give_bit_identical_shards_in_any_process(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.h5", Task.OBJECT_SWAP, "embedded", 0, plain_pairs(), [Rejection("x", "too small")])
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_shard import *;"
        "write_shard(sys.argv[2], Task.OBJECT_SWAP, 'embedded', 0, plain_pairs(), [Rejection('x', 'too small')])"
    )
    # Perturbed memory would show up in bytes that HDF5 leaves unwritten.
    other = {**os.environ, "PYTHONHASHSEED": "7", "MALLOC_PERTURB_": "165"}
    subprocess.run([sys.executable, "-c", program, Path(__file__).parent, tmp_path / "b.h5"], env=other, check=True)
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


def test_failed_writer_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        write_shard(tmp_path / "00000.h5", Task.OBJECT_SWAP, "embedded", 0, failing())
    assert not list(tmp_path.iterdir())


def failing():
    yield plain_pairs()[0]
    raise AssertionError


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


@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))), st.sampled_from([1, -1, 2]))
def test_images_of_any_memory_layout_are_lossless(image: np.ndarray, stride: int) -> None:
    view = image[::stride, ::-1]
    assert (decode_image(encode_png(view)) == view).all()
    assert (decode_mask(encode_mask(view[..., 0] > 99)) == (view[..., 0] > 99)).all()


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_image_is_resized_to_cover(width: int, height: int, to_width: int, to_height: int) -> None:
    image = np.full((height, width, 3), 200, np.uint8)
    resized = resize_cover(image, to_width, to_height)
    assert resized.shape == (to_height, to_width, 3) and (resized == 200).all()


def test_resized_mask_covers_every_changed_pixel() -> None:
    mask = np.zeros((64, 64), bool)
    mask[33, 21] = True
    assert resize_cover_mask(mask, 16, 16).sum() == 1 and resize_cover_mask(mask, 16, 16)[8, 5]


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
    with pytest.raises(UserError, match=r"0\.h5: a shard of format 4; formats 2 to 3 can be read"):
        Shard(tmp_path / "0.h5")


def encode_jpeg(image: np.ndarray, orientation: int = 1) -> bytes:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, "JPEG", quality=80, exif=exif)
    return file.getvalue()


def encoded_pair(source: bytes, edited: bytes, mask: bytes | None = None) -> EncodedPair:
    return EncodedPair("p", Task("colour splash"), ("Do.",), source, edited, mask, SOURCE)


def test_image_files_are_stored_bit_identical(tmp_path: Path) -> None:
    image = plain_pairs()[0].source
    jpeg, png = encode_jpeg(image), encode_png(image[::-1])
    captioned = Reference("layout", png, "a mug on a table")
    pair = replace(encoded_pair(jpeg, png), references=(Reference("subject", jpeg), captioned))
    write_shard(tmp_path / "0.h5", Task("mixed"), "import", 0, [pair])
    with Shard(tmp_path / "0.h5") as shard:
        assert shard.encoded_pair(0) == pair and shard.size(0) == (16, 12)
        assert (shard[0].source == decode_image(jpeg)).all() and (shard[0].edited == image[::-1]).all()
        assert [each.role for each in shard[0].references] == ["subject", "layout"]
        assert shard.reference_captions(0) == [None, "a mug on a table"]
        assert (shard[0].references[1].image == image[::-1]).all()


def test_exif_rotated_source_matches_its_upright_edit(tmp_path: Path) -> None:
    image = plain_pairs()[0].source
    turned = encode_jpeg(image, orientation=6)
    write_shard(
        tmp_path / "0.h5", Task("mixed"), "import", 0, [encoded_pair(turned, encode_jpeg(image.swapaxes(0, 1)))]
    )
    with Shard(tmp_path / "0.h5") as shard:
        assert shard[0].source.shape == (16, 12, 3) and shard.size(0) == (12, 16)


@pytest.mark.parametrize(
    ("source", "edited", "mask", "message"),
    [
        ((12, 16), (12, 15), None, "p: the edited image has 15 x 12 pixels, its source 16 x 12; resize it or reject"),
        ((12, 16), (12, 16), (16, 12), "p: the mask image has 12 x 16 pixels, its source 16 x 12"),
        ((12, 16), None, None, "p: edited: not a readable image"),
    ],
)
def test_image_files_of_different_sizes_are_rejected(
    tmp_path: Path, source: tuple[int, int], edited: tuple[int, int] | None, mask: tuple[int, int] | None, message: str
) -> None:
    files = [size and encode_png(np.zeros((*size, 3), np.uint8)) for size in (source, edited, mask)]
    with pytest.raises(UserError, match=message):
        write_shard(
            tmp_path / "0.h5", Task("mixed"), "import", 0, [encoded_pair(files[0], files[1] or b"GIF", files[2])]
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"references": (Reference("", np.zeros((1, 1, 3), np.uint8)),)}, "the role of a reference is ''"),
        ({"session": "a\nb", "turn": 1}, "session is 'a"),
        ({"turn": 1}, "turn is 1 of session None; give both"),
        ({"session": "s", "turn": 0}, "turn is 0 of session 's'; give both; turns count from 1"),
        ({"imported_scores": {"clip": float("nan")}}, "imported score 'clip' is nan; give a finite number or a text"),
        ({"imported_scores": {"clip": None}}, "imported score 'clip' is None"),
        ({"provenance": {}}, "provenance.source_id is missing; give a text"),
        ({"provenance": SOURCE | {"mine": np.zeros(1)}}, "provenance: .*not JSON serializable; convert it"),
    ],
)
def test_invalid_field_error_names_pair_and_remedy(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    pair = plain_pairs()[0]
    with pytest.raises(UserError, match=f"{pair.pair_id}: {message}"):
        write_shard(tmp_path / "0.h5", Task.OBJECT_SWAP, "mine", 0, [replace(pair, **changes)])


def test_metadata_is_read_without_decoding_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shard(tmp_path / "0.h5", Task.OBJECT_SWAP, "embedded", 0, plain_pairs())
    monkeypatch.setattr("omniedit.pairs.pair.decode_image", None)
    monkeypatch.setattr("omniedit.pairs.shard.decode_mask", None)
    with Shard(tmp_path / "0.h5") as shard:
        assert len(shard.tasks) == len(shard.read_instructions()) == len(shard.read_provenance()) == 20
        assert shard.encoded_pair(3).provenance == SOURCE and shard.size(3) == (16, 12)


def test_pair_of_unknown_task_is_local_if_it_has_a_mask() -> None:
    pair = replace(plain_pairs()[0], task=Task("colour splash"))
    assert pair.is_local and not replace(pair, mask=None).is_local
    assert replace(pair, task=Task.OBJECT_SWAP, mask=None).is_local
    assert not replace(pair, task=Task.STYLE_TRANSFER).is_local


def test_image_shared_by_several_pairs_is_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Image] = []
    monkeypatch.setattr(writer_module, "encode_png", lambda image: encoded.append(image) or encode_png(image))
    source = np.zeros((4, 6, 3), np.uint8)
    edits = [np.full((4, 6, 3), level, np.uint8) for level in (1, 2)]
    made = [
        EditPair(f"pair-{n}", Task.STYLE_TRANSFER, ("Paint it.",), source.copy(), edited, None, {"source_id": "a"})
        for n, edited in enumerate(edits)
    ]
    made.append(replace(made[0], pair_id="turned", source=source.reshape(6, 4, 3), edited=edits[0].reshape(6, 4, 3)))
    write_shard(tmp_path / "00000.h5", Task.STYLE_TRANSFER, "embedded", 0, made)
    assert len(encoded) == 5
    with Shard(tmp_path / "00000.h5") as shard:
        assert all(map(same, shard, made))
