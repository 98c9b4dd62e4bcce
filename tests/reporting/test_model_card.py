"""Tests for the model card: counts from the plan and the index, scores of its editor and of "no edit" alone."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from omniedit.config.schema import Config
from omniedit.reporting.model_card import licence_table, model_card
from omniedit.reporting.training import Curve

CURVE = Curve("EditNet", [(1, 0.9)], [(0, 0.8), (200, 0.4)])


def score(model: str, task: str, o: float) -> dict:
    row = {"model": model, "task": task, "judge": "reference", "pairs": 4, "photos": 2, "pq": 9.0, "sc": o, "o": o}
    return row | {"o_low": o - 1, "o_high": o + 1, "psnr_outside": 31.25}


def card(tmp_path: Path, base: str | None = None, **sections: dict) -> str:
    pairs = [("object_swap", "3x2", "train")] * 3 + [
        ("object_swap", "1x1", "train"),
        ("style_transfer", "1x1", "held_out"),
    ]
    tasks, ratios, splits = zip(*pairs, strict=True)
    pq.write_table(pa.table({"task": tasks, "ratio": ratios, "split": splits}), tmp_path / "plan.parquet")
    photos = {"status": ["kept", "kept", "refused"], "licence": ["CC0-1.0", "", "CC-BY-4.0"]}
    pq.write_table(pa.table(photos), tmp_path / "index.parquet")
    scores = [score("editnet", "all", 3.0), score("no_edit", "all", 0.0), score("specialist", "all", 9.0)]
    config = Config.model_validate({"run": "mine", **sections})
    return model_card("editnet", config, tmp_path / "plan.parquet", [tmp_path / "index.parquet"], scores, CURVE, base)


def test_model_card_counts_training_pairs_and_photos(tmp_path: Path) -> None:
    text = card(tmp_path)
    assert "| Object swap | 1 | 0 | 3 | 0 | 0 | 0 | 0 | 4 |" in text
    assert "| all | 1 | 0 | 3 | 0 | 0 | 0 | 0 | 4 |" in text and "Held out: 1." in text
    assert "| CC0-1.0 | 1 |" in text and "| not stated | 1 |" in text and "CC-BY-4.0" not in text


def test_model_card_lists_scores_losses_and_options(tmp_path: Path) -> None:
    text = card(tmp_path)
    assert "| all | EditNet | 4 | 3.00 | 9.00 | 3.00 | 2.00 to 4.00 | 31.2 |" in text
    assert "| all | No edit |" in text and "Specialist" not in text
    assert "Held-out loss: 0.800 before training, 0.400 after 200 steps." in text
    assert "| `resolution` | 128 |" in text and "`epochs`" not in text
    assert text.startswith("---\nlibrary_name: diffusers\n")


def test_model_card_states_the_choice_among_candidates(tmp_path: Path) -> None:
    assert "at least 9 of 10. Source photos:" in card(tmp_path)
    text = card(tmp_path, scoring={"best_of": 4})
    assert "at least 9 of 10. It is the best of up to 4 candidates. Source photos:" in text


def test_model_card_names_a_fetched_base(tmp_path: Path) -> None:
    assert "a small SD3, pre-trained in the run" in card(tmp_path)
    text = card(tmp_path, "owner/sd3 at revision 0123 (its licence)")
    assert "Base: owner/sd3 at revision 0123 (its licence)." in text and "small SD3" not in text


def test_licence_texts_are_escaped_and_limited_in_number(tmp_path: Path) -> None:
    texts = ["CC | see\n\n## Scores\n<img src=x>", "[free](javascript:alert(1))", *(f"licence {n}" for n in range(40))]
    pq.write_table(pa.table({"status": ["kept"] * 42, "licence": texts}), tmp_path / "index.parquet")
    lines = licence_table(tmp_path / "index.parquet").splitlines()
    assert len(lines) == 33 and lines[-1] == "| 12 others | 12 |"
    assert r"| CC \| see \#\# Scores \<img src=x\> | 1 |" in lines
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines)
