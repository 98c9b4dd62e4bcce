"""Tasks, the kinds of edit. `_ROWS` is the table of the registered ones: a new task is a new row.

A task is its name, which is also a file name, a config key, a wildcard of the workflow and a value in tables. A name
without a row is a task as well, with family "other": an imported pair keeps the task of its data set.
"""

from collections.abc import Collection, Mapping
from typing import ClassVar

DEMONSTRATION = "demonstration"
"""Role of the references of a subject's pairs: images of the subject."""
UNREGISTERED = "other"
"""Family and group of a task without a row."""
ALL_TASKS = "all"
"""Name of the mean over tasks in tables of results; no task has it."""
MAX_NAME_LENGTH = 100
"""Length limit of a name in bytes of UTF-8; files add suffixes to it."""

_ROWS: tuple[tuple[str, str, str, bool | None, tuple[str, ...]], ...] = (
    # Wei et al. 2024 (OmniEdit), section 3.2
    ("object_swap", "omniedit", "local", True, ()),
    ("object_removal", "omniedit", "local", True, ()),
    ("object_addition", "omniedit", "local", True, ()),
    ("attribute_modification", "omniedit", "local", True, ()),
    ("background_swap", "omniedit", "local", True, ()),
    ("environment_change", "omniedit", "global", False, ()),
    ("style_transfer", "omniedit", "global", False, ()),
    # Yu et al. 2024 (AnyEdit); published pairs have no mask, those of specialists may
    ("remove", "anyedit", "local", None, ()),
    ("counting", "anyedit", "local", None, ()),
    ("add", "anyedit", "local", None, ()),
    ("replace", "anyedit", "local", None, ()),
    ("color_alter", "anyedit", "local", None, ()),
    ("appearance_alter", "anyedit", "local", None, ()),
    ("action_change", "anyedit", "local", None, ()),
    ("textual_change", "anyedit", "local", None, ()),
    ("material_change", "anyedit", "local", None, ()),
    ("background_change", "anyedit", "global", None, ()),
    ("tone_transfer", "anyedit", "global", False, ()),
    ("style_change", "anyedit", "global", False, ()),
    ("movement", "anyedit", "camera", None, ()),
    ("resize", "anyedit", "camera", None, ()),
    ("outpaint", "anyedit", "camera", None, ()),
    ("rotation_change", "anyedit", "camera", False, ()),
    ("implicit_change", "anyedit", "implicit", None, ()),
    ("relation", "anyedit", "implicit", None, ()),
    ("visual_reference", "anyedit", "visual", None, ("subject",)),
    ("material_transfer", "anyedit", "visual", None, ("material",)),
    ("visual_bbox", "anyedit", "visual", None, ("bbox",)),
    ("visual_depth", "anyedit", "visual", None, ("depth",)),
    ("visual_scribble", "anyedit", "visual", None, ("scribble",)),
    ("visual_segment", "anyedit", "visual", None, ("segment",)),
    ("visual_sketch", "anyedit", "visual", None, ("sketch",)),
    # Huang et al. 2023 (SmartEdit), section 4.3: instructions that must be understood or reasoned about
    ("complex_understanding", "complex", "understanding", None, ()),
    ("complex_reasoning", "complex", "reasoning", None, ()),
    # the same, section 5: perception data, imported only; the region that an instruction names is painted
    ("referring_segmentation", "perception", "segmentation", None, ()),
    ("panoptic_segmentation", "perception", "segmentation", None, ()),
    # Chen et al. 2023 (SuTI), section 4: skills of subject-driven generation; pairs of embedded experts have a mask
    ("subject_stylise", "subject", "subject", None, (DEMONSTRATION,)),
    ("subject_recontextualise", "subject", "subject", None, (DEMONSTRATION,)),
    ("subject_view", "subject", "subject", None, (DEMONSTRATION,)),
    ("subject_attribute", "subject", "subject", None, (DEMONSTRATION,)),
    ("subject_compose", "subject", "subject", None, (DEMONSTRATION,)),
    ("subject_accessorise", "subject", "subject", None, (DEMONSTRATION,)),
)
"""Name, family, group, whether its pairs have a mask (None: some have), roles of the references that it takes."""


class Task(str):
    """Kind of edit; a string in all other respects.

    `Task(name)` returns the one registered task of that name, or a task of family "other". Tasks compare, hash, sort
    and pickle as their names.

    Attributes:
        family: source of the task's definition: "omniedit", "anyedit", "complex" (SmartEdit), "subject" (SuTI), or
            "other". Pairs of family "perception" are auxiliary: they show the meaning of an instruction instead of an
            edit.
        group: "local", "global", "camera", "implicit" or "visual" (the groups of AnyEdit), "understanding" or
            "reasoning" (those of SmartEdit), "subject", "segmentation", or "other".
        is_local: whether its pairs have a mask, outside which every pixel stays bit-identical. None if it is unknown:
            then a pair is local if it has a mask.
        references: roles of the reference images that it takes.

    Raises:
        ValueError: the name is not one that a file can have; the message says why.
    """

    OBJECT_SWAP: ClassVar["Task"]
    OBJECT_REMOVAL: ClassVar["Task"]
    OBJECT_ADDITION: ClassVar["Task"]
    ATTRIBUTE_MODIFICATION: ClassVar["Task"]
    BACKGROUND_SWAP: ClassVar["Task"]
    ENVIRONMENT_CHANGE: ClassVar["Task"]
    STYLE_TRANSFER: ClassVar["Task"]

    family: str
    group: str
    is_local: bool | None
    references: tuple[str, ...]

    def __new__(cls, name: str) -> "Task":
        return _REGISTERED.get(name) or _new_task(_check_name(name), UNREGISTERED, UNREGISTERED, None, ())

    def __reduce__(self) -> tuple[type["Task"], tuple[str]]:
        return Task, (self.name,)

    @property
    def name(self) -> str:
        """Name as a plain string."""
        return str(self)

    @property
    def value(self) -> str:
        """Name in the style of the former enumeration of seven tasks."""
        return self.name

    @property
    def label(self) -> str:
        """Name to show to a reader: 'Object swap'."""
        words = self.replace("_", " ")
        return words[:1].upper() + words[1:]


def _new_task(name: str, family: str, group: str, is_local: bool | None, references: tuple[str, ...]) -> Task:
    task = str.__new__(Task, name)
    task.family, task.group, task.is_local, task.references = family, group, is_local, references
    return task


def _check_name(name: str) -> str:
    """Return the name if it can be that of a file and a wildcard."""
    if not name or not name.isprintable():
        raise ValueError(f"the task name {name!a} is empty or has characters that cannot be printed")
    if set(name) & set("/\\{}"):
        raise ValueError(f"the task name {name!a} has a slash, a backslash or a brace")
    if name == ALL_TASKS:
        raise ValueError(f"the task name {name!a} stands for all tasks")
    if name[0] in ".- " or name[-1] == " ":
        raise ValueError(f"the task name {name!a} begins with a dot, a dash or a space, or ends with a space")
    if len(name.encode()) > MAX_NAME_LENGTH:
        raise ValueError(f"the task name {name[:30]!a}... has more than {MAX_NAME_LENGTH} bytes")
    return name


_REGISTERED = {row[0]: _new_task(*row) for row in _ROWS}
TASKS = tuple(_REGISTERED.values())
"""All registered tasks, in the order of the table."""
OMNIEDIT_TASKS = tuple(task for task in TASKS if task.family == "omniedit")
"""The seven tasks of OmniEdit, which its specialists make."""
ANYEDIT_TASKS = tuple(task for task in TASKS if task.family == "anyedit")
"""AnyEdit's 25 types of edit."""
COMPLEX_TASKS = tuple(task for task in TASKS if task.family == "complex")
"""SmartEdit's two scenarios: editing one of several objects, and editing an object that the instruction does not
name."""
SUBJECT_TASKS = tuple(task for task in TASKS if task.family == "subject")
"""SuTI's skills: a subject that the demonstrations show, painted as a prompt says."""
PERCEPTION_TASKS = tuple(task for task in TASKS if task.family == "perception")
"""Auxiliary tasks, whose pairs are imported."""
for _task in OMNIEDIT_TASKS:
    setattr(Task, _task.upper(), _task)
NOT_EMBEDDED: Mapping[Task, str] = {
    Task(name): reason
    for reason, names in {
        "a new face, age or surface needs a generative model": ("appearance_alter",),
        "a procedural material on a detected outline looked right in 1 of 20 inspected photos": ("material_change",),
        "another pose needs a generative model": ("action_change",),
        "the result of an unstated cause (ice that melts) needs a generative model": ("implicit_change",),
        "no depth estimate is good enough to be a condition": ("visual_depth",),
        "its pairs come from experts of subjects (section `subjects` of the config)": tuple(SUBJECT_TASKS),
        "its regions come from people; import them (omniedit import coco or refcoco)": (
            "referring_segmentation",
            "panoptic_segmentation",
        ),
    }.items()
    for name in names
}
"""Tasks without an embedded specialist, and why."""
SAME_EDITS: Mapping[Task, Task] = {
    Task("remove"): Task.OBJECT_REMOVAL,
    Task("add"): Task.OBJECT_ADDITION,
    Task("replace"): Task.OBJECT_SWAP,
    Task("color_alter"): Task.ATTRIBUTE_MODIFICATION,
    Task("material_change"): Task.ATTRIBUTE_MODIFICATION,
    Task("background_change"): Task.BACKGROUND_SWAP,
    Task("tone_transfer"): Task.ENVIRONMENT_CHANGE,
    Task("style_change"): Task.STYLE_TRANSFER,
}
"""AnyEdit's types that are a task of OmniEdit, or a part of one, under another name."""
MADE_OF: Mapping[Task, tuple[Task, ...]] = {
    Task("counting"): (Task.OBJECT_REMOVAL, Task.OBJECT_ADDITION),
    Task("relation"): (Task.OBJECT_REMOVAL, Task.ATTRIBUTE_MODIFICATION),
    Task("visual_reference"): (Task.OBJECT_ADDITION,),
    Task("material_transfer"): (Task.ATTRIBUTE_MODIFICATION,),
    Task("visual_bbox"): (Task.OBJECT_REMOVAL, Task.OBJECT_SWAP),
    Task("visual_scribble"): (Task.OBJECT_REMOVAL, Task.OBJECT_SWAP),
    Task("visual_segment"): (Task.OBJECT_ADDITION,),
    Task("visual_sketch"): (Task.OBJECT_REMOVAL, Task.OBJECT_SWAP),
    **dict.fromkeys(
        COMPLEX_TASKS, (Task.OBJECT_REMOVAL, Task.OBJECT_SWAP, Task.OBJECT_ADDITION, Task.ATTRIBUTE_MODIFICATION)
    ),
    **dict.fromkeys(SUBJECT_TASKS, (Task.OBJECT_ADDITION,)),
}
"""Types that are an edit of OmniEdit with a further requirement; a truth's `edit` names the edit."""
SHARE_FILLS = (
    Task.OBJECT_SWAP,
    Task.OBJECT_ADDITION,
    *map(Task, ("add", "replace", "visual_bbox", "visual_scribble", "visual_sketch")),
    Task("visual_segment"),
)
"""Tasks whose embedded specialist fills the same holes as that of object removal."""


def order_tasks(names: Collection[str]) -> list[Task]:
    """Return tasks in the order of `TASKS`, then the unregistered ones by name."""
    return [
        *(task for task in TASKS if task in names),
        *sorted({Task(name) for name in names if name not in _REGISTERED}),
    ]


def equivalent_task(task: Task) -> Task:
    """Return the task of OmniEdit that makes the same edit under another name, or else the task itself."""
    return SAME_EDITS.get(task, task)
