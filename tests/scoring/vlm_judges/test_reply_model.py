"""Local models that answer in words: `omniedit compare --judge vlm` with a tiny Qwen2.5-VL, in both orders."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest
import torch

from benchmarks.random_vlms import make_qwen25
from omniedit.cli.main import main
from omniedit.config.schema import ScoringConfig
from omniedit.errors import UserError
from omniedit.scoring import pairwise
from omniedit.scoring.pairwise import Outcome, PairwiseItem, PairwiseJudge, build_prompt
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.vlm_judges.reply_model import load_answering_model
from omniedit.vlm import Prompt
from omniedit.vlm.local import LocalModel

FOLDERS = ("photos", "mine", "theirs")
INSTRUCTIONS = ("Go.", "Make it <|image_pad|>.")


def draw(item: int, folder: str) -> np.ndarray:
    return np.random.default_rng([item, FOLDERS.index(folder)]).integers(0, 255, (32, 32, 3), np.uint8)


ITEMS = [
    PairwiseItem(draw(item, "photos"), text, draw(item, "mine"), draw(item, "theirs"))
    for item, text in enumerate(INSTRUCTIONS)
]
ITEM = ITEMS[0]
REPLY = '{"winner": "A"}'


@pytest.fixture(scope="module", autouse=True)
def short_rubric() -> Iterator[None]:
    """Shorten the rubric, which is a thousand tokens over bytes, so that a tiny model learns its reply in seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairwise, "rubric_text", lambda: "Which edit is better?")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a tiny Qwen2.5-VL that was trained to prefer the edit shown first, whatever it shows."""
    folder = make_qwen25(tmp_path_factory.mktemp("vlm") / "qwen")
    torch.set_num_threads(1)
    model, _ = load_answering_model("vlm", folder, options(folder.parent))
    teach(model, REPLY)
    model.model.save_pretrained(folder)
    return folder


def options(folder: Path, **vlm: object) -> ScoringConfig:
    return ScoringConfig.model_validate({"api": {"cache": str(folder / "cache")}, "vlm": {"batch_size": 2, **vlm}})


def teach(model: LocalModel, reply: str, steps: int = 120) -> None:
    """Train a model to give one reply to all comparisons of `ITEMS`, whatever comes first."""
    lessons = [
        build_lesson(model, build_prompt(item, swapped, 32), reply) for item in ITEMS for swapped in (False, True)
    ]
    optimizer = torch.optim.AdamW(model.model.requires_grad_(True).parameters(), lr=5e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        for lesson in lessons:
            model.model(**lesson).loss.backward()
        optimizer.step()
    model.model.requires_grad_(False)


def build_lesson(model: LocalModel, prompt: Prompt, reply: str) -> dict[str, torch.Tensor]:
    """Return the arguments of `forward` for a prompt with its reply, of which only the reply has a loss."""
    inputs = model.processor.apply_chat_template(
        [model._conversation(prompt)],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    target = model.processor.tokenizer(reply + "<|im_end|>", return_tensors="pt")["input_ids"]
    ids = torch.cat([inputs["input_ids"], target], dim=1)
    kinds = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(target)], dim=1)
    labels = torch.cat([torch.full_like(inputs["input_ids"], -100), target], dim=1)
    whole = {"input_ids": ids, "labels": labels, "attention_mask": torch.ones_like(ids), "mm_token_type_ids": kinds}
    return {**inputs, **whole}


def write_edits(root: Path) -> None:
    for name in FOLDERS:
        (root / name).mkdir()
        for item in range(len(ITEMS)):
            PIL.Image.fromarray(draw(item, name)).save(root / name / f"{item}.png")
    rows = "".join(f"{item},photos/{item}.png,{text}\n" for item, text in enumerate(INSTRUCTIONS))
    (root / "items.csv").write_text(f"id,source,instruction\n{rows}")


def compare(root: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    monkeypatch.chdir(root)
    (root / "my.yaml").write_text("scoring: { api: { cache: cache } }\n")
    given = ["compare", "mine", "theirs", "--items", "items.csv", "-o", "out.parquet", "--config", "my.yaml", *more]
    monkeypatch.setattr(sys, "argv", ["omniedit", *given])
    main()


def test_a_judge_that_prefers_the_first_edit_gives_ties_and_its_bias_is_reported(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_edits(tmp_path)
    compare(tmp_path, monkeypatch, "--judge", "vlm", "--scorer", str(folder))
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert {(row["status"], row["winner"], row["answer_ab"], row["answer_ba"]) for row in rows} == {
        ("compared", "tie", "A", "B")
    }
    assert {(row["judge"], row["judge_version"]) for row in rows} == {("vlm", "qwen")}
    assert "100" in next(line for line in capsys.readouterr().out.splitlines() if "position bias" in line.lower())
    assert len(list((tmp_path / "cache").rglob("*.json"))) == 4, "two orders of two items, in the cache"


def test_a_model_that_never_names_a_winner_raises_an_error_with_the_first_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_edits(tmp_path)
    with pytest.raises(SystemExit):
        compare(tmp_path, monkeypatch, "--judge", "vlm", "--scorer", str(make_qwen25(tmp_path / "random")))
    assert {row["status"] for row in pq.read_table(tmp_path / "out.parquet").to_pylist()} == {"unscorable"}
    assert "none of 2 comparisons has a winner" in capsys.readouterr().err


def test_cache_keys_include_options_and_weights(folder: Path, tmp_path: Path) -> None:
    prompt = build_prompt(ITEM, False, 32)
    digests = {
        load_answering_model("vlm", folder, options(tmp_path, **more))[0].digest(prompt)
        for more in ({}, {"pixels": 4096}, {"batch_size": 1})
    }
    assert len(digests) == 2, "the batch size decides nothing"
    model, _ = load_answering_model("vlm", folder, options(tmp_path, pixels=4096))
    (outcome,) = PairwiseJudge(model, None, both_orders=False).compare([ITEM])
    assert isinstance(outcome, Outcome | Unscorable), "images at their full size are read too"
    (folder / "model.safetensors").touch()
    assert load_answering_model("vlm", folder, options(tmp_path))[0].digest(prompt) not in digests


def test_reward_heads_and_vllm_are_rejected_for_comparisons(folder: Path, tmp_path: Path) -> None:
    for more, message in (
        ({"head": "editreward"}, "reward head"),
        ({"engine": "vllm"}, "vllm does not support pairwise"),
    ):
        with pytest.raises(UserError, match=message):
            load_answering_model("vlm", folder, options(tmp_path, **more))
    with pytest.raises(UserError, match="judge 'internvl' needs --scorer"):
        load_answering_model("internvl", None, options(tmp_path))
