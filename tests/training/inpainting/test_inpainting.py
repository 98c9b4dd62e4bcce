"""Tests of inpainting training on the sample photos: it learns, resumes, and never sees the content of a hole."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from helpers.chain import shrink_sample
from helpers.small_training import Disturbed, read_metrics
from helpers.tiny_editor import TINY
from omniedit.aspect import bucket_size
from omniedit.buckets.store_layout import HELD_OUT
from omniedit.config.schema import HolesConfig
from omniedit.errors import UserError
from omniedit.grounding.objects import ObjectIndex
from omniedit.models.base import Base
from omniedit.models.codec import LappedCodec
from omniedit.models.inpaint_pipeline import InpaintPipeline
from omniedit.models.inpaintnet import InpaintNet
from omniedit.models.text import WIDTH, load_minilm
from omniedit.sources.listing import list_files
from omniedit.sources.photo_index import PhotoRequirements, index_rows
from omniedit.sources.photo_shard import PhotoShard, PhotoShards, pack
from omniedit.training.base.pretrain import small_sd3
from omniedit.training.checkpoints import Checkpoints
from omniedit.training.editor.instruction_encoder import InstructionEncoder
from omniedit.training.inpainting import batches as hole_batches
from omniedit.training.inpainting.batches import HoleBatches, inpainting_identity, sample_fills
from omniedit.training.inpainting.dataset import PhotoBatch, PhotoStore
from omniedit.training.trainer import Trainer

OPTIONS = TINY.model_copy(
    update={
        "steps": 40,
        "batch_size": 4,
        "held_out": 0.3,
        "held_out_every": 40,
        "learning_rate": 0.01,
        "warmup_steps": 2,
    }
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhotoShards]:
    """Yield sample photos with one or two named objects, at a quarter of their width, with their objects found."""
    root = tmp_path_factory.mktemp("photos")
    shrink_sample(root / "sample")
    for name in ("forest_stream", "rocky_path", "wine_and_drum"):
        (root / f"sample/{name}.jpg").unlink()
    listing, demands = list_files(root / "sample"), PhotoRequirements(1000, 10**6, 0.15, "centre")
    rows = [row for row in index_rows(root / "sample", listing, demands) if row["status"] == "kept"]
    list(pack(root / "sample", rows, root / "00000.tar"))
    with PhotoShard(root / "00000.tar") as shard:
        yield PhotoShards([shard])


@pytest.fixture
def store(photos: PhotoShards) -> PhotoStore:
    return PhotoStore(photos, ObjectIndex(), OPTIONS.resolution, OPTIONS.held_out)


@pytest.fixture(scope="module")
def batches() -> HoleBatches:
    return HoleBatches(LappedCodec(), InstructionEncoder(load_minilm()), OPTIONS, HolesConfig(), seed=0)


def make_trainer(store: PhotoStore, batches: HoleBatches, terminated: int | None = None) -> Trainer:
    torch.manual_seed(0)
    net = InpaintNet.from_transformer(small_sd3(OPTIONS, WIDTH), "sample")
    editor = Disturbed(net, terminated=terminated)
    return Trainer(editor, tuple, store, batches, OPTIONS, seed=0)


def test_loss_falls_and_interrupted_run_resumes_to_identical_weights(
    store: PhotoStore, batches: HoleBatches, alone: None, tmp_path: Path
) -> None:
    whole, cut_off = tmp_path / "whole", tmp_path / "cut off"
    make_trainer(store, batches).run(Checkpoints(whole, {}))
    metrics = read_metrics(whole / "metrics.jsonl")
    assert metrics[-1]["held_out_loss"] < 0.8 * metrics[0]["held_out_loss"]

    with pytest.raises(UserError, match="stopped by SIGTERM after step 7"):
        make_trainer(store, batches, terminated=7).run(Checkpoints(cut_off, {}))
    make_trainer(store, batches).run(Checkpoints(cut_off, {}))
    last = f"step-{OPTIONS.steps:08d}/rank-00000.safetensors"
    assert (cut_off / last).read_bytes() == (whole / last).read_bytes()
    assert read_metrics(cut_off / "metrics.jsonl") == metrics


def test_store_reads_photos_with_objects_and_holds_some_out(store: PhotoStore) -> None:
    held_out, objects = 0, 0
    for ratio, trained in store.sizes().items():
        rows = store.rows(ratio, HELD_OUT)
        held_out += len(rows)
        if not trained + len(rows):
            continue
        batch = store.read(ratio, [*range(trained), *rows, 0])
        width, height = bucket_size(ratio, OPTIONS.resolution)
        assert batch.images.shape == (trained + len(rows) + 1, height, width, 3)
        assert all(masks.shape[1:] == (height, width) for masks in batch.objects)
        named = zip(batch.objects, batch.pairs, strict=True)
        assert all(len(masks) == len(pair["names"]) and all(pair["names"]) for masks, pair in named)
        objects += sum(map(len, batch.objects))
        assert batch.pairs[-1] == batch.pairs[0] and len({pair["pair_id"] for pair in batch.pairs}) == len(batch) - 1
    assert objects > len(store.photos)
    assert 0 < held_out < len(store.photos) == held_out + sum(store.sizes().values())


def test_sample_depends_only_on_its_position_in_the_whole_batch(store: PhotoStore, batches: HoleBatches) -> None:
    ratio = max(store.sizes(), key=lambda ratio: store.sizes()[ratio])
    photos = store.read(ratio, [0, 0, 0])
    whole, part = batches.build(photos, 3, 0), batches.build(photos[1:], 3, 1)
    for name, value in part.inputs.items():
        assert torch.equal(whole.inputs[name][1:], value)
    assert torch.equal(whole.target[1:], part.target)
    assert not torch.equal(whole.inputs["condition"][1], whole.inputs["condition"][2])
    assert not torch.equal(batches.build(photos, 4, 0).inputs["condition"], whole.inputs["condition"])
    still, again = (batches.held_out_at(photos, 0.5) for _ in range(2))
    assert torch.equal(still.inputs["noisy"], again.inputs["noisy"])


def test_condition_hides_only_the_hole(store: PhotoStore, batches: HoleBatches) -> None:
    """Latents away from the hole are those of the clean photo."""
    ratio = max(store.sizes(), key=lambda ratio: store.sizes()[ratio])
    for step in range(8):
        batch = batches.build(store.read(ratio, [0, 0]), step, 0)
        sigma = batch.inputs["timestep"][:, None, None, None] / 1000
        clean = batch.inputs["noisy"] - sigma * batch.target
        latents, share = batch.inputs["condition"][:, :-1], batch.inputs["condition"][:, -1:]
        far = (torch.nn.functional.max_pool2d(share, 3, 1, 1) == 0).expand_as(latents)
        assert far.any() and not torch.allclose(latents[~far], clean[~far], atol=0.1)
        torch.testing.assert_close(latents[far], clean[far], atol=1e-4, rtol=0)


def test_object_holes_are_mirrored_with_their_photo(batches: HoleBatches) -> None:
    """White bar on the left of a grey photo: each sample's hole covers the bar, or everything but the bar."""
    image, bar = np.full((64, 64, 3), 128, np.uint8), np.zeros((1, 64, 64), bool)
    bar[:, :, :16] = True
    image[bar[0]] = 255
    pair = {"pair_id": "bar", "caption": "", "names": ("bar",)}
    photos = PhotoBatch("1x1", np.stack([image] * 40), (bar,) * 40, (pair,) * 40)
    objects = replace(batches, shares=HolesConfig(random=0, box=0, object=1))
    batch = objects.build(photos, 0, 0)
    sigma = batch.inputs["timestep"][:, None, None, None] / 1000
    light, hole = (batch.inputs["noisy"] - sigma * batch.target)[:, 0], batch.inputs["condition"][:, -1]
    left = light[:, :, :2].mean((1, 2)) > light[:, :, -2:].mean((1, 2))
    assert 5 < left.sum() < 35
    over_bar = torch.where(left, hole[:, :, :2].mean((1, 2)), hole[:, :, -2:].mean((1, 2)))
    covers, all_but = over_bar == 1, over_bar == 0
    assert (covers | all_but).all() and (covers == (hole.mean((1, 2)) < 0.5)).all() and covers.any() and all_but.any()


def test_object_holes_are_captioned_by_object_name_others_by_photo_caption(
    batches: HoleBatches,
) -> None:
    image, bar = np.full((64, 64, 3), 128, np.uint8), np.zeros((2, 64, 64), bool)
    bar[0, 8:24, :16], bar[1, 30:50, 40:60] = True, True
    pair = {"pair_id": "bar", "caption": "a room", "names": ("wine bottle", "object")}
    photos = PhotoBatch("1x1", np.stack([image] * 60), (bar,) * 60, (pair,) * 60)
    read: list[str] = []

    def encode(captions: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        read.extend(captions)
        return batches.captions(captions)

    options = OPTIONS.model_copy(update={"text_dropout": 0.0, "both_dropout": 0.0})
    of_objects = replace(batches, captions=encode, options=options, shares=HolesConfig(random=0, box=0, object=1))
    batch = of_objects.build(photos, 0, 0)
    assert set(read) == {"a wine bottle", "a room"}
    inverted = batch.inputs["condition"][:, -1].mean((1, 2)) > 0.5
    assert not any(name == "a wine bottle" for name, all_but in zip(read, inverted, strict=True) if all_but)
    read.clear()
    replace(of_objects, shares=HolesConfig(random=1, box=1, object=0)).build(photos, 0, 0)
    assert set(read) == {"a room"}
    read.clear()
    replace(of_objects, options=options.model_copy(update={"text_dropout": 1.0})).build(photos, 0, 0)
    assert set(read) == {""}


def test_held_out_photos_are_shown_with_filled_holes(
    store: PhotoStore, batches: HoleBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hole_batches, "SAMPLES", 1)
    net = InpaintNet.from_transformer(small_sd3(OPTIONS, WIDTH), "sample")
    parts = {"vae": batches.vae, "scheduler": FlowMatchEulerDiscreteScheduler(), **load_minilm().parts()}
    shown = list(sample_fills(InpaintPipeline(transformer=net, **parts), store, batches))
    assert len(shown) == 1
    for sample in shown:
        hidden = (sample.source != sample.target).any(-1)
        assert hidden.any() and (sample.source[hidden] == 128).all()
        assert np.array_equal(sample.edit[~hidden], sample.target[~hidden])
        assert not np.array_equal(sample.edit, sample.target)


def test_identity_changes_with_photos_holes_options_and_base(photos: PhotoShards) -> None:
    base = Base(small_sd3(OPTIONS, WIDTH), LappedCodec(), load_minilm(), FlowMatchEulerDiscreteScheduler(), "velocity")
    same = inpainting_identity(OPTIONS, HolesConfig(), 0, photos, ["a"], base)
    assert same == inpainting_identity(
        OPTIONS.model_copy(update={"zero_stage": 0}), HolesConfig(), 0, photos, ["a"], base
    )
    fewer = PhotoShards([])
    others = [
        inpainting_identity(OPTIONS.model_copy(update={"steps": 9}), HolesConfig(), 0, photos, ["a"], base),
        inpainting_identity(OPTIONS, HolesConfig(box=0.3), 0, photos, ["a"], base),
        inpainting_identity(OPTIONS, HolesConfig(), 0, fewer, ["a"], base),
        inpainting_identity(OPTIONS, HolesConfig(), 0, photos, ["b"], base),
        inpainting_identity(OPTIONS, HolesConfig(), 0, photos, ["a"], replace(base, prediction_type="sample")),
    ]
    assert same not in others


def test_training_without_photos_raises_error() -> None:
    with pytest.raises(UserError, match="no photo to train inpainting on"):
        PhotoStore(PhotoShards([]), ObjectIndex(), 64, 0.1)
