"""Style recognition: the requested style is recognised, and an image of another style or of none gets no high score."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.style_references import failures, fit, measure, save
from omniedit.evaluation.own_benchmark_edits import scale_to_bucket
from omniedit.imaging.images import Image, decode_image, resize_cover
from omniedit.pairs import EditPair
from omniedit.scoring import Unscorable
from omniedit.scoring.canary import GREY_STYLE
from omniedit.scoring.reference.judge import score_pair
from omniedit.scoring.reference.measures import Comparison
from omniedit.scoring.reference.style_features import scale_to_area, style_features
from omniedit.scoring.reference.style_references import StyleReferences
from omniedit.scoring.reference.success import measure_restyling, style_transfer
from omniedit.scoring.verdict import Score
from omniedit.sources.photo_index import SAMPLE
from omniedit.specialists.embedded.style import STYLES
from omniedit.tasks import Task

RENDERED = ("pencil sketch", "charcoal drawing", "watercolour painting", "old sepia photograph", "ink and wash")
HIGH = 9


@pytest.fixture(scope="module")
def photo() -> Image:
    return resize_cover(decode_image((SAMPLE / "two_dogs.jpg").read_bytes(), "photo"), 576, 432)


@pytest.fixture(scope="module")
def styled_images(photo: Image) -> dict[str, Image]:
    return {style: STYLES[style].render(photo, np.random.default_rng(1)) for style in RENDERED}


def make_styled_pair(source: Image, edited: Image, style: str, resolution: int | None = None) -> EditPair:
    provenance = {"source_id": "photo", "ratio": "4x3", "truth": {"style": style}}
    pair = EditPair("p", Task.STYLE_TRANSFER, (f"Make it {style}.",), source, edited, None, provenance)
    return scale_to_bucket(pair, resolution) if resolution else pair


def judge(source: Image, edited: Image, style: str, resolution: int | None = None) -> Score | Unscorable:
    return score_pair(make_styled_pair(source, edited, style, resolution))


def successes(source: Image, edited: Image, resolution: int | None = None) -> dict[str, float]:
    """Return the judge's sc_score_1 for every style as the requested one; the images are measured once."""
    seen = Comparison(make_styled_pair(source, edited, "", resolution))
    with pytest.MonkeyPatch.context() as patch:
        features, restyling = style_features(seen.pair.source, seen.pair.edited), measure_restyling(seen)
        patch.setattr("omniedit.scoring.reference.style_references.style_features", lambda *_: features)
        patch.setattr("omniedit.scoring.reference.success.measure_restyling", lambda _: restyling)
        return {style: round(style_transfer(seen, {"style": style}).score, 1) for style in STYLES}


@pytest.mark.parametrize("resolution", [None, 128])
def test_only_the_style_of_the_specialist_is_recognised(
    photo: Image, styled_images: dict[str, Image], resolution: int | None
) -> None:
    """Check at full size, and at the size at which the default run's benchmark judges editors."""
    for made, edited in styled_images.items():
        scores, verdict = successes(photo, edited, resolution), judge(photo, edited, made, resolution)
        assert isinstance(verdict, Score) and verdict.sc_score_1 == scores.pop(made) >= HIGH, made
        assert max(scores.values()) < HIGH and np.mean(list(scores.values())) < 1, made


def blobs(photo: Image) -> Image:
    """Return soft spots of colour, unlike the blotches from which the statistics were made."""
    rng, spots = np.random.default_rng(5), np.full(photo.shape, 128, np.uint8)
    for _ in range(60):
        centre = tuple(int(rng.integers(side)) for side in photo.shape[1::-1])
        cv2.circle(spots, centre, int(rng.integers(20, 80)), rng.integers(0, 255, 3).tolist(), -1)
    return np.asarray(cv2.GaussianBlur(spots, (0, 0), 6))


@pytest.mark.parametrize("resolution", [None, 128])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_one_blotchy_image_for_every_style_gets_no_high_score(
    photo: Image, share: float, resolution: int | None
) -> None:
    blotchy = cv2.addWeighted(blobs(photo), share, photo, 1 - share, 0)
    scores = list(successes(photo, blotchy, resolution).values())
    assert max(scores) < 5 and np.mean(scores) < 1


@pytest.mark.parametrize("seed", [1, 2])
def test_failures_of_editors_are_not_recognised_as_styles(photo: Image, seed: int) -> None:
    small = scale_to_area(photo)
    for kind, bad in failures(small, np.random.default_rng(seed)):
        high = [style for style, score in successes(small, bad).items() if score >= HIGH]
        assert len(high) <= 1, f"{kind} passes for {high}"


def test_a_style_without_statistics_is_unscorable(photo: Image, styled_images: dict[str, Image]) -> None:
    verdict = judge(photo, styled_images["pencil sketch"], "a stained glass window")
    assert isinstance(verdict, Unscorable) and "no statistics of the style 'a stained glass window'" in verdict.reason


def test_an_image_too_small_to_show_a_style_is_unscorable(photo: Image, styled_images: dict[str, Image]) -> None:
    verdict = judge(photo, styled_images["pencil sketch"], "pencil sketch", 64)
    assert isinstance(verdict, Unscorable) and "too few to recognise a style" in verdict.reason


def test_every_style_of_the_specialist_has_statistics() -> None:
    names = StyleReferences.load().names
    assert {name for name in names if not name.startswith("failure: ")} == {*STYLES, GREY_STYLE}


def test_written_statistics_read_back_unchanged(
    photo: Image, styled_images: dict[str, Image], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fit([*measure("one", photo, styled_images), *measure("two", photo[:, ::-1], styled_images)])
    save(made, tmp_path / "styles.npz")
    monkeypatch.setattr("omniedit.scoring.reference.style_references.STYLES_FILE", tmp_path / "styles.npz")
    read = StyleReferences.load.__wrapped__(StyleReferences)
    assert read.names == made.names
    assert np.array_equal(read.means, made.means) and np.array_equal(read.whitening, made.whitening)
