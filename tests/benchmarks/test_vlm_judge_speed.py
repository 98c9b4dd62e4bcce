"""Tests of the benchmark of the judge `vlm`, at a tiny size, with all readers under both rubrics."""

import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import Qwen2_5_VLModel

from benchmarks import vlm_judge_speed

REPLY_TOKENS = 12


def test_judge_needs_a_third_of_the_passes_of_generate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Count forward passes instead of seconds, which depend on the load of the machine."""
    torch.set_num_threads(1)
    passes = 0
    forward = Qwen2_5_VLModel.forward

    def count_and_forward(*given: Any, **named: Any) -> Any:
        nonlocal passes
        passes += 1
        return forward(*given, **named)

    def count_passes(
        runs: dict[str, Callable[[], Any]], rounds: int, clock: Callable[[], float]
    ) -> tuple[dict[str, list[float]], dict[str, Any]]:
        nonlocal passes
        counts: dict[str, list[float]] = {}
        for name, run in runs.items():
            passes = 0
            run()
            counts[name] = [passes] * rounds
        return counts, {}

    monkeypatch.setattr(Qwen2_5_VLModel, "forward", count_and_forward)
    monkeypatch.setattr(vlm_judge_speed, "time_in_turns", count_passes)
    monkeypatch.setattr(vlm_judge_speed, "REPLY_TOKENS", REPLY_TOKENS)
    monkeypatch.setattr(sys, "argv", ["vlm_judge", "--pairs", "3", "--rounds", "1", "--width", "64", "--layers", "2"])
    vlm_judge_speed.main()
    printed = capsys.readouterr().out
    rubrics = printed.split("rubric ")[1:]
    assert [rubric.split(":")[0] for rubric in rubrics] == ["edit", "viescore_editing"]
    for rubric in rubrics:
        ratios = {name: float(x) for name, x in re.findall(r"^  (.+?) {2,}.* pairs/s +([0-9.]+) x", rubric, re.M)}
        assert len(ratios) == 5 and ratios[vlm_judge_speed.PEER] == 1
        assert ratios["tokens, in a batch"] >= 3 and ratios["generate, in a batch"] == 3
