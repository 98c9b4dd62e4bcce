"""Tests of questions about images: which are drawn, and how a language model's training counts them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from helpers.question_files import write_questions
from omniedit.errors import UserError
from omniedit.models.encoders.mllm import QUESTION, EncodedInstructions, MllmEditor
from omniedit.training.editor.questions import Questions


def test_questions_keep_their_answer_and_image_and_rejected_rows_are_excluded(tmp_path: Path) -> None:
    questions = Questions(write_questions(tmp_path / "vqa"))
    seen = set()
    for seed in range(20):
        for image, question, answer in zip(*questions.draw(3, np.random.default_rng(seed)), strict=True):
            turn, level = question.rstrip("?").split()
            assert answer == f"{ {'First': 'one', 'Second': 'two'}[turn] } {level}" and (image == int(level)).all()
            seen.add(question)
    assert seen == {"First 10?", "Second 10?", "First 20?", "Second 20?"}
    again = Questions(tmp_path / "vqa")
    assert again.digest == questions.digest
    assert again.draw(2, np.random.default_rng(3))[1] == questions.draw(2, np.random.default_rng(3))[1]


def test_a_folder_without_questions_names_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="omniedit import llava"):
        Questions(tmp_path)


def test_each_question_has_the_weight_of_a_sample() -> None:
    """Two samples with token losses 1 and 2, and three questions with losses 3, 4 and 5: the mean of two is 7.5."""
    embeddings = torch.zeros(2, 1, 4)

    class Encoder(nn.Module):
        reader = SimpleNamespace(answer_loss=lambda losses: losses)

        def forward(self, size, **inputs):
            assert not inputs
            return EncodedInstructions(embeddings, embeddings[:, 0], None, torch.tensor([1.0, 2.0]))

    network = MllmEditor(lambda *inputs: torch.zeros(1), Encoder())
    condition = torch.zeros(2, 4, 2, 2)
    inputs = {f"{QUESTION}losses": torch.tensor([3.0, 4.0, 5.0])}
    _, losses = network(condition, torch.zeros(2), condition, **inputs)
    assert losses.sum().item() == 1 + 2 + 3 + 4 + 5
