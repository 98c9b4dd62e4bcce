"""Fine-tuning of a fetched InternVL as the student: trained parts, agreement before and after, folder of the result.

`omniedit.training.trainer` runs the training, over the batches of `omniedit.scoring.student.internvl_batches`.
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
from omniedit.models.weights import weights_sha256
from omniedit.scoring.student.agreement import agreement_row
from omniedit.scoring.student.examples import SPLIT, TeacherExample
from omniedit.scoring.student.internvl_dataset import TeacherDataset
from omniedit.scoring.vlm_judges.internvl import InternvlJudge
from omniedit.storage.atomic import write_text
from omniedit.storage.progress import Progress
from omniedit.training.blocks import checkpoint_forward, recomputes
from omniedit.training.checkpoints import WITHOUT_EFFECT
from omniedit.training.ranks import gather_from_ranks

ADAPTED = r".*\blanguage_model\..*_proj"
"""Names of the modules that get adapters: the linear layers of attention and MLP of each block."""
ADAPTER_SCALE = 2
"""Scale of an adapter's output, as in InternVL's own recipe."""

Rows = list[dict[str, Any]]


def prepare_student(model: InternVLForConditionalGeneration, options: FinetuneConfig, seed: int) -> nn.Module:
    """Return the network to train, which computes the same as `model`; frozen parts need no gradients."""
    parts = model.model
    layers = [*parts.vision_tower.encoder.layer, *parts.language_model.layers]
    for index, layer in enumerate(layers):
        if recomputes(index, options.training):
            layer.forward = checkpoint_forward(layer.forward)
    network = _with_adapters(model, options.lora_rank, seed) if options.method == "lora" else model.requires_grad_(True)
    parts.vision_tower.requires_grad_(options.vision)
    return network


def _with_adapters(model: InternVLForConditionalGeneration, rank: int, seed: int) -> nn.Module:
    """Add low-rank adapters (Hu et al. 2021) with zero output, and freeze everything else."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    return get_peft_model(model, LoraConfig(r=rank, lora_alpha=ADAPTER_SCALE * rank, target_modules=ADAPTED))


def save_student(network: nn.Module, judge: InternvlJudge, folder: Path) -> None:
    """Write a folder for `omniedit.scoring.load_judge`: weights with merged adapters, and the number of tiles."""
    model: Any = network
    if network is not judge.model:
        model = model.merge_and_unload()
    model.save_pretrained(folder)
    judge.tokenizer.save_pretrained(folder)
    judge.processor.image_processor.max_patches = judge.max_tiles
    judge.processor.image_processor.save_pretrained(folder)


def finetune_identity(
    options: FinetuneConfig, judge: InternvlJudge, store: TeacherDataset, seed: int
) -> dict[str, Any]:
    """Return all settings and inputs that the weights of a fine-tuning depend on, as JSON values. A run resumes only if
    they are equal.
    """
    return {
        "options": options.model_dump(exclude=WITHOUT_EFFECT | {"model"}),
        "max_tiles": judge.max_tiles,
        "prompt": judge.prompt_hash,
        "seed": seed,
        "examples": store.digest(),
        "model": weights_sha256(judge.model),
    }


def about_student(options: FinetuneConfig, judge: InternvlJudge, store: TeacherDataset) -> dict[str, Any]:
    """Return the description of the student for agreement.json; call it before training wraps the model."""
    return {
        "teacher": store.judge,
        "split": SPLIT,
        "held_out_photos": sorted(store.held_out_photos),
        "learnt_from": sum(store.sizes().values()),
        "parameters": judge.model.num_parameters(),
        "options": options.model_dump(),
    }


def compare_to_teacher(judge: InternvlJudge, store: TeacherDataset) -> Rows:
    """Return rows of `AGREEMENT_SCHEMA` for the held-out pairs; all ranks must call it.

    Each rank judges its share, in the same number of batches, because under ZeRO 3 all ranks must compute together. A
    rank that has run out of batches repeats the last one without counting it.
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
    by_turns = zip_longest(*gather_from_ranks(rows), fillvalue=[])
    return [row for turn in by_turns for of_rank in turn for row in of_rank]


def _compare_batch(judge: InternvlJudge, batch: list[TeacherExample]) -> Rows:
    pairs = [example.pair() for example in batch]
    return [
        agreement_row(pair.pair_id, str(pair.task), example.ratio, example.defect, example.teacher, verdict)
        for example, pair, verdict in zip(batch, pairs, judge.judge(pairs), strict=True)
    ]


def compare_before(judge: InternvlJudge, store: TeacherDataset, path: Path) -> None:
    """Write the untrained model's agreement with the teacher, unless the interrupted training already did."""
    if any(gather_from_ranks(path.is_file())):
        return
    rows = compare_to_teacher(judge, store)
    if dist.get_rank() == 0:
        write_text(path, json.dumps(rows))
