"""Train an editor on sealed buckets, on one rank or, under torchrun, on several: BUCKETS -> a folder for EditPipeline.

    torchrun --standalone --nproc_per_node 2 scripts/train.py results/mini/buckets --base results/mini/train/base ...

A killed run resumes from its last checkpoint when it is started again.
"""

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from omniedit import models
from omniedit.buckets.scratch import copy_to_scratch, discard_damaged, find_copy
from omniedit.buckets.store import BucketStore
from omniedit.cli.arguments import run_seed
from omniedit.config.arguments import add_section
from omniedit.config.schema import TrainConfig
from omniedit.models.base import Base
from omniedit.models.conditions import get_supported_conditions
from omniedit.models.editor import Editor
from omniedit.models.encoders.mllm import MllmEditor, MllmEncoder
from omniedit.models.loading import load_base
from omniedit.models.pipeline import EditPipeline
from omniedit.run.program import run_program
from omniedit.storage.manifest import MANIFEST, checksum
from omniedit.training.checkpoints import Checkpoints, run_identity, save_trained
from omniedit.training.editor.batches import EditBatchBuilder
from omniedit.training.editor.encoded_pairs import EncodedPairs
from omniedit.training.editor.instruction_encoder import InstructionEncoder
from omniedit.training.editor.mllm_batches import MllmBatchBuilder
from omniedit.training.editor.questions import Questions
from omniedit.training.editor.samples import sample_edits, sample_instructions, with_encoders_on
from omniedit.training.fitting import check_resolution, fit_editor, save_editor
from omniedit.training.ranks import join_ranks, leave_ranks
from omniedit.training.trainer import Trainer


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("buckets", type=Path, help="folder of sealed buckets")
    parser.add_argument(
        "--base", type=Path, required=True, help="folder of the base, models/{role}.json of a fetched one, or shipped"
    )
    parser.add_argument("--model", choices=models.ARCHITECTURES, help="architecture; default: the one in --options")
    add_section(parser, "--options", TrainConfig, default=TrainConfig())
    parser.add_argument("--seed", type=run_seed, default=0)
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder that is kept if a job fails")
    parser.add_argument(
        "--encoded", type=Path, help="folder of the parts that scripts/encode_pairs.py wrote for these buckets"
    )
    parser.add_argument(
        "--encoder", type=Path, help="folder of scripts/align_encoder.py: a language model reads image and instruction"
    )
    parser.add_argument("--scratch", default="", help="folder on the node's disk to copy the buckets to")
    parser.add_argument("--metrics", type=Path, required=True, help="output file, one JSON line per step")
    parser.add_argument("--out", type=Path, required=True, help="output folder of the trained editor")
    args = parser.parse_args()
    if args.model:
        args.options = args.options.model_copy(update={"model": args.model})
    return args


def main() -> None:
    args = parse_arguments()
    options: TrainConfig = args.options
    device = join_ranks()
    base = load_base(args.base, getattr(torch, options.dtype))
    if not args.encoded:  # otherwise they are in a GPU's memory only while sample edits are made
        base.move_encoders(device)
    torch.manual_seed(args.seed)  # of weights that are not copied from the base, the same on all ranks
    editor = models.build(options.model, base.transformer, base.prediction_type)
    text_tokens = base.text.encode([""])[0].shape[1]
    fit_editor(editor, options, args.seed, device, text_tokens, dist.get_world_size())
    takes = get_supported_conditions(editor)
    buckets = use_local_copy(args.buckets, args.scratch)
    store = BucketStore(buckets, resolution=options.resolution, reads_references=takes.references)
    check_resolution(editor, options.resolution, [ratio for ratio, pairs in store.sizes().items() if pairs])
    encoded = EncodedPairs(args.encoded, store, options.dtype) if args.encoded else None
    known = sample_instructions(store)
    pipeline = base.pipeline(editor, options.resolution, known)
    identity = run_identity(options, args.seed, args.buckets, base)
    parts = (base.vae, InstructionEncoder(base.text), options, args.seed, takes)
    batches: EditBatchBuilder = EditBatchBuilder(*parts)
    network: nn.Module = editor
    if args.encoder:
        encoder, questions = load_encoder(args.encoder, options, device)
        pipeline.register_modules(instruction_encoder=encoder)
        batches = MllmBatchBuilder(*parts, encoder=encoder, questions=questions)
        network = MllmEditor(editor, encoder)
        identity |= {"questions": questions.digest} if questions else {}
        identity["encoder"] = checksum(args.encoder / MANIFEST)
    sampler = EditPipeline.from_pipe(pipeline, known_instructions="")  # its warnings would embed all of them
    samples = partial(sample_edits, sampler, store, args.seed)
    if args.encoded:
        samples = partial(with_encoders_on, device, pipeline, samples)
    trainer = Trainer(network, samples, store, batches, options, args.seed, encoded)
    checkpoints = Checkpoints(args.checkpoints, identity)
    with discard_damaged():
        trainer.run(checkpoints)
    save = choose_save(editor, pipeline, base, args.base, options, known)
    save_trained(trainer.state, save, checkpoints, args.out, args.metrics)
    leave_ranks()


def load_encoder(folder: Path, options: TrainConfig, device: torch.device) -> tuple[MllmEncoder, Questions | None]:
    """Load the language model that reads instructions, and the questions that train it further, if any."""
    encoder = MllmEncoder.from_pretrained(folder, torch_dtype=getattr(torch, options.dtype))
    nn.Module.to(encoder, device)
    questions = options.instruction_encoder.questions
    return encoder, Questions(Path(questions)) if questions else None


def choose_save(
    editor: Editor, pipeline: EditPipeline, base: Base, base_path: Path, options: TrainConfig, known: str
) -> Callable[..., Any]:
    """Return the function that saves the editor: `save_editor` if it has adapters or a quantised base."""
    if not (options.lora.rank or options.base.quantize):
        return pipeline.save_pretrained
    return partial(
        save_editor,
        editor=editor,
        options=options,
        base=base,
        base_path=base_path,
        known_instructions=known,
        instruction_encoder=pipeline.instruction_encoder,
    )


def use_local_copy(buckets: Path, scratch: str) -> Path:
    """Copy the buckets to the node's scratch disk and return the copy. Without a copy, return the buckets themselves.

    Environment variables in `scratch`, such as $TMPDIR, are those of the node.
    """
    if not scratch:
        return buckets
    folder = Path(os.path.expandvars(scratch))
    if int(os.environ["LOCAL_RANK"]) == 0:
        copy_to_scratch(buckets, folder)
    dist.barrier()
    return find_copy(buckets, folder)


if __name__ == "__main__":
    run_program(main)
