"""Pairs encoded in advance and pairs encoded in training are bit-identical."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from helpers.small_training import OPTIONS, PARTS, SIDE, make_run
from omniedit.buckets.placement import read_plan
from omniedit.buckets.store import BucketStore
from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.models.base import Base
from omniedit.training.editor.batches import EditBatchBuilder, InstructionEncoder
from omniedit.training.editor.encoded import EncodedPairs, _bits, _tensor, encode_part


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


def test_batches_are_the_same_to_the_last_bit(run: Path) -> None:
    base, store = Base.load(run / "base"), BucketStore(run / "buckets", resolution=SIDE)
    encoded = EncodedPairs(run / "encoded", store, "float32")
    builder = EditBatchBuilder(base.vae, InstructionEncoder(base.text), TrainConfig.model_validate(OPTIONS), seed=0)
    for ratio, pairs in store.sizes().items():
        if pairs:
            rows = [*range(pairs)][::-1] + [0]
            whole, latents = store.read(ratio, rows), encoded.read(ratio, rows)
            made = [(builder.training(whole, step, 0), builder.training(latents, step, 0)) for step in range(4)]
            made += [(builder.held_out_at(whole, 0.3), builder.held_out_at(latents, 0.3))]
            for one, other in made:
                assert one.tasks == other.tasks
                assert torch.equal(one.target, other.target)
                assert all(torch.equal(one.inputs[name], other.inputs[name]) for name in one.inputs)


@pytest.mark.parametrize(("resolution", "dtype"), [(SIDE // 2, "float32"), (SIDE, "bfloat16")])
def test_pairs_encoded_for_another_training_are_refused(run: Path, resolution: int, dtype: str) -> None:
    store = BucketStore(run / "buckets", resolution=resolution)
    with pytest.raises(UserError, match=r"00000: made from .*--forcerun encode_pairs"):
        EncodedPairs(run / "encoded", store, dtype)


def test_a_part_that_is_not_there_is_missed(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "encoded" / PARTS[1], tmp_path / PARTS[1])
    held = sum(count for _, count in json.loads((tmp_path / PARTS[1] / "manifest.json").read_text())["rows"].values())
    with pytest.raises(UserError, match=f"{held} of the buckets' 12 pairs are encoded"):
        EncodedPairs(tmp_path, BucketStore(run / "buckets", resolution=SIDE), "float32")


def test_bfloat16_comes_back_as_it_was() -> None:
    value = torch.randn(3, 4).bfloat16()
    assert torch.equal(_tensor(_bits(value).numpy()), value)


def test_how_fast_encoded_pairs_are_read_can_be_measured(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Check that each reader in benchmarks/loading.py has its row, and that encoded pairs read every embedding."""
    monkeypatch.syspath_prepend(str(Path("benchmarks").absolute()))
    import loading

    asked: list[int] = []
    read = EncodedPairs.embeddings
    monkeypatch.setattr(EncodedPairs, "embeddings", lambda pairs, texts: asked.append(len(texts)) or read(pairs, texts))
    words = [str(run / "buckets"), "--rounds", "1", "--encoded", str(run / "encoded"), "--resolution", str(SIDE)]
    monkeypatch.setattr("sys.argv", ["loading", *words])
    loading.main()
    told = capsys.readouterr().out.splitlines()
    pairs = int(told[0].split()[0])
    assert told[-1].startswith("EncodedPairs, ") and sum(asked) == 2 * pairs
