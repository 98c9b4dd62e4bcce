"""Tests of both stages of SmartEdit's training with a tiny random Qwen2.5-VL: losses fall, resume is exact."""

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from helpers.question_files import write_questions
from helpers.small_training import OPTIONS, SIDE, Unedited, load_base, make_run, read_metrics, read_tensors
from helpers.tiny_vlm import PATCH, make_qwen
from omniedit import models
from omniedit.buckets.store import BucketStore
from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.models.encoders.conditioning import GREY
from omniedit.models.encoders.mllm import QUESTION, MllmEditor, MllmEncoder
from omniedit.models.encoders.reader import Reader
from omniedit.models.loading import load_editor
from omniedit.models.text import MAX_TOKENS, WIDTH
from omniedit.training.checkpoints import Checkpoints
from omniedit.training.editor.instruction_encoder import InstructionEncoder
from omniedit.training.editor.mllm_batches import AlignmentBatches, AlignmentNetwork, MllmBatchBuilder, augment_images
from omniedit.training.editor.mllm_batches import build_encoder as build_untrained_encoder
from omniedit.training.editor.questions import Questions
from omniedit.training.editor.samples import sample_edits
from omniedit.training.fitting import fit_editor, save_editor
from omniedit.training.trainer import Trainer

STEPS = {"steps": 4, "checkpoint_every": 2, "held_out_every": 4, "sample_every": 4, "learning_rate": 0.003}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mllm")
    make_run(root)
    make_qwen(root / "qwen")
    return root


def build_encoder(run: Path) -> MllmEncoder:
    torch.manual_seed(0)
    reader = Reader.load(str(run / "qwen"), 4 * PATCH, image_tokens=3)
    return MllmEncoder(reader, MAX_TOKENS, WIDTH, WIDTH, channels=16, inner_width=32, layers=2, heads=2)


def make_trainer(run: Path, stage: str, wrap=lambda network: network) -> Trainer:
    options = TrainConfig.model_validate(OPTIONS | STEPS)
    base, encoder = load_base(run / "base"), build_encoder(run)
    store = BucketStore(run / "buckets", resolution=SIDE)
    texts = InstructionEncoder(base.text)
    if stage == "alignment":
        network, batches = AlignmentNetwork(encoder), AlignmentBatches(encoder, texts, 0)
    else:
        editor = models.build("editnet", base.transformer, base.prediction_type)
        network = MllmEditor(editor, encoder)
        batches = MllmBatchBuilder(base.vae, texts, options, 0, encoder=encoder)
    return Trainer(wrap(network), partial(sample_edits, Unedited(), store, 0), store, batches, options, seed=0)


class Terminated(nn.Module):
    """Network whose process gets SIGTERM at one of its training steps, counted from 1."""

    def __init__(self, network: nn.Module, terminated: int | None = None) -> None:
        super().__init__()
        self.network, self.terminated, self.steps = network, terminated, 0

    def forward(self, **inputs: torch.Tensor) -> Any:
        self.steps += torch.is_grad_enabled()
        if self.steps == self.terminated and torch.is_grad_enabled():
            os.kill(os.getpid(), signal.SIGTERM)
        return self.network(**inputs)


@pytest.mark.parametrize("stage", ["alignment", "editing"])
def test_a_stopped_stage_resumes_to_the_same_weights_and_its_loss_falls(
    run: Path, alone: None, tmp_path: Path, stage: str
) -> None:
    whole = make_trainer(run, stage)
    whole.run(Checkpoints(tmp_path / "whole", {}))
    with pytest.raises(UserError, match="stopped by SIGTERM after step 3"):
        make_trainer(run, stage, partial(Terminated, terminated=3)).run(Checkpoints(tmp_path / "halves", {}))
    make_trainer(run, stage, Terminated).run(Checkpoints(tmp_path / "halves", {}))
    expected, found = (read_tensors(tmp_path / name / "step-00000004") for name in ("whole", "halves"))
    assert {name.removeprefix("network.") for name in found} == set(expected)
    assert all(torch.equal(found[f"network.{name}"], value) for name, value in expected.items())
    held_out = [
        line["held_out_loss"] for line in read_metrics(tmp_path / "whole/metrics.jsonl") if "held_out_loss" in line
    ]
    assert held_out[-1] < held_out[0]
    parts = {"lora_", "trainable_tokens_delta", "qformer.", *(("interaction.",) if stage == "editing" else ())}
    assert all(any(part in name for name in expected) for part in parts)
    assert stage == "editing" or not any("interaction." in name for name in expected)


def test_the_language_model_gets_mirrored_sources_and_grey_for_dropped_ones() -> None:
    images = np.random.default_rng(0).integers(0, 255, (3, 4, 6, 3), np.uint8)
    mirrored, dropped, as_is = augment_images(images, [True, True, False], [True, False, True])
    assert np.array_equal(mirrored, images[0][:, ::-1]) and np.array_equal(as_is, images[2])
    assert (dropped == GREY).all()


@pytest.mark.parametrize("save", ["merged", "adapter"])
def test_an_editor_with_adapters_is_saved_with_its_language_model(run: Path, tmp_path: Path, save: str) -> None:
    base, encoder = load_base(run / "base"), build_encoder(run)
    options = TrainConfig.model_validate(
        OPTIONS | {"lora": {"rank": 2, "save": save}, "instruction_encoder": {"model": "qwen25_vl"}}
    )
    editor = models.build("editnet", base.transformer, base.prediction_type)
    fit_editor(editor, options, seed=0, device=torch.device("cpu"), text_tokens=32, ranks=1)
    network = MllmEditor(editor, encoder)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in (p for p in network.parameters() if p.requires_grad):
            parameter += 0.01 * torch.randn(parameter.shape, generator=rng)
    save_editor(tmp_path, editor, options, base, run / "base", "Invert it.", encoder)
    loaded = load_editor(tmp_path, "cpu")
    images = [np.full((SIDE, SIDE, 3), 90, np.uint8)]
    inputs = encoder.inputs(images, ["Invert it."])
    latent = torch.randn(1, 16, SIDE // 8, SIDE // 8, generator=rng)
    with torch.no_grad():
        expected, _ = network(latent, torch.tensor([500.0]), latent, **inputs)
        found, _ = MllmEditor(loaded.transformer, loaded.instruction_encoder)(
            latent, torch.tensor([500.0]), latent, **inputs
        )
    assert torch.allclose(found, expected, atol=1e-3)


def test_heads_that_do_not_divide_the_width_of_the_texts_end_with_the_key(run: Path) -> None:
    options = {"model": str(run / "qwen"), "image_side": 4 * PATCH, "image_tokens": 3, "layers": 1, "heads": 5}
    options |= {"width": 40}
    for interaction in ("one_way", "none"):
        given = TrainConfig.model_validate({"instruction_encoder": {**options, "interaction": interaction}})
        if interaction == "none":
            assert build_untrained_encoder(load_base(run / "base"), given).qformer.config["heads"] == 5
            continue
        with pytest.raises(UserError, match=rf"instruction_encoder\.heads: 5 does not divide {WIDTH}, the width"):
            build_untrained_encoder(load_base(run / "base"), given)


def test_a_batch_contains_the_configured_share_of_questions(run: Path, tmp_path: Path) -> None:
    model = {"model": "qwen25_vl", "questions": "vqa", "questions_share": 0.25}
    options = TrainConfig.model_validate(OPTIONS | {"instruction_encoder": model})
    base, encoder = load_base(run / "base"), build_encoder(run)
    builder = partial(MllmBatchBuilder, base.vae, InstructionEncoder(base.text), options, 0, encoder=encoder)
    store = BucketStore(run / "buckets", resolution=SIDE)
    ratio = max(store.sizes(), key=store.sizes().__getitem__)
    pairs = store.read(ratio, store.rows(ratio, "train")[:3])
    with_questions = builder(questions=Questions(write_questions(tmp_path / "vqa")))
    batches = [with_questions.build(pairs, step, 0) for step in range(3)]
    assert [len(batch.inputs[f"{QUESTION}input_ids"]) for batch in batches] == [1, 1, 1], "one for three pairs"
    plain = builder().build(pairs, 0, 0).inputs
    assert not any(name.startswith(QUESTION) for name in plain)
    assert all(torch.equal(batches[0].inputs[name], value) for name, value in plain.items())
