"""Measure how many pairs per second the judge `vlm` scores, next to a plain loop of `generate`.

    python -m benchmarks.vlm_judge_speed                  # a small Qwen2.5-VL with random weights, on one CPU thread

The peer writes each question's whole reply for one pair with `model.generate`, as the model's page shows it. A second
peer writes those of a whole batch. All have the same weights, images and prompts. Speed does not depend on weights, so
they are random. Runs take turns; times are processor seconds. The tests check that the scores are those of the whole
reply.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.random_vlms import make_qwen25
from benchmarks.timing import time_in_turns
from omniedit.config.schema import VlmConfig
from omniedit.scoring.examples import Example
from omniedit.scoring.rubric import Question, Rubric
from omniedit.scoring.rubric_registry import load_rubric
from omniedit.scoring.vlm_judges.images import ImageEncoder, join_inputs
from omniedit.scoring.vlm_judges.local import LocalJudge
from omniedit.scoring.vlm_judges.passes import image_tokens, pad_left

RUBRIC_TOKENS, REPLY_TOKENS = 330, 80
"""Approximate lengths in Qwen's tokens. A rubric's fixed text is cut to the first (one token per byte), and a reply
with a rationale has the second."""
VISION_SHARE = 4
"""Ratio of the language model's width to the image encoder's. With it, the ratio of their work is about
Qwen2.5-VL-7B's."""
PEER = "generate, one pair at a time"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", type=int, default=112, help="side of an image in pixels (default: %(default)s)")
    parser.add_argument("--width", type=int, default=128, help="width of the language model (default: %(default)s)")
    parser.add_argument("--layers", type=int, default=4, help="layers of the network (default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    examples = [make_example(number, args.side) for number in range(args.pairs)]
    with tempfile.TemporaryDirectory() as folder:
        make_qwen25(Path(folder), width=args.width, vision_width=args.width // VISION_SHARE, layers=args.layers)
        for name in ("edit", "viescore_editing"):
            options = VlmConfig(batch_size=args.pairs, pixels=args.side**2)
            judge = LocalJudge.load(Path(folder), shorten(load_rubric(name)), options, "tokens")
            compare(name, judge, examples, args.rounds)


def make_example(number: int, side: int) -> Example:
    source, edited = np.random.default_rng(number).integers(0, 255, (2, side, side, 3), np.uint8)
    return Example({"source": source, "edited": edited}, {"instruction": "Make it night, with wet asphalt."})


def shorten(rubric: Rubric) -> Rubric:
    """Return a rubric with texts of the usual number of tokens."""
    return replace(rubric, questions=tuple(replace(q, text=q.text[:RUBRIC_TOKENS]) for q in rubric.questions))


def compare(name: str, judge: LocalJudge, examples: Sequence[Example], rounds: int) -> None:
    """Print the speed of the judge and of its peers under one rubric."""
    (shown,), question = judge.prepare_images(examples[:1]), judge.rubric.questions[0]
    print(f"rubric {name}: {len(judge.rubric.questions)} questions, {len(judge.rubric.scores)} scores,", end=" ")
    print(f"{len(judge.prompt(question, examples[0], shown))} tokens of the first prompt, {len(examples)} pairs")
    runs: dict[str, Callable[[], Any]] = {
        "tokens, in a batch": partial(judge.mark, examples),
        "tokens, images encoded again": partial(mark_without_reuse, judge, examples),
        "tokens, one pair at a time": lambda: [judge.mark([example]) for example in examples],
        "generate, in a batch": partial(generate, judge, examples, len(examples)),
        PEER: partial(generate, judge, examples, 1),
    }
    taken, _ = time_in_turns(runs, rounds, time.process_time)
    slowest = statistics.median(taken[PEER])
    for run, seconds in taken.items():
        middle = statistics.median(seconds)
        spread = f"{min(seconds):.2f} to {max(seconds):.2f} s"
        print(f"  {run:<30}{len(examples) / middle:>8.2f} pairs/s {slowest / middle:>6.1f} x   ({spread})")


def mark_without_reuse(judge: LocalJudge, examples: Sequence[Example]) -> None:
    """Score with the images encoded and the fixed text read again for each question."""
    shown = judge.prepare_images(examples)
    for question in judge.rubric.questions:
        prompts = [judge.prompt(question, *each) for each in zip(examples, shown, strict=True)]
        encode = ImageEncoder(judge.model)
        judge.build_reader(question)(prompts, encode([[each[name] for name in question.images] for each in shown]))


@torch.inference_mode()
def generate(judge: LocalJudge, examples: Sequence[Example], size: int) -> None:
    """Write a reply of the usual length to each question about each pair, `size` pairs at a time."""
    for first in range(0, len(examples), size):
        for question in judge.rubric.questions:
            write_replies(judge, question, examples[first : first + size])


def write_replies(judge: LocalJudge, question: Question, examples: Sequence[Example]) -> None:
    shown = judge.prepare_images(examples)
    prompts = [judge.prompt(question, *each) for each in zip(examples, shown, strict=True)]
    ids_BT, mask_BT = pad_left(prompts, judge.model.device)
    judge.model.generate(
        input_ids=ids_BT,
        attention_mask=mask_BT,
        mm_token_type_ids=image_tokens(judge.model, ids_BT),
        **join_inputs([[each[name] for name in question.images] for each in shown]),
        do_sample=False,
        min_new_tokens=REPLY_TOKENS,
        max_new_tokens=REPLY_TOKENS,
    )


if __name__ == "__main__":
    main()
