"""Tests of prompt-to-prompt on the pipelines of SDXL and SD3, by properties that hold for any weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline

from helpers.tiny_folders import make_sd3, make_sdxl
from omniedit.specialists.learned import attention_control, paired_sampling
from omniedit.specialists.learned.attention_control import AttentionControl, ControlRange, heads_at_once, joint_maps
from omniedit.specialists.learned.paired_sampling import (
    PairSamplingOptions,
    Pipeline,
    PromptPair,
    blend_latents,
    generate,
    generate_pairs,
    latent_masks,
)
from omniedit.specialists.learned.token_alignment import TokenMap

SIZE = (48, 64)
HOW = PairSamplingOptions(steps=4, guidance=3.0, reach=ControlRange(text_steps=0.75, image_steps=0.5), blend=0.0)
PAIR = PromptPair("add the dog", "add the fog", seed=1)


@pytest.fixture(scope="module", params=["sdxl", "sd3"])
def pipeline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    make = {"sdxl": make_sdxl, "sd3": make_sd3}[request.param]
    folder = make(tmp_path_factory.mktemp("generation") / request.param, seed=2)
    loaded = DiffusionPipeline.from_pretrained(folder)
    loaded.set_progress_bar_config(disable=True)
    return loaded


@pytest.fixture
def float_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep images as floats in [0, 1], because tiny networks make differences below one level of grey."""
    monkeypatch.setattr(paired_sampling, "levels", np.asarray)


def one(pipeline: Pipeline, pair: PromptPair, how: PairSamplingOptions = HOW) -> tuple[np.ndarray, np.ndarray]:
    (images,) = generate_pairs(pipeline, [pair], SIZE, how)
    return images


def test_identical_prompts_give_bit_identical_images(pipeline: Pipeline) -> None:
    first, second = one(pipeline, replace(PAIR, target=PAIR.source))
    assert np.array_equal(first, second) and first.shape == (*SIZE, 3) and first.std() > 1


@pytest.mark.usefixtures("float_images")
def test_edit_differs_from_its_source_and_from_an_uncontrolled_one(pipeline: Pipeline) -> None:
    source, target = one(pipeline, PAIR)
    _, free = one(pipeline, PAIR, replace(HOW, reach=ControlRange(0.0, 0.0)))
    assert not np.array_equal(source, target) and not np.array_equal(target, free)


@pytest.mark.usefixtures("float_images")
def test_text_and_image_reach_each_change_the_edit(pipeline: Pipeline) -> None:
    reaches = (ControlRange(0.75, 0.0), ControlRange(0.0, 0.5), ControlRange(0.75, 0.5), ControlRange(1.0, 1.0))
    reaches += (ControlRange(0.75, 0.5, text_layers=("nowhere",)), ControlRange(0.75, 0.5, image_layers=("nowhere",)))
    targets = [one(pipeline, PAIR, replace(HOW, reach=reach))[1] for reach in reaches]
    same = [[np.array_equal(this, other) for other in targets] for this in targets]
    # Layers that do not exist have the same effect as zero steps; all other targets differ.
    expected = np.eye(6, dtype=bool)
    expected[[0, 5], [5, 0]] = expected[[1, 4], [4, 1]] = True
    assert np.array_equal(same, expected)


def test_without_control_each_image_equals_an_independent_sample(pipeline: Pipeline) -> None:
    source, target = one(pipeline, PAIR, replace(HOW, reach=ControlRange(0.0, 0.0)))
    alone = generate(pipeline, [PAIR.source, PAIR.target], [PAIR.seed] * 2, SIZE, HOW)
    assert_close(source, alone[0])
    assert_close(target, alone[1])


def test_source_image_equals_an_independent_sample(pipeline: Pipeline) -> None:
    (alone,) = generate(pipeline, [PAIR.source], [PAIR.seed], SIZE, HOW)
    assert_close(one(pipeline, PAIR)[0], alone)


@pytest.mark.usefixtures("float_images")
def test_word_weight_of_one_changes_nothing_and_others_do(pipeline: Pipeline) -> None:
    _, target = one(pipeline, PAIR)
    assert np.array_equal(one(pipeline, replace(PAIR, weights={"fog": 1.0}))[1], target)
    assert not np.array_equal(one(pipeline, replace(PAIR, weights={"fog": 4.0}))[1], target)


def test_pairs_of_a_batch_are_independent(pipeline: Pipeline) -> None:
    other = PromptPair("make it night", "make the dog night", seed=2)
    for pair, together in zip((PAIR, other), generate_pairs(pipeline, [PAIR, other], SIZE, HOW), strict=True):
        for image, alone in zip(together, one(pipeline, pair), strict=True):
            assert_close(image, alone)


def test_empty_mask_returns_the_source(pipeline: Pipeline) -> None:
    source, target = one(pipeline, replace(PAIR, mask=np.zeros(SIZE, bool)), replace(HOW, blend=1.0))
    assert np.array_equal(source, target)


@pytest.mark.parametrize(("share", "steps"), [(0.0, 0), (0.7, 3), (1.0, 4)])
def test_blending_ends_at_the_requested_step(
    share: float, steps: int, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(paired_sampling, "blend_latents", lambda *given: calls.append(1) or blend_latents(*given))
    source, target = one(pipeline, replace(PAIR, mask=np.zeros(SIZE, bool)), replace(HOW, blend=share))
    assert len(calls) == steps
    assert np.array_equal(source, target) == (share == 1.0)


def test_attention_split_by_heads_is_bit_identical(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    together = one(pipeline, PAIR)
    heads, maps = [], attention_control._maps
    monkeypatch.setattr(attention_control, "MAP_BYTES", 1)
    monkeypatch.setattr(attention_control, "_maps", lambda q, k: heads.append(q.shape[1]) or maps(q, k))
    for image, by_heads in zip(together, one(pipeline, PAIR), strict=True):
        assert np.array_equal(image, by_heads)
    assert set(heads) == {1}


def test_heads_at_once_fills_the_memory_limit() -> None:
    joint, cross = (2, 4096, 4096 + 333), (2, 4096, 77)
    assert heads_at_once(*joint) == 1 and heads_at_once(*cross) == 106
    assert 4 * np.prod(joint) < attention_control.MAP_BYTES < 4 * 2 * np.prod(joint)


def test_attention_processors_are_restored(pipeline: Pipeline) -> None:
    network = getattr(pipeline, "unet", None) or pipeline.transformer
    before = dict(network.attn_processors)
    one(pipeline, PAIR)
    assert network.attn_processors == before


def assert_close(image: np.ndarray, other: np.ndarray) -> None:
    """Check that images differ by at most one level of grey, because floats are summed in another order."""
    assert np.abs(image.astype(int) - other.astype(int)).max() <= 1


def test_latents_outside_the_mask_equal_the_source() -> None:
    mask = np.zeros((16, 32), bool)
    mask[3, 9] = True
    latents = torch.arange(2 * 1 * 2 * 4.0).reshape(2, 1, 2, 4)
    source, target = blend_latents(latents, latent_masks([mask], (16, 32), 8))
    assert torch.equal(source, latents[0])
    assert target.flatten().tolist() == [0, 9, 2, 3, 4, 5, 6, 7]


def test_controlled_joint_attention_rows_stay_distributions() -> None:
    torch.manual_seed(0)
    source, target = torch.randn(2, 1, 3, 6, 10).softmax(-1)
    shares = torch.eye(4)[[1, 0, 2, 3]]
    control = AttentionControl([TokenMap(shares, torch.tensor([1, 1, 0, 1.0]), torch.ones(4))], ControlRange(), steps=1)
    for text, image in ((True, True), (True, False), (False, True)):
        edited = joint_maps(control, source, target, 6, text, image)
        torch.testing.assert_close(edited.sum(-1), torch.ones(1, 3, 6), atol=1e-5, rtol=0)
        base = source if image else target
        ratio = edited[..., :6] / base[..., :6]
        torch.testing.assert_close(ratio, ratio[..., :1].expand_as(ratio), atol=1e-4, rtol=1e-3)
        own = target[..., 6:]
        expected = source[..., [7, 6, 8, 9]] * torch.tensor([1, 1, 0, 1.0]) + own * torch.tensor([0, 0, 1.0, 0])
        expected = expected / expected.sum(-1, keepdim=True).clamp(min=1)
        torch.testing.assert_close(edited[..., 6:], expected if text else own, atol=1e-5, rtol=1e-4)
