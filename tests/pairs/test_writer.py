"""Writer of shard files: image files are stored unchanged, and invalid pairs are named."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from helpers.plain_pairs import SOURCE, plain_pairs, same
from omniedit.errors import UserError
from omniedit.imaging.images import (
    Image,
    decode_image,
    encode_png,
)
from omniedit.pairs import (
    EditPair,
    EncodedPair,
    Reference,
    Shard,
    write_shard,
)
from omniedit.pairs import writer as writer_module
from omniedit.tasks import Task


def test_failed_writer_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        write_shard(tmp_path / "00000.h5", Task.OBJECT_SWAP, "embedded", 0, failing())
    assert not list(tmp_path.iterdir())


def failing():
    yield plain_pairs()[0]
    raise AssertionError


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
