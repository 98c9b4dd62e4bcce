from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from PIL import Image

from benchmarks.ablation import learning
from benchmarks.ablation.data_choices import ELEVEN
from benchmarks.ablation.edits import WorldEdit
from benchmarks.ablation.encoding import Texts
from benchmarks.ablation.learning import Batches, Objective, Training, train_config
from benchmarks.ablation.report import curves_figure, interval, read_curves, samples_sheet, table
from benchmarks.ablation.settings import SETTINGS
from benchmarks.ablation.testing import TEST_SEED, edit_pairs, left_over, outside_psnr
from benchmarks.ablation.train import run
from benchmarks.ablation.world import TASKS, WorldPair, build_world
from omniedit.models import build
from omniedit.models.base import Base
from omniedit.models.codec import LappedCodec
from omniedit.models.editnet import EditNet
from omniedit.models.text import MAX_TOKENS, WIDTH, load_minilm
from omniedit.tasks import Task
from omniedit.training.base.pretrain import small_sd3
from omniedit.training.editor.instruction_encoder import InstructionEncoder


def pair(difference: int, instruction: str = "Make it night.") -> WorldPair:
    """Return a grey square whose truth is brighter by `difference` in the left half."""
    source = np.full((64, 64, 3), 100, np.uint8)
    mask = np.zeros((64, 64), bool)
    mask[:, :32] = True
    target = (source + difference * mask[..., None]).astype(np.uint8)
    return WorldPair(Task.OBJECT_SWAP, source, WorldEdit(instruction, target, mask, ""))


@pytest.mark.parametrize("done, left", [(0, 1.0), (20, 0.25), (40, 0.0), (80, 1.0)])
def test_left_over_is_the_squared_remaining_error(done, left):
    one = pair(40)
    answer = (one.source + done * one.edit.mask[..., None]).astype(np.uint8)
    assert left_over(one, answer) == pytest.approx(left)


def test_outside_psnr_ignores_the_inside_of_the_mask():
    one = pair(40)
    inside = np.where(one.edit.mask[..., None], np.uint8(7), one.source)
    assert outside_psnr(one, inside) == 60
    outside = np.where(one.edit.mask[..., None], one.source, np.uint8(110))
    assert outside_psnr(one, outside) == pytest.approx(10 * np.log10(255**2 / 100))
    everywhere = WorldPair(one.task, one.source, WorldEdit("", one.edit.target, np.ones((64, 64), bool), ""))
    assert outside_psnr(everywhere, inside) is None


@torch.no_grad()
def test_batched_edits_match_the_pipeline():
    """Compare the experiment's batches with the images that a user of `EditPipeline` gets, guidance included."""
    setting = replace(SETTINGS["test"], text_tokens=MAX_TOKENS, text_scale=2.0, image_scale=1.5)
    torch.manual_seed(0)
    base = Base(
        small_sd3(train_config(setting), WIDTH),
        LappedCodec(),
        load_minilm(),
        FlowMatchEulerDiscreteScheduler(),
        "sample",
    )
    editor = build("channel_concat", base.transformer, base.prediction_type)
    for parameter in editor.parameters():
        parameter.add_(0.02 * torch.randn_like(parameter))
    noise = np.random.default_rng(0)
    pairs = [pair(40, text) for text in ("Make it night.", "Remove the duck.")]
    for one in pairs:
        one.source[:] = noise.integers(0, 256, one.source.shape)
    texts = Texts(InstructionEncoder(base.text), setting.text_tokens)
    ours = edit_pairs(editor, base.vae, texts, pairs, setting, steps=8)
    pipeline = base.pipeline(editor, setting.size)
    pipeline.text_encoder.float()
    pipeline.set_progress_bar_config(disable=True)
    for place, (one, answer) in enumerate(zip(pairs, ours, strict=True)):
        theirs = pipeline(
            image=Image.fromarray(one.source),
            instruction=one.edit.instruction,
            num_inference_steps=8,
            guidance_scale=setting.text_scale,
            image_guidance_scale=setting.image_scale,
            generator=torch.Generator().manual_seed(TEST_SEED + place),
        ).images[0]
        assert np.abs(np.asarray(theirs).astype(int) - answer).max() <= 1
        assert np.abs(answer.astype(int) - one.source).max() > 20


def test_interval_matches_the_binomial_one():
    """Compare the interval of 400 draws with probability 0.3 in one seed with the binomial interval."""
    values = (np.random.default_rng(1).random((1, 4, 100)) < 0.3).astype(float)
    mean, low, high = interval(values)
    half = 1.96 * np.sqrt(mean * (1 - mean) / 400)
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.012)
    spread_of_seeds = np.stack([values[0], 1 - values[0]])
    assert interval(spread_of_seeds)[2] - interval(spread_of_seeds)[1] > 3 * (high - low)


def test_units_train_on_the_same_pairs_and_are_reported(assets, tmp_path):
    """Train three architectures in the test setting, one with tasks. Only the network differs; the report shows all."""
    setting = SETTINGS["test"]
    torch.manual_seed(0)
    parts = (small_sd3(train_config(setting), WIDTH), LappedCodec(), load_minilm())
    base = Base(*parts, FlowMatchEulerDiscreteScheduler(), "sample")
    folders = [tmp_path / f"{name}-filtered-0" for name in ("editnet", "channel_concat", "editnet_routed")]
    for folder in folders:
        folder.mkdir()
        unit = {"architecture": folder.name.split("-")[0], "data": "filtered", "seed": 0}
        run(unit, setting, assets, base, folder, tmp_path / "checkpoint.pt")
    curves = read_curves(folders, steps=8)
    steps, batch = setting.editor.steps, setting.editor.batch_size
    assert [list(curve.samples) for curve in curves] == [[steps // 2 * batch, steps * batch]] * 3
    assert curves[0].flops[-1] > 1.5 * curves[1].flops[-1]
    assert curves[0].left_over.shape == (setting.evaluations, 1, len(TASKS), setting.pairs_per_task)
    assert np.isnan(curves[0].psnr[:, :, TASKS.index(Task.STYLE_TRANSFER)]).all()
    text = table(curves, setting)
    assert "EditNet less Channel-wise concatenation" in text
    samples_sheet(tmp_path / "samples.png", curves, assets, setting)
    assert Image.open(tmp_path / "samples.png").width > 4 * 100


def test_units_on_chosen_data_report_the_filter_and_unseen_tasks(assets, tmp_path):
    setting = replace(SETTINGS["test"], evaluations=1, pairs_per_task=1, sampling_steps=(1,), tested=ELEVEN)
    torch.manual_seed(0)
    parts = (small_sd3(train_config(setting), WIDTH), LappedCodec(), load_minilm())
    base = Base(*parts, FlowMatchEulerDiscreteScheduler(), "sample")
    folders = [tmp_path / f"channel_concat-{data}-0" for data in ("soft", "one_task")]
    for folder in folders:
        folder.mkdir()
        unit = {"architecture": "channel_concat", "data": folder.name.split("-")[1], "seed": 0}
        run(unit, setting, assets, base, folder, tmp_path / "checkpoint.pt")
    curves = read_curves(folders, steps=1)
    assert len(curves[0].tasks) == len(ELEVEN) and [sum(curve.trained_on(setting)) for curve in curves] == [7, 1]
    text = table(curves, setting)
    assert "| Channel-wise concatenation, weighted by score | 14 |" in text
    assert "| Channel-wise concatenation, 1 task | 1 |" in text
    curves_figure(curves).savefig(tmp_path / "curves.svg")


def test_a_weighted_loss_counts_pairs_by_their_score(assets):
    setting = SETTINGS["test"]
    torch.manual_seed(0)
    vae, texts = LappedCodec(), Texts(InstructionEncoder(load_minilm()), setting.text_tokens)
    base = Base(
        small_sd3(train_config(setting), WIDTH), vae, load_minilm(), FlowMatchEulerDiscreteScheduler(), "sample"
    )
    editor = build("channel_concat", base.transformer, base.prediction_type)
    world = build_world(setting, assets, 0)

    def loss(scores: tuple[float, float], weighted: bool) -> float:
        pairs = [replace(world.pair(index), score=score) for index, score in enumerate(scores)]
        return Objective(vae, texts, 0, train_config(setting), weighted).of_editor(editor, 0, pairs).item()

    first, second = loss((10, 0), weighted=True), loss((0, 10), weighted=True)
    assert loss((9, 3), weighted=True) == pytest.approx(0.75 * first + 0.25 * second, rel=1e-4)
    assert loss((9, 3), weighted=False) == pytest.approx(0.5 * first + 0.5 * second, rel=1e-4)


def test_unit_can_start_from_the_weights_of_another(assets, tmp_path):
    """Train with a learning rate of 0, so that the final weights are the initial ones."""
    setting = replace(SETTINGS["test"], evaluations=1, pairs_per_task=1, sampling_steps=(1,))
    torch.manual_seed(0)
    parts = (small_sd3(train_config(setting), WIDTH), LappedCodec(), load_minilm())
    base = Base(*parts, FlowMatchEulerDiscreteScheduler(), "sample")
    unit, still = {"architecture": "editnet", "data": "filtered", "seed": 0}, replace(setting.editor, learning_rate=0.0)
    folders = [tmp_path / name for name in ("first", "second")]
    goes = [(setting, None), (replace(setting, editor=still), folders[0] / "transformer")]
    for folder, (options, start) in zip(folders, goes, strict=True):
        folder.mkdir()
        run(unit, options, assets, base, folder, tmp_path / "checkpoint.pt", start)
    first, second = (EditNet.from_pretrained(folder / "transformer").state_dict() for folder in folders)
    untrained = build("editnet", base.transformer, base.prediction_type).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], untrained[name]) for name in first)


def test_interrupted_training_ends_as_an_uninterrupted_one(assets, tmp_path, monkeypatch):
    """Compare the final EMA weights and the records bit for bit."""
    monkeypatch.setattr(learning, "CHECKPOINT_STEPS", 2)
    setting = replace(SETTINGS["test"], editor=replace(SETTINGS["test"].editor, steps=5))
    vae, texts = LappedCodec(), Texts(InstructionEncoder(load_minilm()), setting.text_tokens)
    loss_of = Objective(vae, texts, 0, train_config(setting)).of_base

    def train_editor(cut_at: int | None, name: str) -> Training:
        torch.manual_seed(0)
        network = small_sd3(train_config(setting), WIDTH)
        training = Training(network, setting.editor, tmp_path / name)
        batches = Batches(build_world(setting, assets, 0), setting.editor, setting)
        for done in training.steps(batches.after(training.done), partial(loss_of, network)):
            training.records.append({"done": done, "loss": training.loss})
            if done == cut_at:
                break
        return training

    whole = train_editor(None, "whole")
    train_editor(3, "cut")
    resumed = train_editor(None, "cut")
    assert whole.records == resumed.records and len(whole.records) == 5
    for one, other in zip(whole.parameters.values(), resumed.parameters.values(), strict=True):
        assert torch.equal(one, other)
