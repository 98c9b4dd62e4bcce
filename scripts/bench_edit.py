"""Edit the benchmark's images with one model: bench/set/{task}.h5 -> bench/{model}/{task}.h5, one file per task."""

import argparse
from dataclasses import replace
from pathlib import Path

from omniedit.cli.arguments import at_least_one, run_seed
from omniedit.errors import UserError
from omniedit.evaluation.own_benchmark_edits import (
    BATCH_SIZE,
    MODELS,
    EditFunction,
    SamplingOptions,
    load_trained_editor,
    no_edit,
    scale_to_bucket,
    specialist,
)
from omniedit.pairs import Shard, ShardWriter
from omniedit.run.program import run_program
from omniedit.scoring.judge_shards import prefetch_pairs
from omniedit.storage.atomic import replace_file
from omniedit.storage.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path, nargs="+", help="benchmark sets, one file per task ({task}.h5)")
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--pipeline", type=Path, help="folder of the trained editor, if --model is an architecture")
    parser.add_argument(
        "--resolution", type=at_least_one, required=True, help="images are edited at about RESOLUTION^2 pixels"
    )
    parser.add_argument("--steps", type=at_least_one, default=20, help="sampling steps of the editor")
    parser.add_argument("--guidance-text", type=float, default=1.0, help="guidance scale of the instruction")
    parser.add_argument("--guidance-image", type=float, default=1.5, help="guidance scale of the source image")
    parser.add_argument("--seed", type=run_seed, default=0)
    parser.add_argument(
        "--out-dir", type=Path, required=True, help="folder for the edits, one file per task ({task}.h5)"
    )
    args = parser.parse_args()

    editor = _editor(args)
    for path in args.pairs:
        _edit_task(path, args.out_dir / path.name, editor, args)


def _edit_task(pairs: Path, out: Path, editor: EditFunction, args: argparse.Namespace) -> None:
    with (
        Shard(pairs) as shard,
        replace_file(out) as temporary,
        ShardWriter(temporary, shard.task, args.model, args.seed, shard.versions) as writer,
        Progress(f"edits of {shard.task}", total=len(shard)) as progress,
    ):
        for batch in prefetch_pairs(shard, BATCH_SIZE, progress):
            small = [scale_to_bucket(pair, args.resolution) for pair in batch]
            for pair, edited in zip(small, editor(small), strict=True):
                writer.add(replace(pair, edited=edited, provenance=pair.provenance | {"editor": args.model}))
            progress.advance(len(batch))


def _editor(args: argparse.Namespace) -> EditFunction:
    if args.model == "no_edit":
        return no_edit
    if args.model == "specialist":
        return specialist
    if args.pipeline is None:
        raise UserError(f"--model {args.model} needs --pipeline, the folder that scripts/train.py wrote")
    sampling = SamplingOptions(args.steps, args.guidance_text, args.guidance_image, args.seed)
    return load_trained_editor(args.pipeline, sampling)


if __name__ == "__main__":
    run_program(main)
