"""Registry of metrics: inputs, direction, range and source of each.

A metric with a plain name compares with the target, as MagicBrush and AnyEdit-Test do; `..._source` compares with the
source, as EMU Edit does. `clip_dir`, `clip_im` and `clip_out` have EMU Edit's names.
"""

from collections.abc import Callable, Sequence
from math import inf

from omniedit.evaluation.metrics import pixels, reason_edit
from omniedit.evaluation.metrics.clip import direction_similarity, image_similarity, text_similarity
from omniedit.evaluation.metrics.dino import dino_similarity
from omniedit.evaluation.metrics.distributions import frechet_distance, kernel_distance
from omniedit.evaluation.metrics.metric import Features, ImageMetric, Need, Sample, SetMetric
from omniedit.evaluation.metrics.networks import Networks
from omniedit.evaluation.metrics.subject import measure_copying, measure_subject_error, subject_similarity
from omniedit.imaging.images import Image

MAGICBRUSH = "MagicBrush, evaluation/image_eval.py"
EMU_EDIT = "EMU Edit (Sheynin et al. 2024)"
SUBJECTS = "omniedit.evaluation.subjects"
DREAMBOOTH = "DreamBooth (Ruiz et al. 2023)"
REASON_EDIT = "Reason-Edit, SmartEdit's test/metrics_evaluation.py"
PRESERVATION = "omniedit.evaluation.preservation"

Scale = tuple[bool, float, float]
"""Whether higher is better, and the limits of the values."""
UNIT_ERROR: Scale = (False, 0, 1)
ERROR: Scale = (False, 0, inf)
DISTANCE: Scale = (False, 0, 2)
DECIBELS: Scale = (True, 0, inf)
SIMILARITY: Scale = (True, -1, 1)
PERCENT: Scale = (True, 0, 100)

Measure = Callable[[Sequence[Sample], Networks], Sequence[float]]


def _images(samples: Sequence[Sample], field: Need) -> list[Image]:
    return [getattr(sample, field) for sample in samples]


def _compare_pixels(compare: Callable[..., float], *fields: Need) -> Measure:
    """Return a measure that compares the edit with fields of its sample, one by one."""
    return lambda samples, _: [
        compare(sample.edited, *(getattr(sample, field) for field in fields)) for sample in samples
    ]


def _compare_lpips(field: Need) -> Measure:
    def measure(samples: Sequence[Sample], networks: Networks) -> Sequence[float]:
        from omniedit.evaluation.metrics.lpips import lpips_distances

        network = networks["lpips_alex"]
        return lpips_distances([sample.edited for sample in samples], _images(samples, field), network)

    return measure


def _compare_dreamsim(field: Need) -> Measure:
    return lambda samples, networks: networks["dreamsim"].distances(
        [sample.edited for sample in samples], _images(samples, field)
    )


def _compare_dino(field: Need) -> Measure:
    return lambda samples, networks: dino_similarity(
        [sample.edited for sample in samples], _images(samples, field), networks["dino"]
    ).tolist()


def _compare_clip(field: Need) -> Measure:
    return lambda samples, networks: image_similarity(
        [sample.edited for sample in samples], _images(samples, field), networks["clip"]
    ).tolist()


def _dino_subject(samples: Sequence[Sample], networks: Networks) -> Sequence[float]:
    return subject_similarity(samples, lambda a, b: dino_similarity(a, b, networks["dino"]).tolist())


def _clip_subject(samples: Sequence[Sample], networks: Networks) -> Sequence[float]:
    return subject_similarity(samples, lambda a, b: image_similarity(a, b, networks["clip"]).tolist())


def _match_caption(samples: Sequence[Sample], networks: Networks) -> Sequence[float]:
    captions = [sample.target_caption or "" for sample in samples]
    return text_similarity([sample.edited for sample in samples], captions, networks["clip"]).tolist()


def _embed_inception(samples: Sequence[Sample], networks: Networks) -> tuple[Features, Features]:
    network = networks["inception"]
    return network.embed([sample.edited for sample in samples]), network.embed(_images(samples, "target"))


def _shift(sample: Sample) -> float:
    assert sample.source is not None
    return pixels.shift(sample.edited, sample.source, sample.mask)


def _each(measure: Callable[[Sample], float]) -> Measure:
    return lambda samples, _: [measure(sample) for sample in samples]


def _row(
    name: str, label: str, needs: tuple[Need, ...], scale: Scale, reference: str, measure: Measure, *networks: str
) -> ImageMetric:
    return ImageMetric(name, label, needs, *scale, reference, networks, measure)


_TARGET, _SOURCE = ("target",), ("source",)  # type: tuple[Need], tuple[Need]
_SUBJECTS: tuple[Need] = ("subjects",)
_OUTSIDE: tuple[Need, Need] = ("source", "mask")
_INCEPTION = ("inception",)
_IMAGE_METRICS = [
    _row("l1", "L1", _TARGET, UNIT_ERROR, MAGICBRUSH, _compare_pixels(pixels.l1, "target")),
    _row("l2", "L2", _TARGET, UNIT_ERROR, MAGICBRUSH, _compare_pixels(pixels.l2, "target")),
    _row("psnr", "PSNR", _TARGET, DECIBELS, PRESERVATION, _compare_pixels(pixels.image_psnr, "target")),
    _row("ssim", "SSIM", _TARGET, SIMILARITY, "Wang et al. 2004", _compare_pixels(pixels.ssim, "target")),
    _row("lpips", "LPIPS", _TARGET, ERROR, "Zhang et al. 2018", _compare_lpips("target"), "lpips_alex"),
    _row("dino", "DINO", _TARGET, SIMILARITY, MAGICBRUSH, _compare_dino("target"), "dino"),
    _row("clip_i", "CLIP-I", _TARGET, SIMILARITY, MAGICBRUSH, _compare_clip("target"), "clip"),
    _row("dreamsim", "DreamSim", _TARGET, DISTANCE, "Fu et al. 2023", _compare_dreamsim("target"), "dreamsim"),
    _row("clip_t", "CLIP-T", ("target_caption",), SIMILARITY, MAGICBRUSH, _match_caption, "clip"),
    _row("l1_source", "L1 to source", _SOURCE, UNIT_ERROR, EMU_EDIT, _compare_pixels(pixels.l1, "source")),
    _row("l2_source", "L2 to source", _SOURCE, UNIT_ERROR, EMU_EDIT, _compare_pixels(pixels.l2, "source")),
    _row(
        "psnr_source", "PSNR to source", _SOURCE, DECIBELS, PRESERVATION, _compare_pixels(pixels.image_psnr, "source")
    ),
    _row("ssim_source", "SSIM to source", _SOURCE, SIMILARITY, PRESERVATION, _compare_pixels(pixels.ssim, "source")),
    _row("lpips_source", "LPIPS to source", _SOURCE, ERROR, "ImagenHub", _compare_lpips("source"), "lpips_alex"),
    _row("dino_source", "DINO to source", _SOURCE, SIMILARITY, EMU_EDIT, _compare_dino("source"), "dino"),
    _row(
        "dreamsim_source", "DreamSim to source", _SOURCE, DISTANCE, "ImagenHub", _compare_dreamsim("source"), "dreamsim"
    ),
    _row("clip_im", "CLIPim", _SOURCE, SIMILARITY, EMU_EDIT, _compare_clip("source"), "clip"),
    _row("clip_out", "CLIPout", ("target_caption",), SIMILARITY, EMU_EDIT, _match_caption, "clip"),
    _row(
        "clip_dir",
        "CLIPdir",
        ("source", "source_caption", "target_caption"),
        SIMILARITY,
        "InstructPix2Pix; EMU Edit",
        lambda samples, networks: direction_similarity(samples, networks).tolist(),
        "clip",
    ),
    _row("pixel_shift", "pixel shift", _SOURCE, ERROR, PRESERVATION, _each(_shift)),
    _row("l1_outside", "L1 outside", _OUTSIDE, UNIT_ERROR, PRESERVATION, _compare_pixels(pixels.l1_outside, *_OUTSIDE)),
    _row(
        "psnr_outside",
        "PSNR outside",
        _OUTSIDE,
        DECIBELS,
        PRESERVATION,
        _compare_pixels(pixels.psnr_outside, *_OUTSIDE),
    ),
    _row(
        "ssim_outside",
        "SSIM outside",
        _OUTSIDE,
        SIMILARITY,
        PRESERVATION,
        _compare_pixels(pixels.masked_ssim, *_OUTSIDE),
    ),
    _row("background_psnr", "background PSNR", _OUTSIDE, DECIBELS, REASON_EDIT, _each(reason_edit.background_psnr)),
    _row("background_ssim", "background SSIM", _OUTSIDE, SIMILARITY, REASON_EDIT, _each(reason_edit.background_ssim)),
    _row(
        "background_lpips",
        "background LPIPS",
        _OUTSIDE,
        ERROR,
        REASON_EDIT,
        reason_edit.background_lpips,
        "lpips_squeeze",
    ),
    _row(
        "foreground_clip",
        "foreground CLIP score",
        ("mask", "foreground"),
        PERCENT,
        REASON_EDIT,
        lambda samples, networks: reason_edit.foreground_clip(samples, networks).tolist(),
        "clip_large",
    ),
    _row("dino_subject", "DINO to subject", _SUBJECTS, SIMILARITY, DREAMBOOTH, _dino_subject, "dino"),
    _row("subject_error", "subject error", ("source", "target", "mask"), ERROR, SUBJECTS, _each(measure_subject_error)),
    _row("copying", "copying", ("target", "subjects"), UNIT_ERROR, SUBJECTS, _each(measure_copying)),
    _row("clip_i_subject", "CLIP-I to subject", _SUBJECTS, SIMILARITY, DREAMBOOTH, _clip_subject, "clip"),
]
_SET_METRICS: list[ImageMetric | SetMetric] = [
    SetMetric("fid", "FID", _TARGET, *ERROR, "Heusel et al. 2017", _INCEPTION, _embed_inception, frechet_distance),
    SetMetric(
        "kid", "KID", _TARGET, False, -inf, inf, "Binkowski et al. 2018", _INCEPTION, _embed_inception, kernel_distance
    ),
]
METRICS: dict[str, ImageMetric | SetMetric] = {metric.name: metric for metric in [*_IMAGE_METRICS, *_SET_METRICS]}
"""All metrics by name, in the order of tables."""

HUMAN_ONLY = {"ins_align": "people rate whether the edit follows the instruction; rate it with `omniedit rate`"}
"""Metrics of published tables that no program computes, with the remedy (Reason-Edit's Ins-align)."""
