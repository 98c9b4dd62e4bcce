"""A fetched InternVL becomes the student: what of it is trained, how far it agrees before and after, its folder.

The training itself is `omniedit.training.engine`'s, over the batches of `omniedit.scoring.student.internvl_batches`.
"""

import json
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from transformers import InternVLForConditionalGeneration

from omniedit.config.schema import FinetuneConfig
from omniedit.scoring.student.agreement import agreement_row
from omniedit.scoring.student.examples import SPLIT, TeacherExample
from omniedit.scoring.student.internvl_dataset import TeacherDataset
from omniedit.scoring.vlm_judges.internvl import InternvlJudge
from omniedit.storage.atomic import replace_file
from omniedit.storage.progress import Progress
from omniedit.training.blocks import checkpoint_forward, recomputes
from omniedit.training.checkpoints import WITHOUT_EFFECT, weights_sha256
from omniedit.training.ranks import from_all_ranks

ADAPTED = r".*\blanguage_model\..*_proj"
"""Names of the modules that get adapters: the linear layers of attention and MLP of each block."""
ADAPTER_SCALE = 2
"""What an adapter adds is scaled by so much, as in InternVL's own recipe."""

Rows = list[dict[str, Any]]


def prepare_student(model: InternVLForConditionalGeneration, options: FinetuneConfig, seed: int) -> nn.Module:
    """The network to train, which computes what `model` does; what is not trained needs no gradients."""
    parts = model.model
    layers = [*parts.vision_tower.encoder.layer, *parts.language_model.layers]
    for index, layer in enumerate(layers):
        if recomputes(index, options.training):
            layer.forward = checkpoint_forward(layer.forward)
    network = _with_adapters(model, options.lora_rank, seed) if options.method == "lora" else model.requires_grad_(True)
    parts.vision_tower.requires_grad_(options.vision)
    return network


def _with_adapters(model: InternVLForConditionalGeneration, rank: int, seed: int) -> nn.Module:
    """Low-rank adapters (Hu et al. 2021) that add nothing yet; all else is frozen."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    return get_peft_model(model, LoraConfig(r=rank, lora_alpha=ADAPTER_SCALE * rank, target_modules=ADAPTED))


def save_student(network: nn.Module, judge: InternvlJudge, folder: Path) -> None:
    """A folder for `omniedit.scoring.load_judge`: adapters merged into the weights, and how many tiles are shown."""
    model: Any = network
    if network is not judge.model:
        model = model.merge_and_unload()
    model.save_pretrained(folder)
    judge.tokenizer.save_pretrained(folder)
    judge.image_processor.max_patches = judge.max_tiles
    judge.image_processor.save_pretrained(folder)


def finetune_identity(
    options: FinetuneConfig, judge: InternvlJudge, store: TeacherDataset, seed: int
) -> dict[str, Any]:
    """What the weights of a fine-tuning depend on, as JSON values: a checkpoint of another one is not gone on from."""
    return {
        "options": options.model_dump(exclude=WITHOUT_EFFECT | {"model"}),
        "max_tiles": judge.max_tiles,
        "prompt": judge.prompt_hash,
        "seed": seed,
        "examples": store.digest(),
        "model": weights_sha256(judge.model),
    }


def about_student(options: FinetuneConfig, judge: InternvlJudge, store: TeacherDataset) -> dict[str, Any]:
    """What agreement.json tells of the student beside figures, before it is wrapped for training."""
    return {
        "teacher": store.judge,
        "split": SPLIT,
        "held_out_photos": sorted(store.held_out_photos),
        "learnt_from": sum(store.sizes().values()),
        "parameters": judge.model.num_parameters(),
        "options": options.model_dump(),
    }


def compare_to_teacher(judge: InternvlJudge, store: TeacherDataset) -> Rows:
    """The teacher's and the student's scores of the held-out pairs, rows of `AGREEMENT_SCHEMA`; called by all ranks.

    Each judges its share, in as many batches as any other, since under ZeRO 3 none computes alone: one that has none
    left repeats the last, which does not count.
    """
    held_out, size = store.held_out(), judge.batch_size
    batches = [held_out[first : first + size] for first in range(0, len(held_out), size)]
    rank, ranks = dist.get_rank(), dist.get_world_size()
    rows: list[Rows] = []
    with Progress("batches of held-out pairs", total=-(-len(batches) // ranks)) as progress:
        for place in range(rank, rank + len(batches), ranks):
            judged = _compare_batch(judge, batches[min(place, len(batches) - 1)])
            rows += [judged] if place < len(batches) else []
            progress.advance()
    by_turns = zip_longest(*from_all_ranks(rows), fillvalue=[])
    return [row for turn in by_turns for of_rank in turn for row in of_rank]


def _compare_batch(judge: InternvlJudge, batch: list[TeacherExample]) -> Rows:
    pairs = [taught.pair() for taught in batch]
    return [
        agreement_row(pair.pair_id, str(pair.task), taught.ratio, taught.defect, taught.teacher, verdict)
        for taught, pair, verdict in zip(batch, pairs, judge.judge(pairs), strict=True)
    ]


def compare_before(judge: InternvlJudge, store: TeacherDataset, path: Path) -> None:
    """Write the untrained model's agreement with the teacher, unless the interrupted training already did."""
    if any(from_all_ranks(path.is_file())):
        return
    rows = compare_to_teacher(judge, store)
    if dist.get_rank() == 0:
        with replace_file(path) as temporary:
            temporary.write_text(json.dumps(rows))
