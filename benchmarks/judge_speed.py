"""Measure how many pairs per second a judge scores: from the scores' tokens in batches, and by `generate` pair by pair.

    python benchmarks/judge_speed.py results/mini  # the run's trained student, on one CPU thread
    python benchmarks/judge_speed.py --full  # InternVL2-8B's shape, random, by tile count, on a GPU

The peer is the plain loop: `model.generate` writes the whole reply for one pair, and its logits give the expected
score. Both get the same views of the same pairs and the same weights. For the student, the largest difference between
their scores is printed.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import InternVLConfig, InternVLForConditionalGeneration, LlamaConfig
from transformers.models.internvl import InternVLVisionConfig

from benchmarks.timing import time_in_turns
from omniedit.pairs import EditPair, Shard
from omniedit.scoring.judge_shards import prefetch_pairs
from omniedit.scoring.reference.judge import ReferenceJudge
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.scoring.student.agreement import spearman
from omniedit.scoring.student.inputs import student_inputs
from omniedit.scoring.student.judge import IMAGE, MAX_REPLY_TOKENS, StudentJudge, build_tokenizer, pixel_values, prompt
from omniedit.scoring.verdict import Score
from omniedit.scoring.vlm_judges.readout import SCORES, TokenReader
from omniedit.scoring.vlm_judges.rubric_judge import parse_reading
from omniedit.storage.parquet import read_rows
from omniedit.storage.progress import Progress

RUBRIC_TOKENS, WORDS_TOKENS, RATIONALE_TOKENS = 330, 40, 60
"""Approximate lengths in InternVL's tokens: rubric and instruction of a prompt, rationale of a reply."""
TILES = (1, 5, 7, 10, 13)
"""Numbers of tiles per image: only the whole image, or a grid of 4, 6, 9 or 12 plus the whole image scaled down."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", help="folder of a run, with candidates/, scores/ and scorer/")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full", action="store_true", help="InternVL2-8B's shape, in bfloat16")
    parser.add_argument("--batch", type=int, default=8, help="pairs at once, with --full (default: %(default)s)")
    args = parser.parse_args()
    if args.full:
        full_size(args.batch, args.rounds)
    elif args.run:
        torch.set_num_threads(1)
        student(args.run, args.rounds)
    else:
        sys.exit("error: name a run, or give --full")


def student(run: Path, rounds: int) -> None:
    judge = StudentJudge.from_pretrained(run / "scorer")
    pairs = [pair for path in sorted(run.glob("candidates/*/*.h5")) for pair in read_pairs(path)]
    teacher = {row["pair_id"]: row for path in run.glob("scores/*/*.parquet") for row in read_rows(path)}
    if others := {row["judge"] for row in teacher.values()} - {ReferenceJudge.name}:
        sys.exit(
            f"error: {run}: scores of the judge {', '.join(sorted(others))}; name a run that the reference judge scored"
        )
    known = [teacher[pair.pair_id]["o_score"] for pair in pairs]
    start = time.perf_counter()
    seen = np.stack([student_inputs(pair.source, pair.edited, judge.image_size) for pair in pairs])
    print(f"views of pictures in memory: {len(pairs) / (time.perf_counter() - start):.1f} pairs/s")
    instructions = [pair.instruction for pair in pairs]
    runs: dict[str, Callable[[], list[float | None]]] = {
        "tokens, batches of 32": lambda: read_in_batches(judge, seen, instructions, 32),
        "tokens, one pair at a time": lambda: read_in_batches(judge, seen, instructions, 1),
        "generate, one pair at a time": lambda: [
            expected_o_score(judge, *each) for each in zip(seen, instructions, strict=True)
        ],
    }
    taken, scores = time_in_turns(runs, rounds)
    slowest = statistics.median(taken["generate, one pair at a time"])
    peer = scores["generate, one pair at a time"]
    for name, seconds in taken.items():
        rate, times = len(pairs) / statistics.median(seconds), slowest / statistics.median(seconds)
        both = [(a, b, t) for a, b, t in zip(scores[name], peer, known, strict=True) if None not in (a, b, t)]
        mine, theirs, truth = (np.array(column, float) for column in zip(*both, strict=True))
        apart = np.abs(mine - theirs).max()
        agreed = f"O apart by {apart:.5f} at most, Spearman of O with the reference judge {spearman(truth, mine)}"
        print(f"{name:<30}{rate:>8.1f} pairs/s {times:>6.1f} x   {agreed}, of {len(both)} of {len(pairs)} pairs")


def read_pairs(path: Path) -> list[EditPair]:
    with Shard(path) as shard, Progress("pairs") as progress:
        return [pair for batch in prefetch_pairs(shard, 32, progress) for pair in batch]


def read_in_batches(
    judge: StudentJudge, seen: np.ndarray, instructions: Sequence[str], size: int
) -> list[float | None]:
    verdicts = []
    for first in range(0, len(instructions), size):
        verdicts += judge.judge_views(seen[first : first + size], instructions[first : first + size])
    return [verdict.o_score if isinstance(verdict, Score) else None for verdict in verdicts]


@torch.inference_mode()
def expected_o_score(judge: StudentJudge, views_VSS3: np.ndarray, instruction: str) -> float | None:
    """Return O of the expected scores at the reply's three numbers, or None if the reply cannot be parsed."""
    model: Any = judge.model
    text = prompt(edit_rubric(), instruction, model.config.image_seq_length)
    inputs = judge.tokenizer([text], return_tensors="pt", return_token_type_ids=False)
    answer = model.generate(
        **inputs,
        pixel_values=pixel_values(views_VSS3[None]),
        do_sample=False,
        max_new_tokens=MAX_REPLY_TOKENS,
        return_dict_in_generate=True,
        output_logits=True,
    )
    reply = answer.sequences[0, inputs["input_ids"].shape[1] :]
    if isinstance(parse_reading(judge.tokenizer.batch_decode([reply], skip_special_tokens=True)[0], 3), Unscorable):
        return None
    written = judge.tokenizer.convert_ids_to_tokens(reply.tolist())
    places = [place for place, token in enumerate(written) if token in SCORES][:3]
    ids = judge.tokenizer.convert_tokens_to_ids(list(SCORES))
    expected = [float(answer.logits[place][0, ids].softmax(-1) @ torch.arange(11.0)) for place in places]
    return Score(expected[0], expected[1], expected[2]).o_score


def full_size(batch: int, rounds: int) -> None:
    if not torch.cuda.is_available():
        sys.exit("error: --full needs a GPU with 40 GB")
    tokenizer = build_tokenizer(["?"], edit_rubric())
    model = internvl2_8b(tokenizer.get_vocab()[IMAGE])
    reader = TokenReader(model, tokenizer, edit_rubric().num_scores)
    print(
        f"{torch.cuda.get_device_name()}, {sum(p.numel() for p in model.parameters()) / 1e9:.2f} B parameters, bfloat16"
    )
    for tiles in TILES:
        prompts, pixels = build_prompts(batch, tiles, model)
        runs: dict[str, Callable[[], Any]] = {
            "tokens": partial(reader.probabilities, prompts, {"pixel_values": pixels}),
            "generate": partial(generate, model, prompts[:1], pixels[: 2 * tiles]),
        }
        taken, _ = time_in_turns(runs, rounds)
        rate, peer = batch / statistics.median(taken["tokens"]), 1 / statistics.median(taken["generate"])
        line = f"{tiles:>3} tiles an image, {len(prompts[0]):>5} tokens: {rate:>7.2f} pairs/s"
        print(f"{line}, {1e6 / rate / 3600:>6.1f} GPU-hours a million pairs; generate one by one {peer:.2f} pairs/s")


def internvl2_8b(image_token: int) -> InternVLForConditionalGeneration:
    """Return InternViT-300M at 448 pixels with a language model of InternLM2.5-7B's shape.

    Weights are random, because speed does not depend on them.
    """
    text = LlamaConfig(
        vocab_size=92_553,
        hidden_size=4096,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        intermediate_size=14_336,
        max_position_embeddings=32_768,
    )
    vision = InternVLVisionConfig()
    config = InternVLConfig(
        vision_config=vision, text_config=text, image_token_id=image_token, tie_word_embeddings=False
    )
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        return InternVLForConditionalGeneration(config).eval()


def build_prompts(
    batch: int, tiles: int, model: InternVLForConditionalGeneration
) -> tuple[list[list[int]], torch.Tensor]:
    """Return prompts about two images each, and their pixels."""
    vision: Any = model.config.vision_config
    side, image = vision.image_size[0], model.config.image_token_id
    shown = [image] * (tiles * model.config.image_seq_length)
    words = list(range(300, 300 + WORDS_TOKENS))
    prompts = [[*range(300, 300 + RUBRIC_TOKENS), *shown, 299, *shown, *words] for _ in range(batch)]
    pixels = torch.randn(2 * tiles * batch, 3, side, side, device=model.device, dtype=model.dtype)
    return prompts, pixels


@torch.inference_mode()
def generate(model: Any, prompts: Sequence[Sequence[int]], pixels: torch.Tensor) -> None:
    """Generate a whole reply with a rationale of the usual length."""
    ids = torch.tensor(prompts, device=model.device)
    length = {"max_new_tokens": RATIONALE_TOKENS + 20, "min_new_tokens": RATIONALE_TOKENS + 20}
    model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=pixels, do_sample=False, **length)


if __name__ == "__main__":
    main()
