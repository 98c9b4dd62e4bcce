"""Tests of batches: random choices depend only on (seed, step, position); no flips if an instruction names a side."""

import numpy as np
import pytest
import torch

from omniedit.buckets.store import PairBatch
from omniedit.config.schema import TrainConfig
from omniedit.models.codec import LappedCodec, encode
from omniedit.training.editor.batches import EditBatchBuilder
from omniedit.training.editor.instruction_encoder import InstructionEncoder
from omniedit.training.flow_batches import EditBatch


class CountingEncoder(InstructionEncoder):
    """Encoder that embeds a text as its length and records the texts."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def __call__(self, texts):
        self.encoded += texts
        lengths = torch.tensor([float(len(text)) for text in texts])
        return lengths[:, None, None].expand(-1, 4, 8), lengths[:, None].expand(-1, 8)


def maker(**options: float | str) -> EditBatchBuilder:
    return EditBatchBuilder(LappedCodec(), CountingEncoder(), TrainConfig.model_validate(options), seed=0)


def pairs(count: int, instructions: tuple[str, ...] = ("Add fog.", "Make it foggy.")) -> PairBatch:
    rng = np.random.default_rng(0)
    source, edited = rng.integers(0, 255, (2, count, 16, 24, 3), np.uint8)
    rows = [
        {"pair_id": f"p{i}", "task": "style_transfer", "instructions": list(instructions), "o_score": 9.0 + i / 10}
        for i in range(count)
    ]
    return PairBatch("3x2", source, edited, np.zeros((count, 16, 24), np.uint8), tuple(rows))


def same(a: EditBatch, b: EditBatch) -> bool:
    inputs = all(torch.equal(a.inputs[name], b.inputs[name]) for name in a.inputs)
    return inputs and torch.equal(a.target, b.target) and torch.equal(a.weight, b.weight)


def test_two_ranks_get_the_halves_of_the_one_rank_batch():
    whole, made = pairs(6), maker()
    alone = made.build(whole, step=3, first=0)
    halves = [made.build(whole[i : i + 3], step=3, first=i) for i in (0, 3)]
    for name, value in alone.inputs.items():
        assert torch.equal(torch.cat([half.inputs[name] for half in halves]), value)
    assert torch.equal(torch.cat([half.target for half in halves]), alone.target)


def test_random_choices_differ_between_steps_and_repeat_for_one_step():
    assert same(maker().build(pairs(4), 3, 0), maker().build(pairs(4), 3, 0))
    assert not same(maker().build(pairs(4), 3, 0), maker().build(pairs(4), 4, 0))


def test_noisy_latents_interpolate_between_edited_image_and_noise():
    batch = maker(text_dropout=0, image_dropout=0, both_dropout=0).build(pairs(8), 0, 0)
    sigma = batch.inputs["timestep"][:, None, None, None] / 1000
    clean = batch.inputs["noisy"] - sigma * batch.target
    unflipped = encode(LappedCodec(), torch.from_numpy(pairs(8).edited).permute(0, 3, 1, 2) / 127.5 - 1)
    distance = (clean - unflipped).abs().amax(dim=(1, 2, 3))
    assert 0 < (distance < 1e-3).sum() < 8, "some are mirrored, some not"


@pytest.mark.parametrize(("instruction", "mirrors"), [("Remove the left dog.", False), ("Make it leftist.", True)])
def test_pairs_are_not_mirrored_if_the_instruction_names_a_side(instruction, mirrors):
    options = {"text_dropout": 0.0, "image_dropout": 0.0, "both_dropout": 0.0}
    condition = maker(**options).build(pairs(16, (instruction,)), 0, 0).inputs["condition"]
    unflipped = encode(LappedCodec(), torch.from_numpy(pairs(16).source).permute(0, 3, 1, 2) / 127.5 - 1)
    assert torch.equal(condition, unflipped) is not mirrors


def test_dropped_image_is_zero_and_dropped_instruction_is_empty():
    dropped = maker(text_dropout=0.0, image_dropout=0.0, both_dropout=1.0)
    batch = dropped.build(pairs(4), 0, 0)
    assert not batch.inputs["condition"].any()
    assert dropped.instructions.encoded == [""] * 4


def test_training_draws_from_all_paraphrases_and_evaluation_uses_the_first():
    kept = maker(text_dropout=0.0, both_dropout=0.0)
    kept.build(pairs(16), 0, 0)
    assert set(kept.instructions.encoded) == {"Add fog.", "Make it foggy."}
    measured = maker()
    assert same(measured.held_out_at(pairs(3), 0.5), measured.held_out_at(pairs(3), 0.5))
    assert set(measured.instructions.encoded) == {"Add fog."}


def test_sample_weights_are_uniform_or_follow_the_score():
    assert maker().build(pairs(3), 0, 0).weight.tolist() == [1, 1, 1]
    score, soft = maker(importance="score"), maker(importance="soft", soft_score=9.1, soft_width=0.1)
    torch.testing.assert_close(score.build(pairs(3), 0, 0).weight, torch.tensor([0.90, 0.91, 0.92]))
    odds = 1 / (1 + np.exp(1))
    torch.testing.assert_close(soft.build(pairs(3), 0, 0).weight, torch.tensor([odds, 0.5, 1 - odds]).float())


class Lengths:
    """Stand-in for `Text` that embeds a text as its length and records its calls."""

    def __init__(self):
        self.calls = []

    def encode(self, texts):
        self.calls.append(list(texts))
        return torch.tensor([[[float(len(t))]] for t in texts]), torch.tensor([[float(len(t))] for t in texts])


def test_pair_accepted_by_hand_without_score_gets_the_highest_weight():
    batch = pairs(2)
    batch.pairs[1]["o_score"] = None
    assert torch.allclose(maker(importance="score").weights(batch), torch.tensor([0.9, 1.0]))


def test_cached_instructions_are_encoded_once():
    lengths = Lengths()
    remember, calls = InstructionEncoder(lengths, capacity=2 * 8), lengths.calls
    _, pooled = remember(["aa", "b", "aa"])
    assert pooled[:, 0].tolist() == [2, 1, 2]
    remember(["ccc", "b"])
    remember(["b", "ccc"])
    assert calls == [["aa", "b"], ["ccc"]]
    remember(["aa"])
    assert calls[-1] == ["aa"]


def test_sigma_shift_applies_to_training_and_evaluation():
    plain, shifted = maker(), maker(sigma_shift=3.0)
    for made in (lambda of: of.build(pairs(4), 0, 0), lambda of: of.held_out_at(pairs(4), 0.5)):
        sigma, moved = (made(of).inputs["timestep"] / 1000 for of in (plain, shifted))
        torch.testing.assert_close(moved, 3 * sigma / (1 + 2 * sigma))
