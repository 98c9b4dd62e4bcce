"""Tests of the grid of sample edits."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from omniedit.training.editor.samples import CELL, GAP, SampleEdit, grid, sample_instructions


def plain(colour: tuple[int, int, int], height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def test_grid_row_shows_source_instruction_edit_and_target() -> None:
    red, green, blue = ((200, 0, 0), (0, 200, 0), (0, 0, 200))
    wide = SampleEdit(plain(red, 40, 80), "Make it green.", plain(green, 40, 80), plain(blue, 40, 80))
    tall = SampleEdit(plain(blue, 80, 40), "Make it red, " * 4, plain(red, 80, 40), plain(green, 80, 40))
    shown = grid([wide, tall])
    assert shown.shape == (2 * CELL + GAP, 4 * CELL + 3 * GAP, 3)
    middles = [
        [shown[y * (CELL + GAP) + CELL // 2, x * (CELL + GAP) + CELL // 2].tolist() for x in (0, 2, 3)] for y in (0, 1)
    ]
    assert middles == [[list(c) for c in row] for row in ((red, green, blue), (blue, red, green))]
    assert shown[5, 5].tolist() == [255] * 3, "an image is not cropped to a square"
    texts = [shown[y * (CELL + GAP) : y * (CELL + GAP) + CELL, CELL + GAP : 2 * CELL + GAP] for y in (0, 1)]
    inked = [np.flatnonzero((text < 128).any(axis=(1, 2))) for text in texts]
    assert 0 < np.ptp(inked[0]) < 25 < np.ptp(inked[1]), "one line, and several lines"


def test_references_follow_the_target_in_their_row() -> None:
    red, green = plain((200, 0, 0), 40, 40), plain((0, 200, 0), 40, 40)
    shown = grid([SampleEdit(red, "Add it.", red, red), SampleEdit(red, "Add it.", red, red, (green, red))])
    assert shown.shape == (2 * CELL + GAP, 6 * CELL + 5 * GAP, 3)
    middle = 4 * (CELL + GAP) + CELL // 2
    assert [shown[y, middle].tolist() for y in (CELL // 2, CELL + GAP + CELL // 2)] == [[255] * 3, [0, 200, 0]]


def test_known_instructions_are_sampled_from_all_training_pairs() -> None:
    texts = [f"Make it {number:03d}." for number in range(600)]
    pairs = {"1x1": [[text, "Another wording."] for text in texts[:400]], "3x2": [[text] for text in texts[400:] * 2]}
    store = SimpleNamespace(
        sizes=lambda: {ratio: len(rows) for ratio, rows in pairs.items()} | {"2x3": 0},
        pairs=lambda ratio: pa.table({"instructions": pairs[ratio]}),
    )
    known = sample_instructions(store).splitlines()
    assert known == texts[::3]
