"""Tests of what a language model reads in each branch of the guidance, and of where its readings go."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from omniedit.models.encoders.conditioning import GREY, MllmConditioning, read_edits
from omniedit.models.encoders.mllm import EncodedInstructions

SOURCE = torch.full((2, 1, 2, 2), 5.0)
VALUES = {"both": 1.0, "source": 2.0, "neither": 3.0}


class Recorder:
    """Encoder whose embeddings are the number of its calls; it records what it reads."""

    def __init__(self, residual: bool = True) -> None:
        self.read, self.residual = list[tuple[list[np.ndarray], list[str]]](), residual

    def inputs(self, images: list[np.ndarray], texts: list[str]) -> dict[str, torch.Tensor]:
        self.read.append((images, texts))
        return {"ids": torch.zeros(len(texts))}

    def __call__(self, latent_size: tuple[int, int], ids: torch.Tensor) -> EncodedInstructions:
        assert latent_size == (2, 2)
        number = float(len(self.read))
        residual = torch.full_like(SOURCE, 10 * number) if self.residual else None
        return EncodedInstructions(torch.full((2, 3, 4), number), torch.full((2, 4), -number), residual, ids)


def read(encoder: Recorder, *branches: str) -> MllmConditioning:
    edits = [
        SimpleNamespace(
            instruction=f"edit {level}", negative=f"not {level}", full=torch.full((1, 3, 4, 4), level / 255)
        )
        for level in (30, 200)
    ]
    return read_edits(encoder, edits, SOURCE, branches or tuple(VALUES))  # type: ignore[arg-type]


def test_each_branch_reads_its_own_image_and_text() -> None:
    encoder = Recorder()
    read(encoder)
    texts = [texts for _, texts in encoder.read]
    assert texts == [["edit 30", "edit 200"], ["not 30", "not 200"], ["not 30", "not 200"]]
    levels = [[set(image.ravel().tolist()) for image in images] for images, _ in encoder.read]
    assert levels == [[{30}, {200}], [{30}, {200}], [{GREY}, {GREY}]]
    assert encoder.read[0][0][0].shape == (4, 4, 3) and encoder.read[0][0][0].dtype == np.uint8


@pytest.mark.parametrize("branch", VALUES)
def test_each_branch_gets_its_reading_and_residual(branch: str) -> None:
    number = VALUES[branch]
    inputs = read(Recorder()).inputs(branch)
    assert inputs["prompt_embeds"].unique().tolist() == [number]
    assert inputs["pooled"].unique().tolist() == [-number]
    source = 0 if branch == "neither" else 5
    assert inputs["condition"].unique().tolist() == [source + 10 * number]
    plain = read(Recorder(residual=False)).inputs(branch)["condition"]
    assert plain.unique().tolist() == [source]


def test_only_the_branches_that_are_used_are_read() -> None:
    encoder = Recorder()
    read(encoder, "neither")
    assert [texts for _, texts in encoder.read] == [["not 30", "not 200"]]
