"""Benchmark of the judge `vlm`, at a tiny size: the judge is several times as fast as a loop of `generate`."""

import re
import sys

import pytest
import torch

from benchmarks import vlm_judge


def test_the_judge_is_three_times_as_fast_as_a_loop_of_generate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(sys, "argv", ["vlm_judge", "--pairs", "4", "--rounds", "1", "--width", "64", "--layers", "2"])
    vlm_judge.main()
    told = capsys.readouterr().out
    ratios = {name: float(ratio) for name, ratio in re.findall(r"^  (.+?) {2,}.* pairs/s +([0-9.]+) x", told, re.M)}
    assert ratios[vlm_judge.PEER] == 1 and ratios["tokens, in a batch"] >= 3
    assert len(re.findall("^rubric ", told, re.M)) == 2
