"""Encode one part of the buckets as latents and text embeddings for training: train/encoded/{part}/."""

import argparse
from pathlib import Path

import pyarrow.compute as pc
import torch
from transformers.utils import logging as transformers_logging

from omniedit.buckets.placement import read_plan
from omniedit.buckets.store import BucketStore
from omniedit.cli.arguments import at_least_one
from omniedit.models.loading import default_device, load_base
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.storage.progress import Progress
from omniedit.training.editor.encoded_pairs import encode_part


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("buckets", type=Path, help="folder of sealed buckets, with plan.parquet")
    parser.add_argument("--part", required=True, help="number of the part, five digits")
    parser.add_argument("--base", type=Path, required=True, help="the base, as for scripts/train.py")
    parser.add_argument("--resolution", type=at_least_one, required=True, help="train.resolution")
    parser.add_argument("--dtype", required=True, help="train.dtype")
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    args = parser.parse_args()
    transformers_logging.disable_progress_bar()

    base = load_base(args.base, getattr(torch, args.dtype))
    base.move_encoders(default_device())
    plan = read_plan(args.buckets / "plan.parquet")
    store = BucketStore(args.buckets, resolution=args.resolution, cache_bytes=0, reads_references=True)
    pairs = pc.sum(pc.equal(plan.table["part"], args.part)).as_py()
    with replace_file(args.out) as temporary, Progress("pairs", total=pairs) as progress:
        temporary.mkdir()
        for _ in encode_part(store, plan, args.part, base.vae, base.text, args.dtype, temporary):
            progress.advance()


if __name__ == "__main__":
    run_program(main)
