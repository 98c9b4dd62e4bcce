"""Align a language model with the text encoders of a base: BUCKETS -> a folder for scripts/train.py --encoder.

    torchrun --standalone --nproc_per_node 2 scripts/align_encoder.py results/mini/buckets --base ... --out ...

The first stage of SmartEdit. A killed run resumes from its last checkpoint when it is started again.
"""

import argparse
from pathlib import Path

import torch
from torch import nn

from omniedit.buckets.scratch import discard_damaged
from omniedit.buckets.store import BucketStore
from omniedit.cli.arguments import run_seed
from omniedit.config.arguments import add_section
from omniedit.config.schema import TrainConfig
from omniedit.models.loading import load_base
from omniedit.run.program import run_program
from omniedit.training.checkpoints import Checkpoints, run_identity, save_trained
from omniedit.training.editor.instruction_encoder import InstructionEncoder
from omniedit.training.editor.mllm_batches import AlignmentBatches, AlignmentNetwork, build_encoder
from omniedit.training.ranks import join_ranks, leave_ranks
from omniedit.training.trainer import Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("buckets", type=Path, help="folder of sealed buckets")
    parser.add_argument("--base", type=Path, required=True, help="the base, as for scripts/train.py")
    add_section(parser, "--options", TrainConfig, required=True, help="section `train` as JSON")
    parser.add_argument("--seed", type=run_seed, default=0)
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder that is kept if a job fails")
    parser.add_argument("--metrics", type=Path, required=True, help="output file, one JSON line per step")
    parser.add_argument("--out", type=Path, required=True, help="output folder of the encoder")
    args = parser.parse_args()
    options: TrainConfig = args.options

    device = join_ranks()
    base = load_base(args.base, getattr(torch, options.dtype))
    base.move_encoders(device)
    torch.manual_seed(args.seed)  # of the new weights, the same on all ranks
    encoder = build_encoder(base, options)
    nn.Module.to(encoder, device)
    store = BucketStore(args.buckets, resolution=options.resolution)
    batches = AlignmentBatches(encoder, InstructionEncoder(base.text), args.seed)
    alignment = options.instruction_encoder.alignment(options)
    trainer = Trainer(AlignmentNetwork(encoder), tuple, store, batches, alignment, args.seed)
    checkpoints = Checkpoints(args.checkpoints, run_identity(options, args.seed, args.buckets, base))
    with discard_damaged():
        trainer.run(checkpoints)
    save_trained(trainer.state, encoder.save_pretrained, checkpoints, args.out, args.metrics)
    leave_ranks()


if __name__ == "__main__":
    run_program(main)
