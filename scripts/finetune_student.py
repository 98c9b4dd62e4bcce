"""Fine-tune a fetched InternVL on the teacher's answers, on one rank or, under torchrun, on several.

    torchrun --standalone --nproc_per_node 2 scripts/finetune_student.py --model models/judge.json ...

Writes the student and its agreement with the teacher on held-out photos. A killed run resumes from its last checkpoint
when it is started again.
"""

import argparse
import json
import shutil
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist

from omniedit.cli.arguments import at_least_one, run_seed
from omniedit.config.arguments import add_section
from omniedit.config.schema import FinetuneConfig, InternvlConfig, ScoringConfig
from omniedit.pairs import Shard
from omniedit.run.program import run_program
from omniedit.scoring.judges import local_judge
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.scoring.student.agreement import write_agreement
from omniedit.scoring.student.examples import choose_rows, read_teacher_examples
from omniedit.scoring.student.finetune import (
    about_student,
    compare_before,
    compare_to_teacher,
    finetune_identity,
    prepare_student,
    save_student,
)
from omniedit.scoring.student.internvl_batches import AnswerBatches
from omniedit.scoring.student.internvl_dataset import TeacherDataset
from omniedit.scoring.vlm_judges.internvl import InternvlJudge
from omniedit.storage.manifest import seal_folder
from omniedit.storage.progress import Progress
from omniedit.storage.shard_paths import add_shard_options, expand_files
from omniedit.training.checkpoints import Checkpoints
from omniedit.training.ranks import join_ranks, leave_ranks
from omniedit.training.trainer import Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of an InternVL, or models/{role}.json of one")
    parser.add_argument("--candidates", required=True, help="path pattern candidates/{task}/{shard}.h5")
    parser.add_argument("--teacher", required=True, help="path pattern teacher/{task}/{shard}.parquet")
    add_shard_options(parser)
    add_section(parser, "--options", FinetuneConfig, required=True)
    parser.add_argument("--max-tiles", type=at_least_one, required=True, help="maximum number of tiles per image")
    parser.add_argument("--seed", type=run_seed, required=True)
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder that is kept if a job fails")
    parser.add_argument("--out", type=Path, required=True, help="output folder of the student")
    args = parser.parse_args()
    options: FinetuneConfig = args.options

    join_ranks()
    at_once = options.batch_size // dist.get_world_size() // options.accumulate
    internvl = InternvlConfig(max_tiles=args.max_tiles, batch_size=max(1, at_once))
    judge = local_judge("internvl", args.model, ScoringConfig(internvl=internvl), edit_rubric())
    assert isinstance(judge, InternvlJudge)  # uses transformers, the default engine: vLLM does not train
    judge.model.to(getattr(torch, options.dtype))
    # A judge caches the features of images, so evaluating changed weights needs a new judge.
    new_judge = partial(InternvlJudge, judge.model, judge.processor, judge.rubric, internvl)
    with ExitStack() as stack:
        store = read_store(args, options, stack)
        about = about_student(options, judge, store)
        checkpoints = Checkpoints(args.checkpoints, finetune_identity(options, judge, store, args.seed))
        before = checkpoints.folder / "before.json"
        compare_before(new_judge(), store, before)
        network = prepare_student(judge.model, options, args.seed)
        trainer = Trainer(network, tuple, store, AnswerBatches(judge, args.seed), options.training, args.seed)
        trainer.run(checkpoints)
        with trainer.state.ema_weights():
            rows = compare_to_teacher(new_judge(), store)
    with trainer.state.gathered_ema_weights():
        if dist.get_rank() == 0:
            with seal_folder(args.out) as folder:
                save_student(network, judge, folder)
                write_agreement(folder, rows, json.loads(before.read_text()), about)
                shutil.copyfile(checkpoints.folder / "metrics.jsonl", folder / "metrics.jsonl")
    leave_ranks()


def read_store(args: argparse.Namespace, options: FinetuneConfig, stack: ExitStack) -> TeacherDataset:
    """Load the teacher's examples. Their shards stay open until the stack closes."""
    candidates, teacher = (expand_files(p, args.tasks, args.shards) for p in (args.candidates, args.teacher))
    examples = []
    with Progress("examples") as progress:
        for candidate_file, teacher_file, rows in choose_rows(candidates, teacher, options.max_examples):
            shard = stack.enter_context(Shard(candidate_file, keeps_last=False))
            examples += list(progress.over(read_teacher_examples(shard, teacher_file, rows)))
    return TeacherDataset(examples, options.held_out, args.seed)


if __name__ == "__main__":
    run_program(main)
