"""Text embeddings of instructions."""

import pytest
import torch

from omniedit.models.text import load_minilm


def test_text_embeddings_end_with_the_text_and_ignore_batch_neighbours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = load_minilm()
    long, short = "Turn the pink brush on the left side of the picture green.", "Add fog."
    embeds, pooled = text.encode([long, short])
    assert embeds.shape == (2, 32, 384) and pooled.shape == (2, 384)
    assert embeds[1, 5:].abs().sum() == 0 and embeds[1, :5].abs().sum(dim=-1).min() > 0
    torch.testing.assert_close(pooled.square().mean(-1), torch.ones(2))
    alone, _ = text.encode([short])
    assert not caplog.records
    text.encode(["Make it night. " * 9 + "Then add a moon."])
    assert caplog.messages[0].endswith("Then add a moon."), "the truncated text is logged"
    assert torch.equal(alone[0], embeds[1])
