"""Sections `tasks`, `learned` and `proposals`: pairs to make, and the edits and models of learned specialists."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from omniedit.config.endpoint import EndpointConfig
from omniedit.config.section import MAX_RESOLUTION, LocalPath, Section
from omniedit.config.typed_text import merge
from omniedit.redaction import redact
from omniedit.tasks import ANYEDIT_TASKS, COMPLEX_TASKS, NOT_EMBEDDED, OMNIEDIT_TASKS, TASKS, Task

PROPOSER = "proposer"
"""Role in config/models.yaml of the model that `proposals.source: local` uses."""


class TaskConfig(Section):
    pairs_per_shard: int = Field(8, ge=0)
    """Number of candidate pairs per shard; 0 turns the task off."""
    specialist: Literal["embedded", "learned"] = "embedded"
    """Specialist that makes the pairs: `embedded` is a classical algorithm on the CPU, `learned` uses the paper's
    models (see `learned`)."""


FAMILIES: Mapping[str, tuple[Task, ...]] = {
    "omniedit": OMNIEDIT_TASKS,
    "anyedit": tuple(task for task in ANYEDIT_TASKS if task not in NOT_EMBEDDED),
    "complex": COMPLEX_TASKS,
}
"""Tasks that a family's name stands for in `tasks`: those with an embedded specialist."""


class TasksConfig(Section):
    """Pairs to make of each task. The seven tasks of OmniEdit are fields. AnyEdit's types and the tasks of complex
    instructions may be given as well.

    A key may also be a family: `omniedit` sets all seven, `anyedit` all types with an embedded specialist, or all 25
    with `specialist: learned`, and `complex` both tasks of complex instructions. In one file, the keys of a single
    task override those of its family. A family overrides the single tasks of earlier files, such as the default config.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, TaskConfig]
    # Keys besides the fields, for the message about an unknown one.
    more_keys: ClassVar[tuple[str, ...]] = (*FAMILIES, *ANYEDIT_TASKS, *COMPLEX_TASKS)

    object_swap: TaskConfig = TaskConfig()
    object_removal: TaskConfig = TaskConfig()
    object_addition: TaskConfig = TaskConfig()
    attribute_modification: TaskConfig = TaskConfig()
    background_swap: TaskConfig = TaskConfig()
    environment_change: TaskConfig = TaskConfig()
    style_transfer: TaskConfig = TaskConfig()

    def __getitem__(self, task: Task) -> TaskConfig:
        return getattr(self, task)

    @model_validator(mode="before")
    @classmethod
    def _expand_families(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        _check_keys(values)
        return {name: value for name, value in expand_families(values, values).items() if name not in FAMILIES}

    @model_validator(mode="after")
    def _check_specialists(self) -> Self:
        for name, section in self.__pydantic_extra__.items():
            is_anyedit = Task(name) in ANYEDIT_TASKS
            if section.specialist == "embedded" and section.pairs_per_shard and name in NOT_EMBEDDED:
                learned = "give specialist: learned, " if is_anyedit else ""
                others = f"{learned}import pairs of this type (`imports`), or give another type"
                raise ValueError(f"{name}: has no embedded specialist: {NOT_EMBEDDED[Task(name)]}; {others}")
            if section.specialist == "learned" and not is_anyedit:
                raise ValueError(f"{name}: has no learned specialist; give specialist: embedded")
        return self

    @property
    def learned(self) -> tuple[Task, ...]:
        """Enabled tasks that learned specialists serve."""
        return tuple(task for task in self.enabled if self[task].specialist == "learned")

    @property
    def enabled(self) -> tuple[Task, ...]:
        """Tasks that make at least one pair, in the order of `Task`."""
        names = {*OMNIEDIT_TASKS, *self.__pydantic_extra__}
        return tuple(task for task in TASKS if task in names and self[task].pairs_per_shard)


def _check_keys(values: Mapping[str, Any]) -> None:
    """Check that every key is a task or a family, and that the values of families are valid.

    Raises:
        ValidationError: a key is unknown, or a family's value is invalid; the error names the family, not its tasks.
    """
    for name, value in values.items():
        if name not in TASKS and name not in FAMILIES:
            unknown = {"type": "extra_forbidden", "loc": (name,), "input": value}
            raise ValidationError.from_exception_data("tasks", [unknown])  # type: ignore[list-item]
        if name in FAMILIES:
            _check_family(name, value)


def _check_family(family: str, value: Any) -> None:
    try:
        TaskConfig.model_validate(value)
    except ValidationError as error:
        copied = ("type", "input", "ctx")
        faults = [
            {"loc": (family, *each["loc"]), **{name: each[name] for name in copied if name in each}}  # type: ignore[literal-required]
            for each in error.errors()
        ]
        raise ValidationError.from_exception_data("tasks", faults) from None  # type: ignore[arg-type]


def expand_families(values: Mapping[str, Any], merged: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tasks that one file sets, by task, with each family expanded into its tasks; the families' keys stay.

    Args:
        values: section `tasks` of the file.
        merged: section `tasks` of all files, which decides whether a family has learned specialists.
    """
    families = {
        task.name: values[family]
        for family in FAMILIES
        if isinstance(values.get(family), Mapping)
        for task in _list_tasks(family, merged[family])
    }
    return merge(families, values)


def _list_tasks(family: str, section: Any) -> tuple[Task, ...]:
    """Return the tasks of a family that have the specialist of its section."""
    is_learned = isinstance(section, Mapping) and section.get("specialist") == "learned"
    return tuple(task for task in TASKS if task.family == family) if is_learned else FAMILIES[family]


class GroundingConfig(Section):
    """Limits on the boxes and masks that learned specialists accept."""

    box_threshold: float = Field(0.35, ge=0, le=1)
    """Minimum score of a box, which is the largest probability that it matches one of the phrase's words."""
    text_threshold: float = Field(0.25, ge=0, le=1)
    """Minimum probability at which a box counts as matching a word; a box must match at least one."""
    min_area: float = Field(0.002, ge=0, le=1)
    """Minimum share of the image that a mask may cover."""
    max_area: float = Field(0.7, ge=0, le=1)
    """Maximum share of the image that a mask may cover."""
    dilation: float = Field(0.08, ge=0, le=1)
    """Growth of an object's mask before inpainting, as a share of the square root of its area, so that it includes the
    object's rim and the nearest part of its shadow."""
    rim: float = Field(0.05, ge=0, le=1)
    """Growth of the mask of an attribute's object, as a share of the square root of its area, because the edit moves
    the outline slightly."""

    @model_validator(mode="after")
    def _check_areas(self) -> Self:
        if self.min_area >= self.max_area:
            raise ValueError(f"min_area {self.min_area} must be less than max_area {self.max_area}")
        return self


class LearnedConfig(Section):
    """Settings shared by the learned specialists of all tasks."""

    replies: LocalPath | None = None
    """File of recorded replies of a vision-language model. Each line is a JSON object with `source_id`, `task` and
    `reply`, a proposal as described in docs/specialists.md. Required if a task's specialist is `learned` and
    `proposals.source` is `replies`."""
    candidates: int = Field(1, ge=1)
    """Number of edits per proposal, each with another seed; all of them are scored."""
    batch_size: int = Field(4, ge=1)
    """Number of edits per batch; halved when the device runs out of memory."""
    resolution: int = Field(1024, ge=32, le=MAX_RESOLUTION, multiple_of=16)
    """Resolution of the edits: at most about resolution^2 pixels, at the photo's own ratio."""
    steps: int | None = Field(None, ge=1, le=1000)
    """Denoising steps; null takes the number that each model's authors use."""
    inpainting: Literal["fetched", "own"] = "fetched"
    """Model that inpaints holes: the role `inpainting` of config/models.yaml, or a specialist that the run trains on
    its photos as the paper did (see `inpainting`)."""
    compile: bool = False
    """Compile the blocks of the denoising networks with torch.compile, once per image size and batch size."""
    grounding: GroundingConfig = GroundingConfig()


class LocalModelConfig(Section):
    """Vision-language model that each job loads itself."""

    batch_size: int = Field(8, ge=1)
    """Prompts per batch."""
    max_side: int = Field(1024, ge=64)
    """Maximum length in pixels of an image's longer side; larger images are scaled down to it."""
    cache: LocalPath = "cache/vlm"
    """Folder of cached replies; several runs and machines may share it."""


class QuotasConfig(Section):
    """Quotas that keep proposals varied; a proposal beyond a quota is rejected."""

    object: float = Field(0.1, gt=0, le=1)
    """Maximum share of a task's pairs per shard with one kind of object, such as 'dog'."""
    new_object: float = Field(0.05, gt=0, le=1)
    """Maximum share of a task's pairs per shard with one kind of new object, in swaps."""
    attribute: float = Field(0.5, gt=0, le=1)
    """Maximum share of a task's pairs per shard with one attribute, such as 'colour'."""
    value: float = Field(0.1, gt=0, le=1)
    """Maximum share of a task's pairs per shard with one value of an attribute, such as 'blue'."""
    environment: float = Field(0.1, gt=0, le=1)
    """Maximum share of a task's pairs per shard with one environment, such as 'night'."""
    style: float = Field(0.05, gt=0, le=1)
    """Maximum share of a task's pairs per shard with one style, such as 'a pencil sketch'."""


class ProposalsConfig(Section):
    """Source of the edits that learned specialists make, with limits on their number and kind."""

    source: Literal["replies", "api", "local"] = "replies"
    """Source of the proposals: recorded replies (`learned.replies`), a model behind an endpoint (`api`), or the role
    `proposer` of config/models.yaml, which the job loads (`local`)."""
    per_photo: int = Field(2, ge=1, le=8)
    """Number of edits to request per photo and task."""
    tries: int = Field(3, ge=1)
    """Maximum number of attempts per prompt until its complete reply is usable; each retry lists the faults of the last
    reply."""
    spare: float = Field(1.5, ge=1)
    """Number of proposals to collect for each task, as a multiple of the pairs that a shard can use. Quotas, masks and
    failed edits use up the surplus."""
    ask_what_is_meant: bool = False
    """Ask the model which object a paraphrase refers to if it does not name it ("the thing that tells the time"), and
    accept the paraphrase if this is its own object. If false, such a paraphrase is accepted only
    if a clue of omniedit/instructions/clues.yaml names the object."""
    quotas: QuotasConfig = QuotasConfig()
    api: EndpointConfig = EndpointConfig()
    local: LocalModelConfig = LocalModelConfig()

    @property
    def max_side(self) -> int:
        return self.api.max_side if self.source == "api" else self.local.max_side

    @property
    def at_once(self) -> int:
        """Number of photos to process together: twice the number of prompts that the model answers at once, so that no
        slot is idle.
        """
        return 2 * (self.api.concurrency if self.source == "api" else self.local.batch_size)

    @property
    def fingerprint(self) -> str:
        """Return the settings that decide the proposals, as JSON. If they change, new proposals are made; changes of
        pace or budget do not matter.
        """
        of_api = {"url", "model", "request", "max_side"} if self.source == "api" else set()
        of_local = {"max_side"} if self.source == "local" else set()
        named = dict.fromkeys(("source", "per_photo", "tries", "spare", "quotas"), True)
        named |= {"ask_what_is_meant": True} if self.ask_what_is_meant else {}
        return redact(self.model_dump_json(include=named | {"api": of_api, "local": of_local}))

    @model_validator(mode="after")
    def _check_endpoint(self) -> Self:
        if self.source == "api" and not self.api.is_known:
            raise ValueError("source: api needs api.url and api.model")
        return self
