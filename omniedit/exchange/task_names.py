"""Tasks of imported pairs, by the names that data sets give them (`task_names.yaml`)."""

from collections.abc import Mapping
from functools import cache
from importlib import resources

from omniedit.storage.yaml_tables import parse_yaml
from omniedit.tasks import Task


def to_task(name: str, dataset: str, own: Mapping[str, str] | None = None) -> Task:
    """Return the task of a pair.

    Args:
        name: name of the task in the data set; a name without a mapping stays unchanged.
        dataset: section of the file, such as "anyedit"; without a section, all names are kept.
        own: the user's mapping from the data set's names to tasks, which overrides the file's.

    Raises:
        ValueError: the name, or the name to which it is mapped, cannot be that of a task.
    """
    name = name.strip()
    return Task((own or {}).get(name, known_names().get(dataset, {}).get(name, name)))


def to_name(task: str, dataset: str) -> str:
    """Return the first of a data set's names for a task; an unknown task keeps its name."""
    names = known_names().get(dataset, {})
    return next((name for name, known in names.items() if known == task), str(task))


@cache
def known_names() -> Mapping[str, Mapping[str, str]]:
    """Return the mappings from names to tasks, by data set."""
    return parse_yaml((resources.files("omniedit.exchange") / "task_names.yaml").read_text(encoding="utf-8"))
