"""Head: scores by its formula, loads as it was saved, and names a file that is none."""

from pathlib import Path

import numpy as np
import pytest

from omniedit.errors import UserError
from omniedit.scoring.student import head as module
from omniedit.scoring.student.head import Head, change_gate
from omniedit.scoring.student.matching import ImageEvidence


@pytest.fixture
def head() -> Head:
    """Return a head of two image features, one text feature and one agreement feature."""
    parts = {
        f"{name}_{part}": np.array(values, np.float32)
        for name, bias in (("success", 0.5), ("restraint", 0.0))
        for part, values in (
            ("agreement", [1]),
            ("image", [1, 0]),
            ("text", [0]),
            ("products", [[0, 2]]),
            ("bias", [bias]),
        )
    }
    return Head(
        names=np.array(["a", "b", "t", "m"]),
        means=np.zeros(4, np.float32),
        deviations=np.ones(4, np.float32),
        usual_logits=np.zeros(3, np.float32),
        usual_vector=np.zeros(2, np.float32),
        quality=np.array([0, -1], np.float32),
        quality_bias=np.zeros(1, np.float32),
        farthest=np.array([0.1], np.float32),
        **parts,
    )


def score(head: Head, monkeypatch: pytest.MonkeyPatch, features: list[float], area: float) -> tuple:
    monkeypatch.setattr(module, "pair_features", lambda *_: np.array(features, np.float32))
    evidence = ImageEvidence({"area": area}, np.zeros((2, 12)), np.zeros((4, 3)), (1.0, 1.0))
    return head.score(evidence, "Add a cat.")


def test_scores_follow_the_formula(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    (success, restraint, quality), beyond = score(head, monkeypatch, [0.1, 0.2, 0.3, 0.4], area=0.5)
    logit = 0.4 + 0.1 + 0.3 * 2 * 0.2
    assert success == pytest.approx(10 / (1 + np.exp(-logit - 0.5)), abs=1e-4)
    assert restraint == pytest.approx(10 / (1 + np.exp(-logit)), abs=1e-4)
    assert quality == pytest.approx(10 / (1 + np.exp(0.2)), abs=1e-4)
    assert beyond == 0


def test_features_far_from_training_are_clipped_and_counted(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    at_limit, _ = score(head, monkeypatch, [4, 0, 0, 0], area=0.5)
    far, beyond = score(head, monkeypatch, [400, 0, 0, 0], area=0.5)
    assert far == at_limit and beyond == 0.25


def test_an_unchanged_image_has_zero_success(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    (success, _, _), _ = score(head, monkeypatch, [4, 4, 4, 4], area=0.0)
    assert success == 0
    assert [change_gate(area) for area in (0.0002, 0.0011, 0.002, 1)] == pytest.approx([0, 0.5, 1, 1])


def test_a_saved_head_loads_unchanged(head: Head, tmp_path: Path) -> None:
    head.save(tmp_path / "head.npz")
    loaded = Head.load(tmp_path / "head.npz")
    assert all(np.array_equal(getattr(loaded, name), value) for name, value in vars(head).items())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x93NUMPY"])
def test_an_invalid_head_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "head.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"head\.npz: not a head"):
        Head.load(path)
