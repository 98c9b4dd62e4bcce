"""Test of the training of an editor that reads demonstrations: it resumes exactly, and trains what reads them."""

from pathlib import Path

import pytest
import torch

from helpers.small_training import Disturbed, make_run, make_trainer, read_tensors
from omniedit.errors import UserError
from omniedit.training.checkpoints import Checkpoints

OPTIONS = {
    **{"model": "editnet_demos_cross", "vary_references": True, "shuffle_references": True},
    **{"steps": 4, "checkpoint_every": 2, "held_out_every": 4, "sample_every": 4},
}


def test_a_stopped_training_with_demonstrations_resumes_to_the_same_weights(alone: None, tmp_path: Path) -> None:
    make_run(tmp_path, references=True, captions=True)

    def train(folder: str, terminated: int | None = None) -> None:
        trainer = make_trainer(tmp_path, lambda editor: Disturbed(editor, terminated=terminated), **OPTIONS)
        trainer.run(Checkpoints(tmp_path / folder, {}))

    train("whole")
    with pytest.raises(UserError, match="stopped by SIGTERM after step 3"):
        train("halves", terminated=3)
    train("halves")
    whole, halves = (read_tensors(tmp_path / name / "step-00000004") for name in ("whole", "halves"))
    assert all(torch.equal(halves[name], value) for name, value in whole.items())
    readers = [name for name in whole if "readers." in name and "to_out.weight" in name]
    assert readers and all(whole[name].any() for name in readers)
