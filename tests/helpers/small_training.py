"""Small training for tests: sealed buckets of a few pairs, an untrained base and a trainer."""

import json
import os
import signal
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from PIL import Image
from safetensors import safe_open
from torch import nn

from helpers.small_buckets import gather_accepted
from omniedit import models
from omniedit.aspect import RATIOS, bucket_size
from omniedit.buckets.placement import BucketSettings, place, read_plan, write_plan
from omniedit.buckets.seal import read_parts, seal_bucket, write_sealed
from omniedit.buckets.store import BucketStore, PairBatch
from omniedit.buckets.write import write_part
from omniedit.config.schema import TrainConfig
from omniedit.models.base import Base
from omniedit.models.codec import LappedCodec
from omniedit.models.conditions import NO_CONDITIONS, get_supported_conditions
from omniedit.models.text import WIDTH, load_minilm
from omniedit.pairs import EditPair, Reference, write_shard
from omniedit.scoring.filter import DECISIONS_SCHEMA
from omniedit.storage.parquet import write_rows
from omniedit.tasks import Task
from omniedit.training.base.pretrain import small_sd3
from omniedit.training.blocks import prepare_blocks
from omniedit.training.checkpoints import index_parts
from omniedit.training.editor.batches import EditBatchBuilder
from omniedit.training.editor.instruction_encoder import InstructionEncoder
from omniedit.training.editor.samples import sample_edits
from omniedit.training.trainer import Trainer, deepspeed_config

SIDE = 64
OPTIONS = {
    "resolution": SIDE,
    "steps": 30,
    "batch_size": 4,
    "checkpoint_every": 3,
    "held_out_every": 10,
    "learning_rate": 0.01,
    "base": {"layers": 2, "heads": 2, "head_dim": 8},
}
PAIRS = 12
PARTS = ("00000", "00001")


def make_run(root: Path, references: bool = False, captions: bool = False) -> None:
    """Write buckets and an untrained base.

    Args:
        references: give the pairs 0 to 2 reference images.
        captions: give every other reference a caption.
    """
    make_buckets(root, references, captions)
    options = TrainConfig.model_validate(OPTIONS)
    torch.manual_seed(0)
    transformer = small_sd3(options, WIDTH)
    Base(transformer, LappedCodec(), load_minilm(), FlowMatchEulerDiscreteScheduler(), "sample").save(root / "base")


def make_buckets(root: Path, references: bool, captions: bool = False) -> None:
    pairs = [make_pair(row) for row in range(PAIRS)]
    if references:
        pairs = [replace(pair, references=make_references(row, captions)) for row, pair in enumerate(pairs)]
    write_shard(root / "candidates/style_transfer/00000.h5", Task.STYLE_TRANSFER, "embedded", 0, pairs)
    decisions = [
        {
            "pair_id": p.pair_id,
            "kept": True,
            "reason": "kept",
            "o_score": 9 + i / PAIRS,
            "row": i,
            "ratio": p.provenance["ratio"],
        }
        for i, p in enumerate(pairs)
    ]
    write_rows(root / "decisions/style_transfer/00000.parquet", decisions, DECISIONS_SCHEMA)
    seal_buckets(root)


def make_references(row: int, captions: bool) -> tuple[Reference, ...]:
    rng = np.random.default_rng([row, 1])
    images = [rng.integers(0, 255, (30 + 8 * number, 50, 3), np.uint8) for number in range(row // 2 % 3)]
    texts = [f"a subject{'!' * (row + number)}" if captions and number != 1 else None for number in range(len(images))]
    return tuple(Reference("subject", image, text) for image, text in zip(images, texts, strict=True))


def make_pair(row: int) -> EditPair:
    ratio = ["3x2", "1x1"][row % 2]
    width, height = bucket_size(ratio, SIDE)
    source = np.random.default_rng(row).integers(0, 255, (height, width, 3), np.uint8)
    provenance = {"source_id": f"photo{row}", "ratio": ratio}
    return EditPair(f"pair{row:02d}", Task.STYLE_TRANSFER, ("Invert it.",), source, 255 - source, None, provenance)


def seal_buckets(root: Path) -> None:
    layout = BucketSettings(base_size=SIDE, pairs_per_zarr_shard=4, parts=len(PARTS), held_out=0.2, seed=0)
    plan_path = root / "buckets/plan.parquet"
    write_plan(plan_path, place(gather_accepted(root), layout), layout)
    plan = read_plan(plan_path)
    parts = [root / "buckets/parts" / part for part in PARTS]
    for part in parts:
        list(write_part(plan, part.name, root / "candidates", part))
    found = read_parts(plan, parts)
    entries = {ratio: seal_bucket(plan, parts, found, ratio, root / "buckets") for ratio in RATIOS}
    write_sealed(root / "buckets/manifest.json", plan, entries, found)


def make_trainer(
    run: Path, wrap: Callable[[nn.Module], nn.Module] = lambda editor: editor, edits: bool = False, **changes: object
) -> Trainer:
    """Build a trainer over the buckets and the base of `run`.

    Args:
        wrap: wrapper of the editor.
        edits: show edits in the sample grids, not source images. Sampling takes longer than the training itself.
        changes: training options that replace those in `OPTIONS`.
    """
    options = TrainConfig.model_validate(OPTIONS | changes)
    base = load_base(run / "base")
    torch.manual_seed(0)
    editor = models.build(options.model, base.transformer, base.prediction_type)
    takes = get_supported_conditions(editor)
    batches = EditBatchBuilder(base.vae, InstructionEncoder(base.text), options, 0, takes)
    prepare_blocks(editor, options)
    pipeline: Any = Unedited()
    if edits:
        pipeline = base.pipeline(editor, SIDE)
        pipeline.register_to_config(num_inference_steps=4)
    store = BucketStore(run / "buckets", resolution=SIDE, reads_references=takes.references)
    with mock.patch("omniedit.training.trainer.deepspeed_config", sharing_small_ones):
        return Trainer(wrap(editor), partial(sample_edits, pipeline, store, 0), store, batches, options, seed=0)


@cache
def load_base(folder: Path) -> Base:
    """Load a base once for all trainings of this process. They copy its network and do not train its other parts."""
    return Base.load(folder)


def sharing_small_ones(options: TrainConfig, world_size: int) -> dict[str, Any]:
    """Return DeepSpeed's config with small parameters sharded at ZeRO 3.

    By default ZeRO 3 keeps parameters of less than 100,000 elements whole, which here are all of them.
    """
    config = deepspeed_config(options, world_size)
    if options.zero_stage == 3:
        config["zero_optimization"]["stage3_param_persistence_threshold"] = 0
    return config


class Unedited:
    """Pipeline that returns its input image as the edit."""

    takes = NO_CONDITIONS

    def __call__(self, image: Image.Image, **_: object) -> SimpleNamespace:
        return SimpleNamespace(images=[image])

    def set_progress_bar_config(self, **_: object) -> None:
        pass


class Disturbed(nn.Module):
    """Editor with faults at some training steps, counted from 1.

    Args:
        poison: factor on the output for the first sample of a batch.
        poisoned: steps at which the factor applies.
        terminated: step at which the process gets SIGTERM, as before a preemption.
    """

    def __init__(
        self, editor: nn.Module, poison: float = 1.0, poisoned: Collection[int] = (), terminated: int | None = None
    ) -> None:
        super().__init__()
        self.editor, self.poison, self.poisoned, self.terminated, self.steps = editor, poison, poisoned, terminated, 0

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        velocity = self.editor(**inputs)
        if not torch.is_grad_enabled():
            return velocity
        self.steps += 1
        if self.steps == self.terminated:
            os.kill(os.getpid(), signal.SIGTERM)
        factor = torch.ones(len(velocity), 1, 1, 1)
        if self.steps in self.poisoned:
            factor[0] = self.poison
        return factor * velocity


class ScoredZero:
    """Reader of a store that sets the overall score of pairs of some ratios to 0."""

    def __init__(self, store: BucketStore, *ratios: str) -> None:
        self.store, self.ratios = store, ratios

    def read(self, ratio: str, rows: Any) -> PairBatch:
        batch = self.store.read(ratio, rows)
        if ratio not in self.ratios:
            return batch
        return replace(batch, pairs=tuple(pair | {"o_score": 0.0} for pair in batch.pairs))


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Read the metrics of each step, without timings and memory."""
    timings = {"samples_per_s", "data_wait_share", "memory_gb"}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in timings} for line in lines]


def read_tensors(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Return {name}/{kind} -> the whole tensor, flat."""
    with ExitStack() as stack:
        places = index_parts([stack.enter_context(safe_open(file, "pt")) for file in sorted(checkpoint.glob("rank-*"))])
        return {what: torch.cat([file.get_tensor(key) for _, file, key in found]) for what, found in places.items()}
