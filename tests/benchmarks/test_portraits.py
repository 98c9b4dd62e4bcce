"""Tests of portraits, photographs taken apart, and of the blind comparison of two editors."""

import csv
import json

import numpy as np
import pytest

from benchmarks.ablation.blind import count_votes, requests
from benchmarks.ablation.portraits import Portraits, draw_start, largest_piece
from benchmarks.ablation.scene import opacity, render
from benchmarks.ablation.world import SceneOptions, World
from benchmarks.object_photos import entries
from omniedit.errors import UserError
from omniedit.tasks import Task


@pytest.fixture
def portraits() -> Portraits:
    """Return one photograph of a red square, 60 pixels wide, on a grey ground of 200 x 300 pixels."""
    cut_out = np.zeros((1, 96, 96, 4), np.uint8)
    cut_out[..., 0] = cut_out[..., 3] = 255
    grounds = np.full((1, 320, 320, 3), 90, np.uint8)
    grounds[:, 200:] = grounds[:, :, 300:] = 0
    return Portraits(("kite",), cut_out, np.array([[40, 100, 100, 160]]), grounds, np.array([[200, 300]]))


def test_scene_shows_the_object_on_its_ground(portraits):
    for seed in range(20):
        scene = portraits.scene(64, np.random.default_rng(seed))
        image = render(scene)
        red = (image == (255, 0, 0)).all(axis=-1)
        assert set(map(tuple, image[~(opacity(scene.things, 64) > 0)])) == {(90, 90, 90)}
        assert abs(red.sum() - (scene.things[0].side * 64) ** 2) < 200 and 0.3 <= scene.things[0].side < 0.65


def test_scene_shows_an_object_larger_than_the_shorter_side(portraits):
    wide = Portraits(**{**vars(portraits), "boxes": np.array([[10, 20, 290, 180]])})
    scene = wide.scene(64, np.random.default_rng(0))
    assert scene.things[0].side == pytest.approx(280 / 200)
    assert (opacity(scene.things, 64) > 0).mean() > 0.9


@pytest.mark.parametrize("first, last, starts", [(40, 60, range(10, 41)), (0, 90, {20}), (90, 100, range(50, 51))])
def test_window_holds_the_object(first, last, starts):
    rng = np.random.default_rng(0)
    assert {draw_start(first, last, 50, 100, rng) for _ in range(400)} == set(starts)


def test_largest_piece_has_no_holes():
    mask = np.zeros((20, 20), bool)
    mask[2:10, 2:10] = mask[15:17, 15:17] = True
    mask[5, 5] = False
    piece = largest_piece(mask)
    assert piece.sum() == 64 and not piece[15:].any()


def test_half_of_the_scenes_with_an_object_are_portraits(assets, portraits):
    world = World(assets, 64, seed=0, scenes=SceneOptions(like_photos=True, portraits=portraits))
    captions = [world.make_pair(Task.OBJECT_REMOVAL, index).edit.instruction for index in range(100)]
    assert 30 < sum("kite" in caption for caption in captions) < 70
    assert not [1 for index in range(50) if "kite" in world.make_pair(Task.OBJECT_ADDITION, index).edit.instruction]


def test_blind_comparison_uses_unseen_photographs_and_five_kinds_of_edit(assets):
    rows = list(requests(assets))
    tuning = {entry.name for entry in entries() if entry.is_tuning}
    assert len(rows) == 100 and not tuning & {name for name, _, _ in rows}
    assert {kind for _, kind, _ in rows} == {"colour", "background", "removal", "addition", "environment"}


def test_votes_are_counted_for_the_editor_at_the_position(tmp_path):
    key = [
        {"number": 0, "kind": "colour", "first": "new", "second": "old"},
        {"number": 1, "kind": "colour", "first": "old", "second": "new"},
        {"number": 2, "kind": "removal", "first": "old", "second": "new"},
    ]
    (tmp_path / "key.json").write_text(json.dumps(key))

    def vote(*votes: str) -> str:
        with (tmp_path / "votes.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["number", "vote"], *enumerate(votes)])
        return count_votes(tmp_path)

    assert vote("first", "second", "tie").splitlines() == [
        "colour: new 2, old 0, ties 0 (p = 0.5)",
        "removal: new 0, old 0, ties 1 (p = 1)",
        "all: new 2, old 0, ties 1 (p = 0.5)",
    ]
    with pytest.raises(UserError, match="row 1: ''; give first, second, tie"):
        vote("first", "", "tie")
