"""Tests of the references and tasks in training batches."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.small_training import OPTIONS, PARTS, SIDE, make_buckets
from omniedit.buckets.placement import read_plan
from omniedit.buckets.store import BucketStore
from omniedit.config.schema import TrainConfig
from omniedit.imaging.images import resize_contain
from omniedit.models.codec import LappedCodec, encode
from omniedit.models.conditions import SupportedConditions, place_captions, place_references
from omniedit.models.text import Text
from omniedit.training.editor.batches import EditBatchBuilder
from omniedit.training.editor.encoded_pairs import EncodedPairs, encode_part
from omniedit.training.editor.references import choose_conditions

TAKES = SupportedConditions(references=True, tasks=("remove", "style_transfer"))


class LengthText(Text):
    """Text encoder whose embeddings are the length of the text."""

    def encode(self, texts, device=None):
        lengths = torch.tensor([float(len(text)) for text in texts])
        return lengths[:, None, None].expand(-1, 4, 8), lengths[:, None].expand(-1, 8)


TEXT = LengthText(None, None)


def maker(takes: SupportedConditions = TAKES, **options: float) -> EditBatchBuilder:
    config = TrainConfig.model_validate(OPTIONS | options)
    return EditBatchBuilder(LappedCodec(), TEXT.encode, config, seed=0, takes=takes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write buckets whose pairs have 0 to 2 references, and their encoded form."""
    return make_encoded(tmp_path_factory.mktemp("references"), captions=False)


def make_encoded(root: Path, captions: bool) -> Path:
    make_buckets(root, references=True, captions=captions)
    store, plan = make_store(root), read_plan(root / "buckets/plan.parquet")
    for part in PARTS:
        (root / "encoded" / part).mkdir(parents=True)
        assert list(encode_part(store, plan, part, LappedCodec(), TEXT, "float32", root / "encoded" / part))
    return root


def make_store(root: Path) -> BucketStore:
    return BucketStore(root / "buckets", resolution=SIDE, reads_references=True)


def test_references_are_scaled_without_cropping_and_mirrored_with_their_pair(run: Path) -> None:
    store = make_store(run)
    pairs = store.read("3x2", range(len(store.pairs("3x2"))))
    builder = maker(reference_dropout=0, text_dropout=0, both_dropout=0)
    batches = [builder.build(pairs, step, 0).inputs for step in range(6)]
    counts = [len(images) for images in pairs.references]
    assert max(counts) == 2 and min(counts) == 0
    seen = set()
    for inputs in batches:
        assert inputs["reference_mask"].sum(1).tolist() == counts
        for row, images in enumerate(pairs.references):
            for place, image in enumerate(images):
                fitted = torch.from_numpy(resize_contain(image, *pairs.source.shape[2:0:-1])).permute(2, 0, 1)[None]
                both = [encode(builder.vae, each / 127.5 - 1)[0] for each in (fitted, fitted.flip(-1))]
                got = inputs["references"][row, place]
                seen.add(next(i for i, latents in enumerate(both) if torch.allclose(got, latents, atol=1e-4)))
    assert seen == {0, 1}


def test_encoded_references_are_bit_identical(run: Path) -> None:
    store, builder = make_store(run), maker()
    encoded = EncodedPairs(run / "encoded", store, "float32")
    for ratio, count in store.sizes().items():
        rows = [*range(count)][::-1]
        for step in range(3 if count else 0):
            one, other = (builder.build(each.read(ratio, rows), step, 0) for each in (store, encoded))
            assert one.inputs.keys() == other.inputs.keys()
            assert all(torch.equal(one.inputs[name], other.inputs[name]) for name in one.inputs)


def test_an_editor_without_references_and_task_gets_the_same_batch_without_them(run: Path) -> None:
    pairs = make_store(run).read("3x2", range(3))
    plain, full = maker(SupportedConditions()).build(pairs, 1, 0), maker().build(pairs, 1, 0)
    assert full.inputs.keys() - plain.inputs.keys() == {"references", "reference_mask", "task"}
    assert all(torch.equal(full.inputs[name], value) for name, value in plain.inputs.items())


def test_references_and_task_are_dropped_with_the_instruction_and_at_their_own_rates(run: Path) -> None:
    pairs = make_store(run).read("3x2", [1] * 8)

    none = dict.fromkeys(("text_dropout", "both_dropout", "image_dropout", "task_dropout", "reference_dropout"), 0)

    def shares(**options: float) -> tuple[float, float, float]:
        builder = maker(**none | options)
        batches = [builder.build(pairs, step, 0) for step in range(8)]
        inputs = {name: torch.cat([b.inputs[name] for b in batches]) for name in ("task", "pooled")}
        mask = torch.cat([b.inputs["reference_mask"].any(1) for b in batches])
        means = (mask, inputs["task"] == 1, inputs["pooled"][:, 0] > 0)
        return tuple(round(each.float().mean().item(), 2) for each in means)  # type: ignore[return-value]

    assert pairs.references[0]
    assert shares() == (1, 1, 1)
    assert shares(text_dropout=1) == (0, 0, 0)
    references, task, text = shares(reference_dropout=0.5, task_dropout=0.25)
    assert (0.3 < references < 0.7) and (0.6 < task < 0.9) and text == 1
    assert shares(max_references=0) == (0, 1, 1)


def test_held_out_batches_have_the_first_references_and_the_task(run: Path) -> None:
    pairs = make_store(run).read("3x2", range(3))
    first, again = (maker(max_references=1).held_out_at(pairs, 0.5).inputs for _ in range(2))
    assert torch.equal(first["references"], again["references"])
    assert first["reference_mask"].shape == (3, 1) and first["task"].tolist() == [1, 1, 1]
    assert maker(SupportedConditions(tasks=("remove",))).held_out_at(pairs, 0.5).inputs["task"].tolist() == [-1] * 3


def test_placed_references_have_at_least_one_slot() -> None:
    placed, mask = place_references([torch.ones(2, 3, 3)], [0, 1, 0], (2, 3, 3))
    assert mask.tolist() == [[False], [True], [False]] and placed.sum(dim=(1, 2, 3, 4)).tolist() == [0, 18, 0]
    placed, mask = place_references([], [0, 0], (2, 3, 3))
    assert placed.shape == (2, 1, 2, 3, 3) and not mask.any()


CAPTIONED = SupportedConditions(references=True, captions=True)


@pytest.fixture(scope="module")
def captioned_buckets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write buckets whose references have captions, or none, and their encoded form."""
    return make_encoded(tmp_path_factory.mktemp("captions"), captions=True)


def test_each_reference_has_its_caption_and_dropped_captions_are_empty(captioned_buckets: Path) -> None:
    pairs = make_store(captioned_buckets).read("3x2", range(3))
    none = dict.fromkeys(("text_dropout", "both_dropout", "reference_dropout"), 0)
    for dropout in (0, 1):
        inputs = maker(CAPTIONED, caption_dropout=dropout, **none).build(pairs, 1, 0).inputs
        assert inputs["reference_prompts"].shape[:2] == inputs["reference_mask"].shape
        for row, pair in enumerate(pairs.pairs):
            captions = pair.get("reference_captions") or []
            lengths = [0.0 if dropout else float(len(text or "")) for text in captions]
            assert inputs["reference_pooled"][row, : len(captions), 0].tolist() == lengths


def test_encoded_captions_are_bit_identical(captioned_buckets: Path) -> None:
    store = make_store(captioned_buckets)
    builder = maker(CAPTIONED, caption_dropout=0.5, shuffle_references=True, vary_references=True)
    encoded = EncodedPairs(captioned_buckets / "encoded", store, "float32")
    for ratio, count in store.sizes().items():
        for step in range(4 if count else 0):
            one, other = (builder.build(each.read(ratio, [*range(count)]), step, 0) for each in (store, encoded))
            assert one.inputs.keys() == other.inputs.keys() >= {"reference_prompts", "reference_pooled"}
            assert all(torch.equal(one.inputs[name], other.inputs[name]) for name in one.inputs)


def test_number_and_order_of_references_vary_only_if_configured(captioned_buckets: Path) -> None:
    pairs = make_store(captioned_buckets).read("3x2", [0, 1, 2] * 8).pairs
    rngs = [[np.random.default_rng([place, again]) for place in range(len(pairs))] for again in range(3)]
    options = {"reference_dropout": 0, "max_references": 2}

    def choose(rngs: list[np.random.Generator], **more: bool) -> list[list[int]]:
        config = TrainConfig.model_validate(OPTIONS | options | more)
        return choose_conditions(pairs, CAPTIONED, config, [True] * len(pairs), rngs).references

    plain = choose(rngs[0])
    assert all(numbers == sorted(numbers) for numbers in plain) and max(map(len, plain)) == 2
    assert [1, 0] in choose(rngs[1], shuffle_references=True)
    varied = choose(rngs[2], vary_references=True)
    assert {len(numbers) for numbers, full in zip(varied, plain, strict=True) if len(full) == 2} == {1, 2}


def test_placed_captions_follow_their_references() -> None:
    prompts, pooled = place_captions((torch.ones(3, 4, 2), torch.arange(3.0)[:, None]), [2, 0, 1])
    assert prompts.shape == (3, 2, 4, 2) and pooled[..., 0].tolist() == [[0, 1], [0, 0], [2, 0]]
