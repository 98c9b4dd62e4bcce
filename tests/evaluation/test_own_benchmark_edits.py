from dataclasses import replace

import numpy as np
import pytest

from helpers.tiny_editor import make_pipeline
from helpers.tiny_models import move_weights
from omniedit.aspect import bucket_size
from omniedit.evaluation.own_benchmark_edits import (
    SamplingOptions,
    load_trained_editor,
    no_edit,
    scale_to_bucket,
    specialist,
)
from omniedit.pairs import EditPair, Reference
from omniedit.tasks import Task


def pair(height=900, width=1200, **provenance):
    rng = np.random.default_rng(0)
    source = rng.integers(0, 256, (height, width, 3), np.uint8)
    mask = np.zeros((height, width), bool)
    mask[401:523, 601:777] = True
    edited = np.where(mask[..., None], 255 - source, source)
    return EditPair("p", Task.OBJECT_SWAP, ("Swap it.",), source, edited, mask, provenance)


def test_images_shrink_to_the_bucket_size_and_stay_equal_outside_the_mask():
    small = scale_to_bucket(pair(ratio="4x3"), 128)
    assert small.source.shape == (112, 160, 3)
    assert (small.source == small.edited)[~small.mask].all()
    assert small.mask.mean() == pytest.approx(122 * 176 / (900 * 1200), rel=0.25)


def test_baselines_return_the_source_and_the_image_of_the_specialist():
    plain = pair(ratio="4x3")
    assert no_edit([plain])[0] is plain.source
    assert specialist([plain])[0] is plain.edited


def test_an_edit_does_not_depend_on_the_rest_of_its_batch(tmp_path):
    make_pipeline().save_pretrained(tmp_path)
    edit = load_trained_editor(tmp_path, SamplingOptions(steps=2, guidance_text=1.0, guidance_image=1.5, seed=0))
    pairs = [replace(pair(48, 64), pair_id=name) for name in "ab"] + [replace(pair(64, 48), pair_id="c")]
    together = edit(pairs)
    for one, image in zip(pairs, together, strict=True):
        assert np.abs(edit([one])[0].astype(int) - image).max() <= 1
    assert (together[0] != together[1]).any(), "the noise is each pair's own"


def test_a_routed_editor_gets_the_references_and_the_task_of_each_pair(tmp_path):
    pipeline = make_pipeline("editnet_routed")
    move_weights(pipeline.transformer)
    pipeline.save_pretrained(tmp_path)
    edit = load_trained_editor(tmp_path, SamplingOptions(steps=2, guidance_text=1.0, guidance_image=1.0, seed=0))
    plain = pair(48, 64)
    pointed = replace(plain, references=(Reference("subject", 255 - plain.source),))
    other_task, unknown = (replace(plain, task=Task(name)) for name in ("style_change", "of_a_data_set"))
    edits = edit([plain, pointed, other_task, unknown])
    assert all((edits[0] != other).any() for other in edits[1:])
    assert np.abs(edit([pointed])[0].astype(int) - edits[1]).max() <= 1


def test_a_pair_without_ratio_gets_the_nearest():
    for height, width, ratio in ((48, 64, "4x3"), (64, 48, "3x4"), (50, 52, "1x1"), (10, 90, "16x9")):
        edited = scale_to_bucket(pair(height, width), 128).edited
        assert edited.shape[1::-1] == bucket_size(ratio, 128)
