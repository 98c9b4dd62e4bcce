import json
from pathlib import Path

import pytest

from omniedit.config.schema import Config
from omniedit.specialists.learned.gpu_hours import gpu_hours
from omniedit.tasks import OMNIEDIT_TASKS

TASKS = {
    "object_removal": {"pairs_per_shard": 100, "specialist": "learned"},
    "style_transfer": {"pairs_per_shard": 50, "specialist": "learned"},
}
OFF = {str(task): {"pairs_per_shard": 0} for task in OMNIEDIT_TASKS if str(task) not in TASKS}


def config(**learned: object) -> Config:
    return Config.model_validate(
        {
            "sources": {"kind": "folder", "path": "photos", "shards": 36},
            "tasks": TASKS | OFF,
            "learned": {"replies": "replies.jsonl"} | learned,
            "scoring": {"judge": "internvl", "teacher": None},
            "bench": {"judge": "internvl"},
        }
    )


def row(task: str, model: str, ratio: str, pairs_per_s: float, **changes: object) -> dict[str, object]:
    made = {"task": task, "model": model, "ratio": ratio, "pairs_per_s": pairs_per_s}
    return made | {"resolution": 1024, "steps": None, "batch_size": 4, "device": "NVIDIA H100 80GB HBM3"} | changes


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    rows = [
        row("object_removal", "InpaintPipeline", "1x1", 0.5),
        row("object_removal", "InpaintPipeline", "3x2", 0.25),
        row("object_removal", "FluxFillPipeline", "1x1", 0.1),
        row("style_transfer", "StableDiffusionXLInstructPix2PixPipeline", "1x1", 1.0),
    ]
    path = tmp_path / "specialists.json"
    path.write_text(json.dumps(rows))
    return path


def test_gpu_hours_are_candidates_times_mean_seconds_over_ratios(figures: Path) -> None:
    lines = gpu_hours(config(inpainting="own"), "h100", figures)
    assert "3,600 candidates  3.0 GPU-hours" in lines[0] and "1,800 candidates  0.5 GPU-hours" in lines[1]
    assert lines[2].startswith("learned specialists: 3.5 GPU-hours, excluding decoding of photos, failed edits")
    assert "10.0 GPU-hours" in gpu_hours(config(), "h100", figures)[0]


def test_unmeasured_settings_are_reported_and_never_extrapolated(figures: Path, tmp_path: Path) -> None:
    for others in ({"resolution": 512}, {"steps": 10}, {"batch_size": 8}):
        lines = gpu_hours(config(inpainting="own", **others), "h100", figures)
        assert all("not measured" in line for line in lines)
    for lines in (gpu_hours(config(), "a100", figures), gpu_hours(config(), "h100", tmp_path / "nothing.json")):
        assert lines[0].endswith("not measured") and "python -m benchmarks.specialist_speed --full" in lines[-1]
    partly = json.loads(figures.read_text())[:2]
    figures.write_text(json.dumps(partly))
    lines = gpu_hours(config(inpainting="own"), "h100", figures)
    assert "3.0 GPU-hours" in lines[0] and "not measured" in lines[1] and "not measured" in lines[2]
