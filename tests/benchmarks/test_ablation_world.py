from dataclasses import replace

import numpy as np
import pytest

from benchmarks.ablation.assets import CUT_OUT_SIDE, Assets, fit_cut_out
from benchmarks.ablation.candidates import SCORES, choose_candidates
from benchmarks.ablation.data_choices import DATA
from benchmarks.ablation.edits import PAINTS
from benchmarks.ablation.effects import LIGHTS, STYLES
from benchmarks.ablation.settings import SETTINGS
from benchmarks.ablation.world import SMALL, TASK_ORDER, TASKS, SceneOptions, World, WorldPair, build_world
from omniedit.subjects.cut_outs import plain_name
from omniedit.tasks import Task


def pairs(world: World, count: int = 140) -> list[WorldPair]:
    return [world.pair(index) for index in range(count)]


def of(task: Task, made: list[WorldPair]) -> list[WorldPair]:
    return [pair for pair in made if pair.task == task]


@pytest.mark.parametrize("size", [64, 128])
def test_target_equals_the_source_outside_the_mask_and_differs_inside(assets, size):
    for pair in pairs(World(assets, size, seed=1)):
        source, target, mask = pair.source, pair.edit.target, pair.edit.mask
        assert source.shape == target.shape == (size, size, 3)
        assert np.array_equal(source[~mask], target[~mask])
        assert np.abs(source[mask].astype(int) - target[mask]).max() > 25


def test_photo_like_scenes_have_exact_truths(assets):
    world = World(assets, 64, seed=1, scenes=SceneOptions(like_photos=True))
    for pair in pairs(world, 280):
        assert np.array_equal(pair.source[~pair.edit.mask], pair.edit.target[~pair.edit.mask])
        assert np.abs(pair.source[pair.edit.mask].astype(int) - pair.edit.target[pair.edit.mask]).max() > 25
        if "box" in pair.edit.truth:
            left, top, right, bottom = pair.edit.truth["box"]
            assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1


def test_photo_like_scenes_vary_in_size_and_are_cut_by_edges(assets):
    """Check with the mask of a disc, which shows its size and whether an image edge cuts it."""
    small_and_large = {}
    for like_photos in (False, True):
        made = of(
            Task.OBJECT_REMOVAL, pairs(World(assets, 64, seed=2, scenes=SceneOptions(like_photos=like_photos)), 700)
        )
        shares = [pair.edit.mask.mean() for pair in made if " on the " not in pair.edit.caption]
        small_and_large[like_photos] = min(shares), max(shares)
    assert small_and_large[True][0] < 0.8 * small_and_large[False][0]
    assert small_and_large[True][1] > 2 * small_and_large[False][1]
    cut = [pair.edit.mask[-1].any() and pair.edit.mask[:, 0].any() for pair in made]
    assert any(cut) and not all(cut)


def test_photos_without_objects_get_only_global_edits(assets):
    made = pairs(World(assets, 64, seed=2, scenes=SceneOptions(like_photos=True)), 700)
    bare = [pair for pair in made if not any(name in pair.edit.caption for name in assets.names)]
    whole = of(Task.ENVIRONMENT_CHANGE, made) + of(Task.STYLE_TRANSFER, made)
    assert {pair.task for pair in bare} - {Task.OBJECT_REMOVAL} <= {Task.ENVIRONMENT_CHANGE, Task.STYLE_TRANSFER}
    assert 0.35 < sum(not pair.task.is_local for pair in bare) / len(whole) < 0.65


def test_pair_depends_only_on_seed_and_index(assets):
    world, again, other = World(assets, 64, seed=3), World(assets, 64, seed=3), World(assets, 64, seed=4)
    pairs(world, 20)
    for index in (0, 5, 70):
        one, same, different = world.pair(index), again.pair(index), other.pair(index)
        assert np.array_equal(one.source, same.source)
        assert np.array_equal(one.edit.target, same.edit.target)
        assert one.edit.instruction == same.edit.instruction
        assert not np.array_equal(one.source, different.source)


def test_tasks_take_turns(assets):
    made = pairs(World(assets, 64, seed=1), 2 * len(TASK_ORDER))
    assert {task: len(of(task, made)) for task in TASKS} == {task: 4 if task in SMALL else 2 for task in TASKS}


def test_held_out_assets_are_in_no_training_pair(assets):
    training, away = assets.half(held_out=False), assets.half(held_out=True)
    assert set(training.names) | set(away.names) == set(assets.names)
    assert not set(training.names) & set(away.names)
    assert not {photo.tobytes() for photo in training.photos} & {photo.tobytes() for photo in away.photos}
    words = " ".join(pair.edit.caption for pair in pairs(World(assets, 64, seed=1), 400))
    assert not [name for name in away.names if name in words]


def test_held_out_pairs_show_held_out_objects_and_request_known_ones(assets):
    world = World(assets, 64, seed=1, scenes=SceneOptions(held_out=True))
    away, known = assets.half(held_out=True).names, assets.half(held_out=False).names
    for pair in of(Task.OBJECT_SWAP, pairs(world, 280)):
        there = [name for name in away if name in pair.edit.instruction]
        named = [name for name in known if name in pair.edit.instruction]
        assert len(there) == len(named) == 1
        assert named[0] in world.vocabulary.drawable


def test_removal_names_only_the_removed_object(assets):
    """The instruction names only the removed object, and the caption of the answer does not name it."""
    for pair in of(Task.OBJECT_REMOVAL, pairs(World(assets, 64, seed=2), 280)):
        named = [name for name in assets.names if name in pair.edit.instruction]
        assert len(named) == 1
        assert named[0] not in pair.edit.caption


def test_two_objects_are_distinguished_by_side(assets):
    """If an object is left, the instruction names a side, and this object stands on the other side."""
    left = [
        pair
        for pair in of(Task.OBJECT_REMOVAL, pairs(World(assets, 64, seed=2), 700))
        if " on the " in pair.edit.caption
    ]
    assert len(left) > 10
    for pair in left:
        side = next(side for side in ("left", "right") if side in pair.edit.instruction)
        columns = np.nonzero(pair.edit.mask)[1]
        assert (columns.mean() < 32) == (side == "left")
        assert side not in pair.edit.caption


def test_added_object_always_looks_the_same(assets):
    """Compare the middle pixels of added objects: same instruction, same pixels, whatever the photo."""
    seen: dict[str, list[np.ndarray]] = {}
    for pair in of(Task.OBJECT_ADDITION, pairs(World(assets, 64, seed=5), 2100)):
        rows, columns = np.nonzero(pair.edit.mask)
        middle = pair.edit.target[int(rows.mean()), int(columns.mean())]
        side = "left" if "left" in pair.edit.instruction else "right"
        noun = next(name for name in assets.names if name in pair.edit.instruction)
        seen.setdefault(f"{noun} {side}", []).append(middle)
    assert max(len(each) for each in seen.values()) > 5
    for each in seen.values():
        assert np.ptp(np.array(each, int), axis=0).max() <= 1


def test_named_background_is_always_the_same_crop(assets):
    world = World(assets, 64, seed=6)
    for pair in of(Task.BACKGROUND_SWAP, pairs(world, 280)):
        place = next(place for place in world.vocabulary.places if place in pair.edit.instruction)
        clear = pair.edit.mask & (
            np.abs(pair.edit.target.astype(int) - world.vocabulary.places[place]).max(axis=-1) > 0
        )
        assert clear.sum() < 0.2 * pair.edit.mask.sum()


def test_painted_object_has_the_requested_colour(assets):
    expected = {"red": 0, "green": 1, "blue": 2}
    for pair in of(Task.ATTRIBUTE_MODIFICATION, pairs(World(assets, 64, seed=7), 700)):
        paint = next(
            paint
            for paint in PAINTS
            if paint in pair.edit.instruction.split(" ") or f"{paint}." in pair.edit.instruction
        )
        if paint in expected:
            inside = pair.edit.target[pair.edit.mask].mean(axis=0)
            assert int(inside.argmax()) == expected[paint]


@pytest.mark.parametrize("name", [*LIGHTS, *STYLES])
def test_look_is_deterministic_and_changes_the_image(name):
    image = np.random.default_rng(0).random((64, 64, 3), np.float32)
    look, words = (LIGHTS | STYLES)[name]
    assert np.array_equal(look(image), look(image.copy()))
    assert len(set(words)) == 6
    assert np.abs(np.clip(look(image), 0, 1) - image).mean() > 0.02


def test_wrong_edits_change_only_the_target(assets):
    candidates = choose_candidates(DATA["unfiltered"], 8, 350)
    right, wrong = World(assets, 64, seed=8), World(assets, 64, seed=8, candidates=candidates)
    made = list(zip(pairs(right, 350), pairs(wrong, 350), strict=True))
    for one, other in made:
        assert np.array_equal(one.source, other.source)
        assert one.edit.instruction == other.edit.instruction
    differ = [not np.array_equal(one.edit.target, other.edit.target) for one, other in made]
    assert 0.32 < np.mean(differ) < 0.48


def test_the_filter_accepts_correct_candidates():
    """Compare the shares of 5,000 candidates with those that the normal distributions give."""
    kept = {name: choose_candidates(replace(DATA[name], candidates=1), 3, 5_000) for name in ("unfiltered", "keep9")}
    assert len(kept["unfiltered"]) == 5_000
    shares = {
        kind: sum(each.kind == kind for each in kept["keep9"]) / sum(each.kind == kind for each in kept["unfiltered"])
        for kind in SCORES
    }
    assert shares == pytest.approx({"right": 0.588, "unchanged": 0, "other": 0.023, "damaged": 0.106}, abs=0.03)
    assert min(each.score for each in kept["keep9"]) >= 9


def test_training_repeats_the_accepted_candidates_of_its_tasks(assets):
    setting = replace(SETTINGS["test"], editor=replace(SETTINGS["test"].editor, pairs=70))
    data = replace(DATA["many9"], tasks=("object_removal", "movement"))
    world = build_world(setting, assets, 5, data)
    kept = choose_candidates(data, 5, 70)
    assert 14 < len(kept) < 42 and all(each.index < 70 for each in kept)
    made = pairs(world, 2 * len(kept))
    assert {pair.task for pair in made} == {Task.OBJECT_REMOVAL, Task("movement")}
    assert [pair.score for pair in made] == [each.score for each in kept] * 2
    assert np.array_equal(made[0].edit.target, made[len(kept)].edit.target)


def test_moved_and_resized_objects_leave_the_rest_of_the_scene_unchanged(assets):
    world = World(assets, 64, seed=6, task_order=[Task("movement"), Task("resize")])
    for pair in pairs(world, 60):
        assert np.array_equal(pair.source[~pair.edit.mask], pair.edit.target[~pair.edit.mask])
        sides = " left" in pair.edit.instruction, " right" in pair.edit.instruction
        if pair.task == "movement":
            assert sides == (" on the left" in pair.edit.caption, " on the right" in pair.edit.caption)
        else:
            assert any(word in pair.edit.instruction for word in ("maller", "arger", "Shrink", "Enlarge"))


def test_names_are_an_article_and_few_words(tmp_path):
    for text, name in {
        "A brown hen.": "brown hen",
        "An otter.\nfr=Une loutre": "otter",
        "A telephone.  Hello? Hello?": None,
        "The Sun.": None,
        "": None,
    }.items():
        (tmp_path / "caption.txt").write_text(text)
        assert plain_name(tmp_path / "caption.txt") == name
    assert plain_name(tmp_path / "missing.txt") is None


def test_cutout_stands_on_the_lower_edge_with_premultiplied_colours():
    rgba = np.zeros((200, 300, 4), np.uint8)
    rgba[50:150, 40:80] = (200, 100, 0, 128)
    square = fit_cut_out(rgba)
    rows, columns = np.nonzero(square[..., 3])
    assert (rows.min(), rows.max()) == (0, CUT_OUT_SIDE - 1)
    assert columns.mean() == pytest.approx(CUT_OUT_SIDE / 2 - 0.5, abs=1)
    assert np.abs(square[CUT_OUT_SIDE // 2, CUT_OUT_SIDE // 2].astype(int) - (100, 50, 0, 128)).max() <= 1


def test_assets_survive_saving_and_loading(assets, tmp_path):
    replace(assets).save(tmp_path / "assets.npz")
    again = Assets.load(tmp_path / "assets.npz")
    assert (again.names, again.places) == (assets.names, assets.places)
    assert np.array_equal(again.cut_outs, assets.cut_outs)
    assert np.array_equal(again.photos, assets.photos)
