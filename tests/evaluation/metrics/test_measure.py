"""Tests of measurement: each sample gets a row, and each metric that cannot be computed a reason."""

from pathlib import Path

import numpy as np
import pytest

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem
from omniedit.evaluation.metrics import METRICS, Networks, NotAvailable, Sample, measure, measure_samples
from omniedit.evaluation.metrics.measure import BATCH, BadSample
from omniedit.evaluation.metrics.networks import NETWORKS
from omniedit.imaging.images import encode_mask, encode_png
from omniedit.pairs import Captions


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (16, 20, 3), np.uint8)


class MeanColour:
    """Network whose features and embeddings are the mean colour."""

    weights = "none"

    def embed(self, images):
        return np.stack([image.mean(axis=(0, 1)) for image in images])

    images = embed

    def texts(self, texts):
        return np.array([[1.0, 0.0, 0.0] if text == "red" else [0.0, 1.0, 0.0] for text in texts])


FAKES = Networks("cpu", {"inception": MeanColour(), "clip": MeanColour(), "dino": MeanColour()})


def item(name: str, **given) -> BenchItem:
    return BenchItem(name, "swap", "Swap it.", lambda: encode_png(noise(0)), **given)


def test_each_item_has_a_row_with_every_measurable_value():
    mask = np.zeros((16, 20), bool)
    mask[:4] = True
    items = [
        item("a", target=lambda: encode_png(noise(1)), mask=lambda: encode_mask(mask)),
        item("b"),
        item("c"),
        item("d"),
    ]
    edits = {"a": lambda: encode_png(noise(1)), "b": lambda: encode_png(noise(0)), "c": "out of memory"}
    rows = measure(items, edits, ["l1", "l1_source", "l1_outside"]).rows
    assert [(row["item_id"], row["task"], row["status"]) for row in rows] == [
        ("a", "swap", "measured"),
        ("b", "swap", "measured"),
        ("c", "swap", "failed"),
        ("d", "swap", "failed"),
    ]
    assert rows[0]["l1"] == 0
    assert rows[0]["l1_outside"] > 0
    assert (rows[1]["l1"], rows[1]["l1_source"], rows[1]["l1_outside"]) == (None, 0, None)
    assert rows[2]["reason"] == "out of memory"
    assert rows[3]["reason"] == "the editor has no output for this item"
    assert rows[3]["l1_source"] is None


def test_a_broken_image_is_recorded_as_a_row():
    def lost() -> bytes:
        raise FileNotFoundError(2, "No such file", "x.png")

    small = np.ones((4, 4), bool)
    items = [item("broken"), item("lost"), item("mask", mask=lambda: encode_mask(small))]
    edits = {"broken": lambda: b"no image", "lost": lost, "mask": lambda: encode_png(noise(0))}
    rows = measure(items, edits, ["l1_source"]).rows
    assert [row["status"] for row in rows] == ["bad image"] * 3
    assert "edited image: not a readable image" in rows[0]["reason"]
    assert "x.png" in rows[1]["reason"]
    assert "the mask has 4 x 4 pixels, the source 20 x 16" in rows[2]["reason"]


def test_captions_and_texts_reach_the_metrics():
    red = np.zeros((16, 20, 3), np.uint8)
    red[..., 0] = 200
    items = [item("a", captions=Captions("green", "red")), item("b", captions=Captions(None, " "))]
    rows = measure(
        items, {"a": lambda: encode_png(red), "b": lambda: encode_png(red)}, ["clip_t", "clip_out"], FAKES
    ).rows
    assert rows[0]["clip_t"] == rows[0]["clip_out"] == pytest.approx(1)
    assert rows[1]["clip_t"] is None, "an empty caption is none"


def test_a_metric_without_weights_has_a_reason_and_no_column(monkeypatch):
    def lost(backbone, device):
        raise NotAvailable("no weights here")

    monkeypatch.setattr("omniedit.evaluation.metrics.lpips.load_lpips", lost)
    measured = measure([item("a")], {"a": lambda: encode_png(noise(1))}, ["lpips_source", "ins_align", "l1_source"])
    assert measured.unavailable["lpips_source"] == "no weights here"
    assert "omniedit rate" in measured.unavailable["ins_align"]
    assert set(measured.rows[0]) == {"item_id", "task", "status", "reason", "l1_source"}


def test_an_unknown_metric_is_an_error_with_the_names():
    with pytest.raises(UserError, match="no metric 'lpipps'; the metrics are: l1, l2"):
        measure([], {}, ["lpipps"])


def test_batches_do_not_change_values():
    samples = [Sample(noise(n), noise(n + 1), noise(n + 2)) for n in range(BATCH + 3)]
    loads = [lambda s=s: s for s in samples]
    together = measure_samples(loads, ["l1", "dino", "fid"], FAKES)
    alone = [measure_samples([load], ["l1", "dino"], FAKES).rows[0] for load in loads]
    for row, expected in zip(together.rows, alone, strict=True):
        assert row["l1"] == expected["l1"]
        assert row["dino"] == pytest.approx(expected["dino"])
    assert together.sets["fid"] > 0


def test_set_metrics_use_all_samples_that_have_a_target():
    with_target = [lambda n=n: Sample(noise(n), target=noise(n)) for n in range(5)]
    others = [lambda: Sample(noise(9)), lambda: BadSample("bad row", "lost")]
    measured = measure_samples([*with_target, *others], ["fid", "kid"], FAKES)
    assert measured.sets["fid"] == pytest.approx(0, abs=1e-6)
    assert measure_samples(others, ["fid"], FAKES).sets == {"fid": None}
    assert measured.weights == {"inception": "none"}


def test_the_registry_describes_each_metric():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.low < metric.high
        assert set(metric.networks) <= set(NETWORKS)
        assert set(metric.needs) <= set(Sample.__dataclass_fields__)
        assert metric.reference


def test_documents_describe_each_metric_as_registered():
    lines = (Path(__file__).parents[3] / "docs/metrics.md").read_text().splitlines()
    rows = {line.split("`")[1]: line for line in lines if line.startswith("| `") and " to " in line}
    assert list(rows) == list(METRICS)
    for name, metric in METRICS.items():
        better = "higher" if metric.higher_is_better else "lower"
        assert f"| {metric.label} | {', '.join(metric.needs)} | {better} | " in rows[name]
        assert rows[name].endswith(f" | {', '.join(metric.networks) or '-'} | {metric.reference} |")
