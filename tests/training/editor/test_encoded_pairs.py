"""Tests that pairs encoded in advance and pairs encoded in training are bit-identical."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.small_training import OPTIONS, PARTS, SIDE, make_run
from omniedit.buckets.placement import read_plan
from omniedit.buckets.store import BucketStore
from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.models.base import Base
from omniedit.training.editor.batches import EditBatchBuilder
from omniedit.training.editor.encoded_pairs import EncodedPairs, encode_part, find_spans
from omniedit.training.editor.instruction_encoder import InstructionEncoder
from omniedit.training.editor.npy_writer import from_bits, to_bits


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("encoded")
    make_run(root)
    base, plan = Base.load(root / "base"), read_plan(root / "buckets/plan.parquet")
    for part in PARTS:
        (root / "encoded" / part).mkdir(parents=True)
        store = BucketStore(root / "buckets", resolution=SIDE)
        made = list(encode_part(store, plan, part, base.vae, base.text, "float32", root / "encoded" / part))
        assert made
    return root


def test_batches_from_encoded_pairs_are_bit_identical(run: Path) -> None:
    base, store = Base.load(run / "base"), BucketStore(run / "buckets", resolution=SIDE)
    encoded = EncodedPairs(run / "encoded", store, "float32")
    builder = EditBatchBuilder(base.vae, InstructionEncoder(base.text), TrainConfig.model_validate(OPTIONS), seed=0)
    for ratio, pairs in store.sizes().items():
        if pairs:
            rows = [*range(pairs)][::-1] + [0]
            whole, latents = store.read(ratio, rows), encoded.read(ratio, rows)
            made = [(builder.build(whole, step, 0), builder.build(latents, step, 0)) for step in range(4)]
            made += [(builder.held_out_at(whole, 0.3), builder.held_out_at(latents, 0.3))]
            for one, other in made:
                assert one.tasks == other.tasks
                assert torch.equal(one.target, other.target)
                assert all(torch.equal(one.inputs[name], other.inputs[name]) for name in one.inputs)


@pytest.mark.parametrize(("resolution", "dtype"), [(SIDE // 2, "float32"), (SIDE, "bfloat16")])
def test_pairs_encoded_at_other_resolution_or_dtype_are_rejected(run: Path, resolution: int, dtype: str) -> None:
    store = BucketStore(run / "buckets", resolution=resolution)
    with pytest.raises(UserError, match=r"00000: made from .*--forcerun encode_pairs"):
        EncodedPairs(run / "encoded", store, dtype)


def test_missing_encoded_part_raises_error(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "encoded" / PARTS[1], tmp_path / PARTS[1])
    held = sum(count for _, count in json.loads((tmp_path / PARTS[1] / "manifest.json").read_text())["rows"].values())
    with pytest.raises(UserError, match=f"{held} of the buckets' 12 pairs are encoded"):
        EncodedPairs(tmp_path, BucketStore(run / "buckets", resolution=SIDE), "float32")


def test_bfloat16_survives_a_round_trip_through_bits() -> None:
    value = torch.randn(3, 4).bfloat16()
    assert torch.equal(from_bits(to_bits(value).numpy()), value)


def read_all(encoded: EncodedPairs, ratio: str, flips: list[bool]) -> list[torch.Tensor]:
    rows = list(range(len(flips)))
    batch = encoded.read(ratio, rows)
    return [*batch.latents(flips), *batch.embeddings([None, *[0] * (len(rows) - 1)])]


def test_pairs_of_format_1_read_the_same(run: Path, tmp_path: Path) -> None:
    """Format 1 has latents of both sides in one file, held-out pairs included, and the texts in JSON."""
    store = BucketStore(run / "buckets", resolution=SIDE)
    for part in PARTS:
        folder = Path(shutil.copytree(run / "encoded" / part, tmp_path / part))
        manifest = json.loads((folder / "manifest.json").read_text())
        texts: dict[int, str] = {0: ""}
        for ratio, (first, count) in manifest["rows"].items():
            plain, mirrored = (np.load(folder / f"{ratio}{name}.npy") for name in ("", ".mirrored"))
            np.save(folder / f"{ratio}.npy", np.stack([plain, mirrored], axis=2))
            places = np.load(folder / f"{ratio}.texts.npy")
            for place, pair in enumerate(store.describe(ratio, range(first, first + count))):
                texts |= dict(zip(places[place].tolist(), pair["instructions"], strict=False))
            (folder / f"{ratio}.mirrored.npy").unlink()
            (folder / f"{ratio}.texts.npy").unlink()
        (folder / "texts.json").write_text(json.dumps([texts[row] for row in sorted(texts)]))
        del manifest["format"], manifest["spans"]
        (folder / "manifest.json").write_text(json.dumps(manifest))
    first, second = EncodedPairs(tmp_path, store, "float32"), EncodedPairs(run / "encoded", store, "float32")
    for ratio, pairs in store.sizes().items():
        if pairs:
            flips = [row % 2 == 0 for row in range(pairs)]
            found = zip(read_all(first, ratio, flips), read_all(second, ratio, flips), strict=True)
            assert all(torch.equal(one, other) for one, other in found)


def test_newer_format_and_truncated_file_errors_name_the_remedy(run: Path, tmp_path: Path) -> None:
    encoded, store = (
        shutil.copytree(run / "encoded", tmp_path / "encoded"),
        BucketStore(run / "buckets", resolution=SIDE),
    )
    path = encoded / PARTS[0] / "manifest.json"
    manifest = json.loads(path.read_text())
    ratio, (row, _) = next(iter(manifest["rows"].items()))
    file = encoded / PARTS[0] / f"{ratio}.npy"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(UserError, match=r"\.npy: cannot be read \(it is shorter .*--forcerun encode_pairs"):
        EncodedPairs(encoded, store, "float32").read(ratio, [row]).latents([False])
    path.write_text(json.dumps(manifest | {"format": 5}))
    with pytest.raises(UserError, match=r"00000: format 5 of a newer OmniEdit"):
        EncodedPairs(encoded, store, "float32")


def test_encoded_bfloat16_latents_equal_those_computed_in_training(run: Path, tmp_path: Path) -> None:
    base, store = Base.load(run / "base"), BucketStore(run / "buckets", resolution=SIDE)
    for part in PARTS:
        (tmp_path / part).mkdir()
        list(
            encode_part(
                store, read_plan(run / "buckets/plan.parquet"), part, base.vae, base.text, "bfloat16", tmp_path / part
            )
        )
    options = TrainConfig.model_validate(OPTIONS | {"dtype": "bfloat16"})
    builder = EditBatchBuilder(base.vae, InstructionEncoder(base.text), options, seed=0)
    encoded = EncodedPairs(tmp_path, store, "bfloat16")
    for ratio, pairs in store.sizes().items():
        if pairs:
            one, other = (builder.build(reader.read(ratio, range(pairs)), 3, 0) for reader in (store, encoded))
            assert all(torch.equal(one.inputs[name], other.inputs[name]) for name in one.inputs)


@given(st.sets(st.integers(0, 60), min_size=1))
def test_spans_are_maximal_runs_of_consecutive_rows(rows: set[int]) -> None:
    spans = find_spans(sorted(rows))
    assert [row for first, count in spans for row in range(first, first + count)] == sorted(rows)
    assert all(first + count < after for (first, count), (after, _) in pairwise(spans))
