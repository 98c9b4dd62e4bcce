"""Tests of masks of phrases: real classes with random weights, and fixed values where a decision depends on them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from helpers.tiny_folders import make_segmenter
from helpers.tiny_grounding import make_detector, make_segmenter_2
from omniedit.errors import UserError
from omniedit.grounding.detector import (
    Detections,
    Detector,
    Grounder,
    Grounding,
    GroundingLimits,
    NotGrounded,
    PhraseQuery,
    Segmenter,
    choose_boxes,
    combine_boxes,
    has_words,
)
from omniedit.imaging.morphology import bounding_box, dilate_by_share
from omniedit.models.folder import read_config

ALL = GroundingLimits(box_threshold=0.0, text_threshold=0.0, min_area=0.0, max_area=1.0)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("grounding")
    make_detector(root / "detector")
    make_segmenter(root / "segmenter")
    return root


@pytest.fixture(scope="module")
def queries() -> list[PhraseQuery]:
    rng = np.random.default_rng(0)
    sizes = ((48, 64), (64, 40), (48, 64))
    images = [rng.integers(0, 255, (*size, 3), np.uint8) for size in sizes]
    return [
        PhraseQuery(image, phrase, every=True)
        for image, phrase in zip(images, ("red car", "dog", "the dog"), strict=True)
    ]


def test_detection_in_a_mixed_size_batch_matches_single_images(folders: Path, queries: list[PhraseQuery]) -> None:
    detector = Detector.load(folders / "detector")
    together = detector.detect(queries, ALL)
    assert all(len(found.boxes) for found in together)
    assert all(found.boxes.min() >= 0 and found.boxes.max() <= 1 for found in together)
    for query, found in zip(queries, together, strict=True):
        (alone,) = detector.detect([query], ALL)
        torch.testing.assert_close(found.scores, alone.scores, atol=1e-4, rtol=0)
        torch.testing.assert_close(found.boxes, alone.boxes, atol=1e-4, rtol=0)
        assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)


def test_images_of_one_size_share_a_batch_that_oom_halves(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    detector, segmenter = load_detector(folders)
    rng = np.random.default_rng(0)
    sizes = ((40, 60), (42, 63), (60, 40), (44, 66))
    queries = [PhraseQuery(rng.integers(0, 255, (*size, 3), np.uint8), "dog") for size in sizes]
    boxes = [torch.tensor([[0.1, 0.1, 0.5, 0.6]])] * len(queries)
    whole = detector.detect(queries, ALL), segmenter.masks([query.image for query in queries], boxes)
    sizes: dict[object, list[int]] = {detector: [], segmenter: []}
    for part in sizes:
        monkeypatch.setattr(part, "_together", out_of_memory_above_two(part._together, sizes[part]))
    found, masks = detector.detect(queries, ALL), segmenter.masks([query.image for query in queries], boxes)
    assert sizes == {detector: [3, 1, 1, 1, 1], segmenter: [4, 2, 2]}
    assert capsys.readouterr().out.count("continuing with") == 2
    for one, other in zip(found, whole[0], strict=True):
        torch.testing.assert_close(one.scores, other.scores, atol=1e-4, rtol=0)
    assert all(np.mean(one == other) > 0.99 for one, other in zip(masks, whole[1], strict=True))


def out_of_memory_above_two(run: Callable[..., Any], sizes: list[int]) -> Callable[..., Any]:
    def run_limited(batch: Sequence[Any], *more: Any) -> Any:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run(batch, *more)

    return run_limited


def test_different_phrase_finds_different_boxes(folders: Path, queries: list[PhraseQuery]) -> None:
    detector = Detector.load(folders / "detector")
    first, second = detector.detect([queries[0], PhraseQuery(queries[0].image, "dog")], ALL)
    assert not torch.equal(first.scores, second.scores)


def test_no_box_exceeds_a_threshold_of_one(folders: Path, queries: list[PhraseQuery]) -> None:
    grounder = Grounder(*load_detector(folders), GroundingLimits(box_threshold=1.0))
    assert grounder.ground(queries[:2]) == [NotGrounded("no box for 'red car'"), NotGrounded("no box for 'dog'")]


def test_masks_have_their_images_size_and_depend_on_their_box(folders: Path, queries: list[PhraseQuery]) -> None:
    segmenter = Segmenter.load(folders / "segmenter")
    boxes = [torch.tensor([[0.1, 0.1, 0.5, 0.6]]), torch.tensor([[0.2, 0.2, 0.9, 0.9], [0.0, 0.1, 0.3, 0.4]])]
    together = segmenter.masks([query.image for query in queries[:2]], boxes)
    assert [masks.shape for masks in together] == [(1, 48, 64), (2, 64, 40)]
    for query, masks, these in zip(queries, together, boxes, strict=False):
        for mask, box in zip(masks, these, strict=True):
            assert np.mean(mask == segmenter.masks([query.image], [box[None]])[0][0]) > 0.99


def test_outcomes_keep_the_order_of_the_queries(folders: Path, queries: list[PhraseQuery]) -> None:
    grounder = Grounder(*load_detector(folders), ALL)
    nothing = PhraseQuery(queries[0].image, "dog", every=False)
    outcomes = grounder.ground([queries[0], nothing, queries[1]])
    assert [type(outcome) for outcome in outcomes] == [Grounding, NotGrounded, Grounding]
    assert outcomes[0].mask.shape == (48, 64) and outcomes[2].mask.shape == (64, 40)


def load_detector(folders: Path) -> tuple[Detector, Segmenter]:
    return Detector.load(folders / "detector"), Segmenter.load(folders / "segmenter")


BOXES = torch.tensor([[0.1, 0.1, 0.3, 0.3], [0.6, 0.6, 0.9, 0.9]])


@pytest.mark.parametrize(("scores", "every", "boxes"), [((0.9, 0.5), False, 1), ((0.9, 0.5), True, 2)])
def test_single_query_takes_the_best_box_and_every_query_all_boxes(
    scores: tuple[float, float], every: bool, boxes: int
) -> None:
    query = PhraseQuery(np.zeros((8, 8, 3), np.uint8), "dog", every)
    chosen = choose_boxes(query, Detections(BOXES, torch.tensor(scores)), GroundingLimits())
    assert isinstance(chosen, Detections)
    torch.testing.assert_close(chosen.boxes, BOXES[:boxes])


def test_two_equally_good_boxes_are_ambiguous_for_a_single_object() -> None:
    query = PhraseQuery(np.zeros((8, 8, 3), np.uint8), "dog")
    chosen = choose_boxes(query, Detections(BOXES, torch.tensor([0.9, 0.8])), GroundingLimits())
    assert chosen == NotGrounded("'dog' is ambiguous: 2 boxes match it equally well")


@pytest.mark.parametrize(("side", "words"), [(2, "too small: 0.04%"), (90, "too large: 81%")])
def test_mask_outside_the_area_limits_is_rejected_with_its_share(side: int, words: str) -> None:
    mask = np.zeros((100, 100), bool)
    mask[:side, :side] = True
    outcome = combine_boxes("dog", Detections(BOXES[:1], torch.tensor([0.9])), mask[None], GroundingLimits())
    assert isinstance(outcome, NotGrounded) and words in outcome.reason


def test_box_that_matches_no_word_of_the_phrase_is_ignored() -> None:
    specials = ["[CLS]", "[SEP]", "[PAD]"]
    labels = {"red car": True, "car. [SEP]": True, ". [SEP]": False, "": False}
    assert {label: has_words(label, specials) for label in labels} == labels


def test_mask_dilation_scales_with_its_size() -> None:
    mask = np.zeros((200, 200), bool)
    mask[80:120, 80:120] = True
    assert bounding_box(dilate_by_share(mask, 0.25)) == (70, 70, 130, 130)
    assert np.array_equal(dilate_by_share(mask, 0.0), mask)


def test_sam_2_can_replace_the_segmenter(tmp_path: Path, queries: list[PhraseQuery]) -> None:
    pytest.importorskip("torchvision")
    segmenter = Segmenter.load(make_segmenter_2(tmp_path))
    published = read_config(tmp_path / "config.json")
    assert (published["model_type"], published["architectures"]) == ("sam2_video", ["Sam2VideoModel"])
    weights = load_file(tmp_path / "model.safetensors")
    assert all(torch.equal(value, weights[name]) for name, value in segmenter.model.state_dict().items())
    (masks,) = segmenter.masks([queries[0].image], [torch.tensor([[0.1, 0.1, 0.5, 0.6]])])
    assert masks.shape == (1, 48, 64) and masks.dtype == bool


def test_folder_of_another_model_class_is_rejected(folders: Path) -> None:
    with pytest.raises(UserError, match="a SamModel, expected GroundingDino"):
        Detector.load(folders / "segmenter")
    (folders / "segmenter/processor_config.json").unlink()
    with pytest.raises(UserError, match=r"segmenter: no processor .*; fetch it again"):
        Segmenter.load(folders / "segmenter")
