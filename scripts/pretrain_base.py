"""Pre-train a small SD3 base on shards of source photos and save it in the layout of diffusers' SD3."""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from transformers.utils import logging as transformers_logging

from omniedit.cli.arguments import at_least_one, run_seed
from omniedit.config.arguments import add_section
from omniedit.config.schema import PretrainingOptions, TrainConfig
from omniedit.models.base import Base
from omniedit.models.codec import LappedCodec
from omniedit.models.loading import default_device
from omniedit.models.text import WIDTH, load_minilm
from omniedit.run.program import run_program
from omniedit.sources.photo import Photo
from omniedit.sources.photo_index import IndexRow
from omniedit.sources.photo_shard import PhotoShard, PhotoShards
from omniedit.storage.atomic import replace_file
from omniedit.storage.manifest import seal_folder
from omniedit.storage.parquet import read_rows
from omniedit.storage.progress import Progress
from omniedit.storage.shard_paths import expand_numbers
from omniedit.training.base.pretrain import Pretraining, small_sd3
from omniedit.training.editor.instruction_encoder import InstructionEncoder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", required=True, help="path pattern of the photos' shards, sources/{shard}.tar")
    parser.add_argument(
        "--shards", type=at_least_one, required=True, help="number of shards; {shard} becomes 00000, 00001, ..."
    )
    parser.add_argument(
        "--bench", type=Path, help="sources/bench.parquet: its photos and their near-duplicates are left out"
    )
    add_section(parser, "--options", TrainConfig, default=TrainConfig())
    parser.add_argument("--seed", type=run_seed, default=0)
    parser.add_argument("--metrics", type=Path, required=True, help="output file, one JSON line per step")
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    args = parser.parse_args()
    transformers_logging.disable_progress_bar()

    options: PretrainingOptions = args.options
    text = load_minilm()
    torch.manual_seed(args.seed)
    base = Base(
        transformer=small_sd3(options, WIDTH),
        vae=LappedCodec(),
        text=text,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        prediction_type=options.base.prediction,
    )
    for module in (base.transformer, base.vae, *base.text.encoders()):
        module.to(default_device())
    pretraining = Pretraining(base.vae, InstructionEncoder(text), options, args.seed)
    with (
        replace_file(args.metrics) as metrics,
        metrics.open("w") as lines,
        Progress("pre-training steps", options.base.steps) as progress,
    ):
        photos = read_photos(
            expand_numbers(args.sources, "shard", args.shards), read_rows(args.bench) if args.bench else []
        )
        for step, loss in enumerate(pretraining.run(base.transformer, photos), start=1):
            progress.advance()
            lines.write(json.dumps({"step": step, "loss": round(loss, 6)}) + "\n")
    with seal_folder(args.out) as temporary:
        base.save(temporary)


def read_photos(shards: Sequence[Path], bench: Sequence[IndexRow]) -> Iterator[Photo]:
    """Yield the photos of shards, without the benchmark's held-out photos."""
    for path in shards:
        with PhotoShard(path) as shard:
            yield from PhotoShards([shard], bench)


if __name__ == "__main__":
    run_program(main)
