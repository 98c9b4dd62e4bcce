"""Train the inpainting specialist on photos, on one rank or, under torchrun, on several.

    torchrun --standalone --nproc_per_node 2 scripts/train_inpainting.py \\
        --photos 'results/mini/sources/{shard}.tar' --objects 'results/mini/objects/{shard}.parquet' --shards 1 ...

A killed run resumes from its last checkpoint when it is started again.
"""

import argparse
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch

from omniedit.cli.arguments import at_least_one, run_seed
from omniedit.config.arguments import add_section
from omniedit.config.schema import HolesConfig, InpaintingOptions
from omniedit.grounding.objects import ObjectIndex
from omniedit.models.inpaint_pipeline import InpaintPipeline
from omniedit.models.inpaintnet import InpaintNet
from omniedit.models.loading import load_base
from omniedit.run.program import run_program
from omniedit.sources.photo_shard import PhotoShard, PhotoShards
from omniedit.storage.manifest import checksum
from omniedit.storage.parquet import read_rows
from omniedit.storage.shard_paths import expand_numbers
from omniedit.training.blocks import prepare_blocks
from omniedit.training.checkpoints import Checkpoints, save_trained
from omniedit.training.editor.instruction_encoder import InstructionEncoder
from omniedit.training.fitting import check_resolution
from omniedit.training.inpainting.batches import HoleBatches, inpainting_identity, sample_fills
from omniedit.training.inpainting.dataset import PhotoStore
from omniedit.training.ranks import join_ranks, leave_ranks
from omniedit.training.trainer import Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", required=True, help="path pattern of the photos' shards, sources/{shard}.tar")
    parser.add_argument(
        "--bench", type=Path, help="sources/bench.parquet: its photos and their near-duplicates are left out"
    )
    parser.add_argument(
        "--objects", required=True, help="path pattern of their objects, from ground.py, objects/{shard}.parquet"
    )
    parser.add_argument(
        "--shards", type=at_least_one, required=True, help="number of shards; {shard} becomes 00000, 00001, ..."
    )
    parser.add_argument("--base", type=Path, required=True, help="the base, as for scripts/train.py")
    add_section(parser, "--options", InpaintingOptions, required=True, help="options of the training as JSON")
    add_section(parser, "--holes", HolesConfig, default=HolesConfig())
    parser.add_argument("--seed", type=run_seed, default=0)
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder that is kept if a job fails")
    parser.add_argument("--metrics", type=Path, required=True, help="output file, one JSON line per step")
    parser.add_argument("--out", type=Path, required=True, help="output folder of the specialist")
    args = parser.parse_args()
    options: InpaintingOptions = args.options
    shards_of_photos = expand_numbers(args.photos, "shard", args.shards)
    shards_of_objects = expand_numbers(args.objects, "shard", args.shards)

    device = join_ranks()
    base = load_base(args.base, getattr(torch, options.dtype))
    base.move_encoders(device)
    net = InpaintNet.from_transformer(base.transformer, base.prediction_type)
    prepare_blocks(net, options)
    parts = {"vae": base.vae, "scheduler": base.scheduler, **base.text.to_half_precision().parts()}
    pipeline = InpaintPipeline(transformer=net, **parts, resolution=options.resolution)
    with ExitStack() as stack:
        shards = [stack.enter_context(PhotoShard(path)) for path in shards_of_photos]
        photos = PhotoShards(shards, read_rows(args.bench) if args.bench else [])
        store = PhotoStore(photos, ObjectIndex(shards_of_objects), options.resolution, options.held_out)
        check_resolution(net, options.resolution, [ratio for ratio, count in store.sizes().items() if count])
        batches = HoleBatches(base.vae, InstructionEncoder(base.text), options, args.holes, args.seed)
        trainer = Trainer(net, partial(sample_fills, pipeline, store, batches), store, batches, options, args.seed)
        objects = [checksum(path) for path in shards_of_objects]
        identity = inpainting_identity(options, args.holes, args.seed, photos, objects, base)
        trainer.run(checkpoints := Checkpoints(args.checkpoints, identity))
    save_trained(trainer.state, pipeline.save_pretrained, checkpoints, args.out, args.metrics)
    leave_ranks()


if __name__ == "__main__":
    run_program(main)
