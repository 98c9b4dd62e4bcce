"""Fine-tuning of an InternVL as the student: on answers alone, from the base, with equal results if interrupted."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn
from transformers import InternVLForConditionalGeneration

from helpers.small_training import read_metrics
from helpers.tiny_internvl import make_internvl
from helpers.two_ranks import finish, start
from omniedit.config.schema import FinetuneConfig, InternvlConfig
from omniedit.errors import UserError
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.scoring import Unscorable, load_judge
from omniedit.scoring.rubric import Question, Rubric, format_reply
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.scoring.student.examples import TeacherExample, choose_rows, read_teacher_examples
from omniedit.scoring.student.finetune import prepare_student
from omniedit.scoring.student.internvl_batches import AnswerBatches
from omniedit.scoring.student.internvl_dataset import TeacherBatch, TeacherDataset, to_batch
from omniedit.scoring.student.teacher import TEACHER_SCHEMA
from omniedit.scoring.vlm_judges.internvl import InternvlJudge
from omniedit.storage.parquet import write_rows
from omniedit.tasks import Task
from omniedit.training.checkpoints import Checkpoints, index_parts
from omniedit.training.trainer import Trainer

QUESTION = Question("Judge it.\n", ("source", "edited"), ("instruction",), ("success", "restraint", "quality"))
SHORT = Rubric("short", (QUESTION,), ("success", "restraint"), ("quality",))
INTERNVL = InternvlConfig(max_tiles=4, batch_size=3)
OPTIONS = {
    "method": "full",
    "held_out": 0.25,
    "epochs": 3.0,
    "batch_size": 4,
    "learning_rate": 0.01,
    "warmup_steps": 1,
    "dtype": "float32",
    "checkpoint_activations": "none",
    "zero_stage": 0,
    "held_out_every": 6,
}


TASK = Task.STYLE_TRANSFER
PAIRS = 16
STEPS = 9
"""Number of steps of three passes."""


def options(**changes: object) -> FinetuneConfig:
    return FinetuneConfig.model_validate(OPTIONS | changes)


def pair(number: int) -> EditPair:
    """Return a dark image turned white, or unchanged; every second photo is wide."""
    source = np.full((32, 48 if number % 4 > 1 else 32, 3), 20 + number, np.uint8)
    edited = np.full_like(source, 240) if number % 2 else source
    facts = {"source_id": f"photo{number // 2}", "ratio": "3x2" if number % 4 > 1 else "1x1", "truth": {}}
    return EditPair(f"p{number:02d}", TASK, ("Make it white.", "White, please."), source, edited, None, facts)


def teacher_row(number: int) -> dict[str, object]:
    scores = (10, 9, 10) if number % 2 else (0, 10, 10)
    text = "White: 98 %" if number % 2 else "Dark: 2 %"
    return {"pair_id": f"p{number:02d}", "defect": "", "reasoning": text, "judge": "reference"} | dict(
        zip(("sc_score_1", "sc_score_2", "pq_score"), map(float, scores), strict=True)
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with candidates, the teacher's scores and an InternVL."""
    root = tmp_path_factory.mktemp("run")
    write_shard(root / f"candidates/{TASK}/00000.h5", TASK, "embedded", 0, [pair(number) for number in range(PAIRS)])
    write_rows(root / f"teacher/{TASK}/00000.parquet", [teacher_row(number) for number in range(PAIRS)], TEACHER_SCHEMA)
    make_internvl(root / "internvl")
    make_internvl(root / "of numbers", numbers_only=True)
    return root


@pytest.fixture(scope="module")
def lessons(run: Path) -> Iterator[list[TeacherExample]]:
    (files,) = choose_rows([run / f"candidates/{TASK}/00000.h5"], [run / f"teacher/{TASK}/00000.parquet"], PAIRS)
    with Shard(files[0]) as shard:
        yield list(read_teacher_examples(shard, *files[1:]))


@pytest.fixture
def judge(run: Path) -> InternvlJudge:
    torch.set_num_threads(1)
    return InternvlJudge.load(run / "internvl", SHORT, INTERNVL)


def some(lessons: list[TeacherExample], *numbers: int) -> TeacherBatch:
    return to_batch([lessons[number] for number in numbers])


def test_the_loss_covers_only_the_tokens_of_the_answer(judge: InternvlJudge, lessons: list[TeacherExample]) -> None:
    """Compare with transformers' own loss of each example alone, without padding and with its prompt masked out."""
    batches = AnswerBatches(judge, seed=0)
    pairs = some(lessons, 0, 1, 3)
    (batch,) = batches.held_out(pairs)
    found = batches.losses(judge.model, batch)
    ids_BT, mask_BT = batch.inputs["input_ids"], batch.inputs["attention_mask"].bool()
    tiles = batch.inputs["pixel_values"].split([2, 2, 6])
    for row, (number, shown) in enumerate(zip((0, 1, 3), tiles, strict=True)):
        teacher = lessons[number].teacher
        ids = ids_BT[row][mask_BT[row]][None]
        reply = format_reply(
            (teacher.sc_score_1, teacher.sc_score_2, teacher.pq_score), teacher.reasoning.split(":")[0]
        )
        answer = judge.tokenizer(reply + "<|im_end|>")["input_ids"]
        assert ids[0, -len(answer) :].tolist() == answer
        labels = ids.clone()
        labels[0, : -len(answer)] = -100
        expected = judge.model(input_ids=ids, labels=labels, pixel_values=shown).loss
        torch.testing.assert_close(found[row], expected)


def test_a_batch_in_parts_has_the_same_samples(judge: InternvlJudge, lessons: list[TeacherExample]) -> None:
    """Check paraphrases and mirroring too; padding to other lengths changes no loss."""
    batches = AnswerBatches(judge, seed=0)
    whole = batches.losses(judge.model, batches.build(some(lessons, 2, 3, 6, 7), 5, 0))
    parts = [batches.build(some(lessons, *rows), 5, first) for first, rows in ((0, (2, 3)), (2, (6, 7)))]
    torch.testing.assert_close(torch.cat([batches.losses(judge.model, part) for part in parts]), whole)
    other = batches.build(some(lessons, 2, 3, 6, 7), 6, 0)
    assert not torch.equal(batches.losses(judge.model, other), whole)


def compute_logits(network: nn.Module, judge: InternvlJudge, lessons: list[TeacherExample]) -> torch.Tensor:
    (batch,) = AnswerBatches(judge, seed=0).held_out(some(lessons, 0, 1))
    with torch.no_grad():
        return network(**batch.inputs).logits


def test_untrained_adapters_change_nothing_and_merge_into_the_weights(
    judge: InternvlJudge, lessons: list[TeacherExample]
) -> None:
    base = compute_logits(judge.model, judge, lessons)
    network = prepare_student(judge.model, options(method="lora", lora_rank=4), seed=0)
    assert torch.equal(compute_logits(network, judge, lessons), base)
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    assert len(trained) == 2 * 7 * 2 and all("language_model" in name and "lora" in name for name in trained)
    for name, parameter in trained.items():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.3)
    adapted = compute_logits(network, judge, lessons)
    assert (adapted - base).abs().max() > 0.1
    merged = network.merge_and_unload()  # type: ignore[operator]
    assert type(merged) is type(judge.model)
    torch.testing.assert_close(compute_logits(merged, judge, lessons), adapted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("vision", [False, True])
def test_recomputed_layers_give_the_same_gradients(run: Path, lessons: list[TeacherExample], vision: bool) -> None:
    gradients = []
    for recomputed in ("none", "all"):
        judge = InternvlJudge.load(run / "internvl", SHORT, INTERNVL)
        network = prepare_student(judge.model, options(checkpoint_activations=recomputed, vision=vision), seed=0)
        (batch,) = AnswerBatches(judge, seed=0).held_out(some(lessons, 0, 1))
        AnswerBatches(judge, seed=0).losses(network, batch).sum().backward()
        gradients.append({name: p.grad for name, p in network.named_parameters() if p.grad is not None})
    assert all(torch.equal(gradients[1][name], value) for name, value in gradients[0].items())
    assert any("vision" in name for name in gradients[0]) == vision and any(
        "projector" in name for name in gradients[0]
    )


def train_model(
    judge: InternvlJudge, lessons: list[TeacherExample], folder: Path, terminated: int = 0, **changes: object
) -> InternvlJudge:
    """Return a judge whose model was trained to the end, or until SIGTERM at a step (from 1)."""
    settings = options(**changes)
    judge.model.to(getattr(torch, settings.dtype))
    network = prepare_student(judge.model, settings, seed=0)
    calls = iter(range(1, 100))
    if terminated:
        network.register_forward_hook(
            lambda *_: (
                os.kill(os.getpid(), signal.SIGTERM) if torch.is_grad_enabled() and next(calls) == terminated else None
            )
        )
    store = TeacherDataset(lessons, settings.held_out, seed=0)
    trainer = Trainer(network, tuple, store, AnswerBatches(judge, seed=0), settings.training, seed=0)
    trainer.run(Checkpoints(folder, {}))
    return InternvlJudge(judge.model, judge.processor, SHORT, INTERNVL)


@pytest.mark.parametrize("changes", [{"zero_stage": 2}, {"method": "lora", "dtype": "bfloat16"}])
def test_an_interrupted_training_resumes_to_the_same_weights(
    run: Path, lessons: list[TeacherExample], alone: None, tmp_path: Path, changes: dict[str, object]
) -> None:
    def judge() -> InternvlJudge:
        return InternvlJudge.load(run / "internvl", SHORT, INTERNVL)

    train_model(judge(), lessons, tmp_path / "whole", **changes)
    with pytest.raises(UserError, match="stopped by SIGTERM after step 4"):
        train_model(judge(), lessons, tmp_path / "cut off", terminated=4, **changes)
    train_model(judge(), lessons, tmp_path / "cut off", **changes)
    metrics = read_metrics(tmp_path / "whole/metrics.jsonl")
    assert read_metrics(tmp_path / "cut off/metrics.jsonl") == metrics and metrics[-1]["step"] == STEPS
    last = f"step-{STEPS:08d}/rank-00000.safetensors"
    assert (tmp_path / "cut off" / last).read_bytes() == (tmp_path / "whole" / last).read_bytes()


def test_fine_tuning_learns_the_scores_of_the_teacher(
    judge: InternvlJudge, lessons: list[TeacherExample], alone: None, tmp_path: Path
) -> None:
    judge = train_model(judge, lessons, tmp_path, epochs=20.0)
    held_out = [line["held_out_loss"] for line in read_metrics(tmp_path / "metrics.jsonl") if "held_out_loss" in line]
    assert held_out[-1] < 0.2 * held_out[0]
    writing = InternvlJudge(judge.model, judge.processor, SHORT, INTERNVL, "reply")
    pairs = [one.pair() for one in lessons]
    for one, read, written in zip(lessons, judge.judge(pairs), writing.judge(pairs), strict=True):
        assert not isinstance(read, Unscorable) and abs(read.sc_score_1 - one.teacher.sc_score_1) < 1
        assert written == replace(one.teacher, reasoning=one.teacher.reasoning.partition(":")[0])


def start_ranks(run: Path, out: str, **changes: object) -> list:
    """Start scripts/finetune_student.py on two ranks, which share even small weights."""
    argv = ["finetune_student.py", "--model", str(run / "of numbers"), "--tasks", str(TASK), "--shards", "1"]
    argv += ["--candidates", str(run / "candidates/{task}/{shard}.h5")]
    argv += ["--teacher", str(run / "teacher/{task}/{shard}.parquet")]
    argv += ["--options", json.dumps(OPTIONS | changes), "--max-tiles", "3", "--seed", "0"]
    argv += ["--checkpoints", str(run / f"{out}.checkpoints"), "--out", str(run / out)]
    script = "runpy.run_path('scripts/finetune_student.py', run_name='__main__')"
    shared = "from helpers.small_training import sharing_small_ones\nengine.deepspeed_config = sharing_small_ones"
    return start(f"import runpy, sys\nfrom omniedit.training import engine\n{shared}\nsys.argv = {argv!r}\n{script}")


@pytest.fixture(scope="module")
def scorer(run: Path) -> Path:
    """Return the student's folder from two ranks that share weights and each compute a batch in two parts."""
    finish(start_ranks(run, "scorer", method="lora", zero_stage=3, epochs=1.0, accumulate=2))
    return run / "scorer"


def test_two_ranks_train_like_one(run: Path, scorer: Path, lessons: list[TeacherExample], alone: None) -> None:
    judge = InternvlJudge.load(run / "of numbers", edit_rubric(), InternvlConfig(max_tiles=3))
    train_model(judge, lessons, run / "alone", method="lora", epochs=1.0)
    expected = read_metrics(run / "alone/metrics.jsonl")
    assert len(expected) == 1 + STEPS // 3 and expected[-1]["loss"] < expected[1]["loss"]
    assert read_metrics(scorer / "metrics.jsonl") == [pytest.approx(line, rel=1e-3) for line in expected]


def test_the_saved_model_has_its_adapters_merged(run: Path, scorer: Path) -> None:
    folders = (run / "of numbers", scorer)
    base, merged = (InternVLForConditionalGeneration.from_pretrained(folder).state_dict() for folder in folders)
    (last,) = run.glob(f"scorer.checkpoints/step-{STEPS // 3:08d}")
    with ExitStack() as stack:
        places = index_parts([stack.enter_context(safe_open(file, "pt")) for file in last.glob("rank-*")])
        flat = {
            what: torch.cat([file.get_tensor(key) for _, file, key in sorted(of, key=itemgetter(0))])
            for what, of in places.items()
            if what.endswith("/weight")
        }
    names = {what.split(".lora_")[0].removeprefix("base_model.model.") for what in flat}
    assert len(names) == 2 * 7 and merged.keys() == base.keys()
    for name, weight in merged.items():
        module = name.removesuffix(".weight")
        if module not in names:
            assert torch.equal(weight, base[name])
            continue
        down, up = (flat[f"base_model.model.{module}.lora_{side}.default.weight/weight"] for side in "AB")
        added = 2 * up.view(len(weight), -1) @ down.view(-1, weight.shape[1])
        assert added.abs().max() > 1e-4
        torch.testing.assert_close(weight, base[name] + added)


def test_the_judge_uses_the_tile_count_of_its_training(scorer: Path, lessons: list[TeacherExample]) -> None:
    report = json.loads((scorer / "agreement.json").read_text())
    assert report["learnt_from"] == 12 and report["held_out"] == report["before"]["held_out"] == 4
    student = load_judge("student", scorer)
    assert isinstance(student, InternvlJudge)
    assert (student.name, student.max_tiles) == ("student", 3) and student.version.startswith("student ")
    assert all(not isinstance(verdict, Unscorable) for verdict in student.judge([lessons[0].pair(), lessons[3].pair()]))


def test_held_out_photos_are_not_used_in_training(lessons: list[TeacherExample]) -> None:
    store = TeacherDataset(lessons, 0.25, seed=0)
    seen = {edit.provenance["source_id"] for r, n in store.sizes().items() for edit in store.read(r, range(n)).edits}
    unseen = {one.source_id for one in store.held_out()}
    assert len(unseen) == 2 and unseen == store.held_out_photos and not unseen & seen and len(seen) == 6
    assert store.digest() != TeacherDataset(lessons[1:], 0.25, seed=0).digest()
