"""Tests of AnyEdit's 25 types in the rendered world."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from PIL import Image

from benchmarks.ablation.anyedit_edits import ALL_EDITS, POSES, SIGN_WORDS, WITH_TWO, draw_sign, stand
from benchmarks.ablation.assets import CUT_OUT_SIDE, Assets
from benchmarks.ablation.data_choices import TWENTY_FIVE
from benchmarks.ablation.effects import LIGHTS
from benchmarks.ablation.encoding import Texts
from benchmarks.ablation.learning import Objective, train_config
from benchmarks.ablation.report import read_curves, samples_sheet, table
from benchmarks.ablation.scene import BLANK, BLANK_GREY
from benchmarks.ablation.settings import SETTINGS
from benchmarks.ablation.surfaces import MATERIALS, PATTERNS, cover_cutout, swatch
from benchmarks.ablation.testing import edit_pairs
from benchmarks.ablation.train import run
from benchmarks.ablation.world import SceneOptions, World, WorldPair
from omniedit.imaging.color import to_bytes, to_float
from omniedit.imaging.line_drawing import RED
from omniedit.models import build
from omniedit.models.base import Base
from omniedit.models.codec import LappedCodec
from omniedit.models.text import WIDTH, load_minilm
from omniedit.tasks import ANYEDIT_TASKS, SAME_EDITS, Task
from omniedit.training.base.pretrain import small_sd3
from omniedit.training.editor.instruction_encoder import InstructionEncoder

VISUAL = [task for task in ANYEDIT_TASKS if task.references]
SIZE = 64


@pytest.fixture(scope="module")
def assets(assets: Assets) -> Assets:
    """Return cut-outs without symmetry, so that every pose shows: discs with a bite and a dark part."""
    cut_outs = assets.cut_outs.copy()
    cut_outs[:, :, : CUT_OUT_SIDE * 3 // 8] = 0
    cut_outs[:, CUT_OUT_SIDE * 3 // 4 :, :, :3] //= 4
    return replace(assets, cut_outs=cut_outs)


@pytest.fixture(scope="module")
def world(assets) -> World:
    return World(assets, SIZE, seed=3)


def pairs(world: World, name: str, count: int = 40) -> list[WorldPair]:
    return [world.make_pair(Task(name), index) for index in range(count)]


@pytest.mark.parametrize("task", ANYEDIT_TASKS)
@pytest.mark.parametrize("held_out", [False, True])
def test_a_type_changes_only_pixels_of_its_mask(assets, task, held_out):
    for pair in pairs(World(assets, SIZE, seed=1, scenes=SceneOptions(held_out=held_out)), task, 12):
        source, target, mask = pair.source, pair.edit.target, pair.edit.mask
        assert source.shape == target.shape == (SIZE, SIZE, 3)
        assert np.array_equal(source[~mask], target[~mask])
        assert np.abs(source[mask].astype(int) - target[mask]).max() > 25
        assert [image.shape for image in pair.edit.references] == [source.shape] * len(task.references)


@pytest.mark.parametrize("task", ANYEDIT_TASKS)
def test_a_pair_of_a_type_depends_only_on_seed_and_index(assets, world, task):
    first, second = (each.make_pair(task, 5) for each in (world, World(assets, SIZE, seed=3)))
    assert first.edit.instruction == second.edit.instruction
    assert np.array_equal(first.source, second.source) and np.array_equal(first.edit.target, second.edit.target)
    for one, other in zip(first.edit.references, second.edit.references, strict=True):
        assert np.array_equal(one, other)


def test_types_that_are_a_task_of_omniedit_use_its_edit():
    own = {"material_change", "tone_transfer"}
    for task, same in SAME_EDITS.items():
        assert (ALL_EDITS[task] is ALL_EDITS[same]) == (task not in own)


def test_counting_names_the_number_of_things_in_the_answer(world):
    for pair in pairs(world, "counting"):
        number = next(n for n, word in enumerate(("one", "two", "three"), 1) if f" {word} " in pair.edit.instruction)
        assert number == pair.edit.truth["count"] == pair.edit.caption.count(str(pair.edit.truth["object"]))
        assert pair.edit.caption.count("on the left") == 1


def test_a_sign_shows_the_word_of_the_instruction(world):
    targets: dict[str, np.ndarray] = {}
    for pair in pairs(world, "textual_change", 60):
        (word,) = [word for word in SIGN_WORDS if pair.edit.instruction.endswith(f'"{word}".')]
        sign = pair.edit.target[pair.edit.mask]
        assert np.array_equal(targets.setdefault(word, sign), sign)
    assert len({sign.tobytes() for sign in targets.values()}) == len(SIGN_WORDS)


def test_letters_are_black_on_a_white_board():
    board, other = (sign[sign[..., 3] > 0] for sign in (draw_sign("EXIT"), draw_sign("TAXI")))
    assert board.shape == other.shape and 0.2 < (board[:, 0] < 64).mean() < 0.6
    assert not np.array_equal(board, other)


def test_outpainting_fills_a_grey_strip_with_the_named_photograph(world):
    strip = round(BLANK * SIZE)
    for pair in pairs(world, "outpaint", 20):
        columns = slice(0, strip) if "left" in pair.edit.instruction else slice(SIZE - strip, SIZE)
        assert (pair.source[:, columns] == BLANK_GREY).all() and pair.edit.mask.mean() == strip / SIZE
        place = world.vocabulary.places[str(pair.edit.truth["background"])]
        assert np.abs(pair.edit.target[:, columns].astype(int) - place[:, columns]).max() <= 1


def test_an_implicit_change_names_a_cause_and_not_its_effect(world):
    seen = set()
    for pair in pairs(world, "implicit_change", 60):
        name = str(pair.edit.truth["environment"])
        assert name not in pair.edit.instruction.lower().rstrip(".").split()
        assert np.array_equal(pair.edit.target, to_bytes(LIGHTS[name][0](to_float(pair.source))))
        seen.add(name)
    assert seen == set(LIGHTS)


def test_a_relation_names_the_neighbour_and_the_side_of_the_removed_object(world):
    for pair in pairs(world, "relation"):
        removed, anchor = str(pair.edit.truth["object"]), str(pair.edit.truth["anchor"])
        assert anchor in pair.edit.instruction and removed not in pair.edit.instruction.split()
        left = np.nonzero(pair.edit.mask)[1].mean() < SIZE / 2
        assert f"to the {'left' if left else 'right'} of" in pair.edit.instruction
        assert anchor in pair.edit.caption and f"a {removed} " not in pair.edit.caption


@pytest.mark.parametrize("pose", POSES)
def test_a_turned_cut_out_stands_on_the_lower_edge(pose):
    cut_out = np.zeros((CUT_OUT_SIDE, CUT_OUT_SIDE, 4), np.uint8)
    cut_out[60:, 30:50] = (200, 100, 0, 255)
    cut_out[60:70, 50:60] = 255
    turned = stand(POSES[pose][0](cut_out))
    rows, columns = np.nonzero(turned[..., 3])
    assert rows.max() == CUT_OUT_SIDE - 1 and abs(columns.min() + columns.max() - CUT_OUT_SIDE + 1) <= 1
    assert (turned[..., 3] > 0).sum() == (cut_out[..., 3] > 0).sum() and not np.array_equal(turned, stand(cut_out))


@pytest.mark.parametrize("surface", [*PATTERNS, *MATERIALS])
def test_a_surface_covers_a_cut_out_and_keeps_its_outline(surface):
    rng = np.random.default_rng(0)
    alpha = np.zeros((48, 48, 1), np.float32)
    alpha[10:, 10:40] = 1
    cut_out = np.dstack([rng.random((48, 48, 3), np.float32) * alpha, alpha])
    covered = cover_cutout(cut_out, surface)
    assert np.array_equal(covered[..., 3], cut_out[..., 3]) and (covered[:10, :, :3] == 0).all()
    assert np.array_equal(covered, cover_cutout(cut_out, surface))
    assert np.abs(covered - cut_out)[alpha[..., 0] > 0].mean() > 0.1


@pytest.mark.parametrize("task", VISUAL)
def test_the_instruction_of_a_visual_type_leaves_out_what_the_reference_shows(world, task):
    for pair in pairs(world, task, 20):
        hidden = [str(pair.edit.truth["object"])] if task in WITH_TWO or task == "visual_reference" else []
        hidden += [str(pair.edit.truth["surface"])] if task == "material_transfer" else []
        words = pair.edit.instruction.rstrip(".").replace(",", "").split()
        assert not {*hidden} & {*words}
        if task in ("visual_depth", "visual_segment"):
            assert "left" not in words and "right" not in words


def test_a_red_box_surrounds_the_removed_object(world):
    for pair in pairs(world, "visual_bbox", 20):
        rows, columns = np.nonzero((pair.edit.references[0] == RED).all(axis=-1))
        inside = np.nonzero(pair.edit.mask)
        assert rows.min() <= inside[0].min() + 1 and columns.min() <= inside[1].min() + 1
        assert rows.max() >= inside[0].max() - 1 and columns.max() >= inside[1].max() - 1
        assert len(rows) < 0.25 * SIZE**2


def test_a_scribble_shows_only_the_object_that_stays(world):
    for pair in pairs(world, "visual_scribble", 20):
        columns = np.nonzero(pair.edit.references[0][..., 0] == 0)[1]
        assert (columns.mean() < SIZE / 2) != (np.nonzero(pair.edit.mask)[1].mean() < SIZE / 2)


def test_maps_show_the_place_of_the_added_object_and_depth_its_nearness(world):
    seen = {}
    for task in ("visual_depth", "visual_segment"):
        for pair in pairs(world, task, 20):
            shown = pair.edit.references[0].max(axis=-1) > 0
            assert shown[pair.edit.mask].mean() > 0.7
            if task == "visual_depth":
                width = np.ptp(np.nonzero(pair.edit.mask)[1])
                seen.setdefault(int(np.median(pair.edit.references[0][pair.edit.mask])), []).append(width)
    assert len(seen) == 2 and np.mean(seen[min(seen)]) < np.mean(seen[max(seen)])


def test_swatches_differ_by_material():
    swatches = [swatch(material, SIZE) for material in MATERIALS]
    assert all((each[0, 0] == 255).all() for each in swatches)
    assert len({each.tobytes() for each in swatches}) == len(MATERIALS)


@pytest.fixture(scope="module")
def base() -> Base:
    torch.manual_seed(0)
    parts = (small_sd3(train_config(SETTINGS["test"]), WIDTH), LappedCodec(), load_minilm())
    return Base(*parts, FlowMatchEulerDiscreteScheduler(), "sample")


@torch.no_grad()
def test_only_editors_with_experts_see_the_reference(world, base):
    """Compare loss and edits of one pair with two references."""
    setting = SETTINGS["test"]
    pair = world.make_pair(Task("visual_reference"), 0)
    other = replace(pair, edit=replace(pair.edit, references=(255 - pair.edit.references[0],)))
    texts = Texts(InstructionEncoder(base.text), setting.text_tokens)
    options = train_config(setting).model_copy(
        update={"text_dropout": 0.0, "both_dropout": 0.0, "reference_dropout": 0.0}
    )
    objective = Objective(base.vae, texts, 0, options)
    for name, sees in {"editnet": False, "editnet_task_token": False, "editnet_experts": True}.items():
        torch.manual_seed(0)
        editor = build(name, base.transformer, base.prediction_type)
        for parameter in editor.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        losses = [objective.of_editor(editor, 0, [each]).item() for each in (pair, other)]
        assert (losses[0] != losses[1]) == sees, name
        edits = [edit_pairs(editor, base.vae, texts, [each], setting, 1)[0] for each in (pair, other)]
        assert np.array_equal(*edits) != sees, name


def test_units_on_25_types_are_reported_with_and_without_references(assets, base, tmp_path):
    setting = replace(SETTINGS["test"], evaluations=1, pairs_per_task=1, sampling_steps=(1,), tested=TWENTY_FIVE)
    folders = [tmp_path / f"{name}-twenty_five_types-0" for name in ("editnet", "editnet_routed")]
    for folder in folders:
        folder.mkdir()
        unit = {"architecture": folder.name.split("-")[0], "data": "twenty_five_types", "seed": 0}
        run(unit, setting, assets, base, folder, tmp_path / "checkpoint.pt")
    curves = read_curves(folders, steps=1)
    assert curves[0].tasks == ANYEDIT_TASKS and curves[0].trained_on(setting) == [True] * 25
    text = table(curves, setting)
    assert "types without a reference" in text and "nan" not in text
    samples_sheet(tmp_path / "samples.png", curves, assets, setting)
    assert Image.open(tmp_path / "samples.png").width > 4.5 * 150
