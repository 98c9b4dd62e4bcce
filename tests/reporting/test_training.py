"""Training page: losses, speed, and the latest grids of sample edits."""

import json

import numpy as np

from omniedit.imaging.images import encode_png
from omniedit.reporting.page import NO_VALUE
from omniedit.reporting.training import INPAINTING, Curve, loss_rows, part_rows, read_curve, speed_row, training_page


def test_a_repeated_step_replaces_the_earlier_one(tmp_path):
    lines = [{"step": 0, "held_out_loss": 1.0}, {"step": 1, "loss": 9.0}, {"step": 1, "loss": 0.8}]
    lines += [{"step": 2, "loss": 0.4, "held_out_loss": 0.5}]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    curve = read_curve("EditNet", path)
    assert curve.training == [(1, 0.8), (2, 0.4)]
    assert loss_rows(curve)[1].cells == ["EditNet", "held out", "2", "1.0000", "0.5000", "-50.0 %"]
    assert training_page("mini", [curve]).count("<img") == 1


def test_the_grid_of_the_trained_editor_is_shown(tmp_path):
    (tmp_path / "editnet.metrics.jsonl").write_text('{"step": 1, "loss": 1.0}\n')
    (tmp_path / "editnet").mkdir()
    (tmp_path / "editnet/samples.png").write_bytes(encode_png(np.zeros((8, 16, 3), np.uint8)))
    page = training_page("mini", [read_curve("EditNet", tmp_path / "editnet.metrics.jsonl")])
    assert page.count("<img") == 2 and "EditNet: edits of held-out pairs" in page


def test_the_grid_of_the_inpainting_specialist_shows_holes(tmp_path):
    (tmp_path / "inpainting.metrics.jsonl").write_text('{"step": 1, "loss": 1.0}\n')
    (tmp_path / "inpainting").mkdir()
    (tmp_path / "inpainting/samples.png").write_bytes(encode_png(np.zeros((8, 16, 3), np.uint8)))
    page = training_page("mini", [read_curve(INPAINTING, tmp_path / "inpainting.metrics.jsonl")])
    assert "Inpainting specialist: holes in held-out photos" in page and "photo with a hole, caption" in page
    assert "source image, instruction" not in page


def test_training_page_lists_partial_losses_and_speed(tmp_path):
    fields = {"memory_gb": 1.5, "skipped": 2}
    speeds = [
        {"samples_per_s": pace, "data_wait_share": share} for pace, share in ((1.0, 0.5), (4.0, 0.0), (4.0, 0.25))
    ]
    parts = [{"loss_task/object_swap": 9.0}, {"loss_task/object_swap": 0.5, "loss_sigma/0.0-0.2": 0.25}, {}]
    both = zip(parts, speeds, strict=True)
    lines = [{"step": step, "loss": 1.0} | fields | part | speed for step, (part, speed) in enumerate(both, start=1)]
    path = tmp_path / "editnet.metrics.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    curve = read_curve("EditNet", path)
    assert [row.cells for row in part_rows([curve])] == [["noise level 0.0-0.2", "0.250"], ["object swap", "0.500"]]
    assert speed_row(curve).cells == ["EditNet", "2", "4.0", "38 %", "1.5", NO_VALUE]
    page = training_page("mini", [Curve("Base", [(1, 1.0)], []), curve])
    assert "object swap" in page and "steps skipped" in page


def test_untrained_base_is_named():
    assert "Base: no step was recorded." in training_page("mini", [Curve("Base", [], [])])
