"""Metrics of edited images without a judge: pixels, LPIPS, DINO, CLIP, DreamSim, FID; `omniedit metrics`.

`METRICS` lists them with their requirements, and `measure` computes them. A metric without its weights is "not
available".
Agreement of metrics with people uses `evaluation.agreement`.
"""

from omniedit.evaluation.metrics.measure import MetricValues, measure, measure_samples
from omniedit.evaluation.metrics.metric import ImageMetric, Sample, SetMetric
from omniedit.evaluation.metrics.networks import Networks, NotAvailable
from omniedit.evaluation.metrics.registry import METRICS

__all__ = [
    "METRICS",
    "ImageMetric",
    "MetricValues",
    "Networks",
    "NotAvailable",
    "Sample",
    "SetMetric",
    "measure",
    "measure_samples",
]
