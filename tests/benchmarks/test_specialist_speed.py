"""Tests of the benchmark of learned specialists: full models have the published sizes, tiny ones run the same code."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import specialist_speed
from benchmarks.random_model_sizes import FULL, TINY
from benchmarks.random_models import Maker
from benchmarks.specialist_speed import Bench
from omniedit.config.schema import LearnedConfig
from omniedit.specialists.learned.inpainter import KINDS
from omniedit.specialists.learned.paired_sampling import PIPELINES
from omniedit.tasks import Task

PAINTED = [(Task.OBJECT_REMOVAL, kind) for kind in KINDS]
GENERATED = [(Task.ATTRIBUTE_MODIFICATION, kind) for kind in PIPELINES]
TYPES = [
    (Task("rotation_change"), "FluxKontextPipeline"),
    (Task("movement"), "StableDiffusionXLInpaintPipeline"),
]
BILLIONS = {
    "StableDiffusionXLPipeline": {"unet": 2.567, "vae": 0.084},
    "StableDiffusion3Pipeline": {"transformer": 2.028, "text_encoder": 0.086, "text_encoder_2": 0.632},
    "FluxFillPipeline": {"transformer": 11.90, "text_encoder_2": 4.63},
    "InpaintPipeline": {"transformer": 4.04},
}
"""Parameters of the published models, in billions, without embeddings of tokens missing in the tiny tokenizers."""


@pytest.mark.parametrize("kind", BILLIONS)
def test_full_models_have_the_published_sizes(kind: str) -> None:
    pipeline = Maker(FULL, "meta").pipeline(kind)
    sizes = {name: sum(p.numel() for p in getattr(pipeline, name).parameters()) / 1e9 for name in BILLIONS[kind]}
    assert sizes == pytest.approx(BILLIONS[kind], rel=0.01)


def test_full_grounding_models_have_the_published_sizes() -> None:
    maker = Maker(FULL, "meta")
    sizes = [sum(p.numel() for p in model.parameters()) / 1e9 for model, _ in (maker.detector(), maker.segmenter())]
    assert sizes == pytest.approx([0.233, 0.641], rel=0.01)


@pytest.mark.parametrize(
    ("task", "kind"), [*PAINTED, *GENERATED, (Task.STYLE_TRANSFER, specialist_speed.STYLE), *TYPES]
)
def test_each_model_is_measured_against_its_peer(task: Task, kind: str) -> None:
    config = LearnedConfig(replies="", batch_size=1, resolution=64, steps=2)
    row = Bench(task, kind, Maker(TINY, "cpu"), config).row("3x2")
    assert (row["task"], row["model"], row["ratio"], row["device"]) == (task, kind, "3x2", "cpu")
    assert row["pairs_per_s"] > 0 and row["peer_pairs_per_s"] > 0 and row["peak_gb"] is None


def test_newer_rows_replace_older_ones_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "rows.json"
    for ratios in (["1x1", "3x2"], ["3x2"]):
        command = ["specialists", "--tasks", "style_transfer", "--batch", "1", "--out", str(file), "--ratios", *ratios]
        monkeypatch.setattr(sys, "argv", command)
        specialist_speed.main()
    assert [row["ratio"] for row in json.loads(file.read_text())] == ["1x1", "3x2"]
