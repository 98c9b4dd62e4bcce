"""Tests of the section `tasks`: single types, families and their specialists."""

from pathlib import Path

import pytest

from omniedit.config.loading import check, load, load_run
from omniedit.errors import UserError
from omniedit.models.registry import required_roles
from omniedit.tasks import ANYEDIT_TASKS, COMPLEX_TASKS, NOT_EMBEDDED, OMNIEDIT_TASKS, Task

JUDGED_BY_A_MODEL = {"scoring": {"judge": "internvl", "teacher": None}, "bench": {"judge": "internvl"}}
ROOT = Path(__file__).parents[2]


def test_task_without_pairs_is_disabled_and_one_must_be_enabled() -> None:
    config = check({"tasks": {"object_swap": {"pairs_per_shard": 0}}})
    assert config.tasks.enabled == tuple(task for task in OMNIEDIT_TASKS if task is not Task.OBJECT_SWAP)
    with pytest.raises(UserError, match="at least one must make pairs"):
        check({"tasks": {task.name: {"pairs_per_shard": 0} for task in OMNIEDIT_TASKS}})


def test_family_stands_for_all_its_types_with_a_specialist() -> None:
    few = {"pairs_per_shard": 2}
    both = check({"tasks": {"anyedit": few}}).tasks
    embedded = tuple(task for task in ANYEDIT_TASKS if task not in NOT_EMBEDDED)
    assert both.enabled == (*OMNIEDIT_TASKS, *embedded) and both[Task("outpaint")].pairs_per_shard == 2
    alone = check({"tasks": {"omniedit": {"pairs_per_shard": 0}, "anyedit": few, "outpaint": {"pairs_per_shard": 5}}})
    assert alone.tasks.enabled == alone.specialist_tasks == alone.groups == embedded
    assert alone.tasks[Task("outpaint")].pairs_per_shard == 5 and alone.tasks[Task("remove")].pairs_per_shard == 2
    single = check({"tasks": {"outpaint": few, "anyedit": {"pairs_per_shard": 0}}}).tasks
    assert single.enabled == (*OMNIEDIT_TASKS, "outpaint")
    complex_ = check({"tasks": {"complex": few, "complex_reasoning": {"pairs_per_shard": 3}}}).tasks
    assert complex_.enabled == (*OMNIEDIT_TASKS, *COMPLEX_TASKS) and complex_[COMPLEX_TASKS[1]].pairs_per_shard == 3


def test_single_task_overrides_its_family_and_a_later_file_overrides_both(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("tasks: {omniedit: {pairs_per_shard: 0}, style_transfer: {pairs_per_shard: 9}, outpaint: {}}")
    alone = load(first).tasks
    assert alone.enabled == (Task.STYLE_TRANSFER, "outpaint") and alone[Task.STYLE_TRANSFER].pairs_per_shard == 9
    families = "omniedit: {pairs_per_shard: 2}, anyedit: {pairs_per_shard: 0}"
    second.write_text(f"tasks: {{{families}, remove: {{pairs_per_shard: 1}}}}")
    both = load(first, second).tasks
    assert both.enabled == (*OMNIEDIT_TASKS, "remove") and both[Task.STYLE_TRANSFER].pairs_per_shard == 2
    values = {"tasks": {"omniedit": {"pairs_per_shard": 0}, "complex": {}}}
    module = load_run(values, [], ROOT / "config/config.yaml", values)
    typed = load_run({}, [], ROOT / "config/config.yaml", {"tasks": {"omniedit": {"pairs_per_shard": "0"}, "add": {}}})
    assert module.tasks.enabled == COMPLEX_TASKS and typed.tasks.enabled == ("add",)


def test_family_with_learned_specialists_stands_for_all_its_types() -> None:
    learned = {"pairs_per_shard": 2, "specialist": "learned"}
    few = {"tasks": {"omniedit": {"pairs_per_shard": 0}, "anyedit": learned}, "learned": {"replies": "replies.jsonl"}}
    config = check(few | JUDGED_BY_A_MODEL)
    assert config.tasks.enabled == config.learned_tasks == ANYEDIT_TASKS
    roles = {"editing", "ip_adapter", "depth", "controlnet_depth", "semantic", "style", "inpainting", "generation"}
    assert roles <= set(required_roles(config))


def test_config_without_anyedit_types_has_only_the_seven_keys() -> None:
    assert tuple(check({}).model_dump()["tasks"]) == OMNIEDIT_TASKS
    shown = check({"tasks": {"outpaint": {}}}).model_dump()
    assert shown["tasks"]["outpaint"] == {"pairs_per_shard": 8, "specialist": "embedded"} and check(shown) == check(
        {"tasks": {"outpaint": {}}}
    )


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (
            {"visual_depth": {}},
            "tasks: visual_depth: has no embedded specialist: no depth estimate .*; give specialist: learned",
        ),
        ({"referring_segmentation": {}}, "tasks: referring_segmentation: has no embedded specialist: .* import coco"),
        ({"complex": {"specialist": "learned"}}, "tasks: complex_.*: has no learned specialist; give specialist: emb"),
        ({"outpaint": {"specialist": "learned"}}, r"reference cannot score .* learned specialists \(tasks.outpaint"),
        ({"outpaint": {"pairs_per_shard": -1}}, r"tasks.outpaint.pairs_per_shard: -1 is not allowed; allowed: gr"),
        ({"outpaint": None}, "tasks.outpaint: null is not allowed; allowed: a mapping"),
        ({"anyedit": None}, "tasks.anyedit: null is not allowed; allowed: a mapping"),
        ({"omniedit": {"pairs_per_shard": -1}}, r"tasks.omniedit.pairs_per_shard: -1 is not allowed"),
        ({"everything": {}}, "tasks.everything: unknown key; allowed here: object_swap, object_removal"),
        (3, "tasks: 3 is not allowed; allowed: a mapping of keys to values"),
    ],
)
def test_type_without_a_specialist_is_an_error_with_its_remedy(tasks: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check({"tasks": tasks})


def test_imported_data_set_may_have_the_name_of_a_type_that_the_run_does_not_make() -> None:
    data = {"imports": {"remove": {"format": "anyedit", "path": str(ROOT)}}, **JUDGED_BY_A_MODEL}
    assert "remove" in check(data).groups
    with pytest.raises(UserError, match="imports: the name 'remove' is a task"):
        check(data | {"tasks": {"remove": {"pairs_per_shard": 1}}})
