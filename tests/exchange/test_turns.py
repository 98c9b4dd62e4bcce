"""Sessions in one row: a row for each turn."""

import json
from pathlib import Path

from helpers.pair_files import import_all, make_image


def test_each_turn_of_pico_banana_starts_from_the_edit_before(tmp_path: Path) -> None:
    for number, name in enumerate(("source", "turn1", "turn2")):
        (tmp_path / f"{name}.png").write_bytes(make_image(number))
    files = [{"id": "edit_turn1", "url": "turn1.png"}, {"id": "final_image", "url": "turn2.png"}]
    files.append({"id": "original_input_image", "url": "https://photos.example/1.jpg"})
    row = {"files": files, "metadata_edit_turn_prompts": ["Add a dog.", "Make it night."]}
    (tmp_path / "multi-turn.jsonl").write_text(json.dumps(row | {"local_input_image": "source.png"}))
    (first, second), rejections = import_all(tmp_path, tmp_path / "run", format="pico-banana")
    assert rejections == []
    assert (first.source, first.edited) == (make_image(0), make_image(1))
    assert (second.source, second.edited) == (make_image(1), make_image(2))
    assert (first.instructions, second.instructions) == (("Add a dog.",), ("Make it night.",))
    assert (first.turn, second.turn) == (1, 2) and first.session == second.session is not None
    assert first.provenance["origin"] == "https://photos.example/1.jpg"


def test_a_turn_without_its_image_is_rejected_with_the_turn_that_starts_from_it(tmp_path: Path) -> None:
    for number, name in enumerate(("source", "turn1", "turn3")):
        (tmp_path / f"{name}.png").write_bytes(make_image(number))
    files = [{"id": "edit_turn1", "url": "turn1.png"}, {"id": "final_image", "url": "turn3.png"}, "broken"]
    row = {"files": files, "metadata_edit_turn_prompts": ["a", "b", "c"], "local_input_image": "source.png"}
    (tmp_path / "x.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {"files": None}))
    pairs, rejections = import_all(tmp_path, tmp_path / "run", format="pico-banana")
    assert [pair.turn for pair in pairs] == [1]
    assert [each.reason.partition(" in")[0] for each in rejections[:2]] == ["no edited image", "no source image"]
    assert len(rejections) == 5
