"""The typed config of a run: its keys, their limits and what each means.

`config/config.yaml` is checked against these classes, `workflow/schemas/config.schema.json` and the table in
`config/README.md` are generated from them (`python -m omniedit.config`). No threads, memory or partitions here: those
belong to the profile.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from omniedit.archives import ARCHIVE_SUFFIXES, list_archives
from omniedit.errors import UserError
from omniedit.tasks import Task


class Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class SourcesConfig(Section):
    kind: Literal["sample", "folder", "webdataset", "parquet"] = "sample"
    """Where photos come from: the nine photos shipped with the package, a folder of your own, tars in WebDataset's
    layout (img2dataset's), or Parquet files with the pictures' bytes."""
    path: str | None = None
    """A folder of jpeg, png, webp and tiff photos, nested as you like. For `webdataset` and `parquet`: an archive, a
    range of them such as `s3://bucket/laion/{00000..01230}.tar`, or a local folder that holds them."""
    min_pixels: int = Field(1_000_000, ge=4096)
    """Fewest pixels (width x height) a photo must have after the crop to its ratio."""
    max_pixels: int = Field(4_000_000, ge=4096)
    """A photo with more pixels after the crop is scaled down to so many: what specialists edit and judges see."""
    ratio_tolerance: float = Field(0.15, ge=0, lt=1)
    """Largest share of a photo's area that the crop to the nearest of the seven ratios may cut away."""
    crop: Literal["centre", "saliency"] = "saliency"
    """What the crop keeps in view: the middle, or what is salient."""
    shards: int = Field(1, ge=1, le=100_000)
    """Into how many shards the photos are dealt, or how many archives are used, each of which is a shard. Each shard
    is a job of its own for every task."""

    @model_validator(mode="after")
    def _all_but_the_sample_have_a_path(self) -> "SourcesConfig":
        if (self.kind == "sample") != (self.path is None):
            raise ValueError("path is needed for every kind but `sample`, and not for that")
        return self

    @property
    def are_archives(self) -> bool:
        return self.kind in ARCHIVE_SUFFIXES

    @model_validator(mode="after")
    def _limits_fit(self) -> "SourcesConfig":
        if self.max_pixels < self.min_pixels:
            raise ValueError(f"max_pixels {self.max_pixels} must not be less than min_pixels {self.min_pixels}")
        return self


class TaskConfig(Section):
    pairs_per_shard: int = Field(8, ge=0)
    """Candidate pairs to make for each shard; 0 turns the task off."""
    specialist: Literal["embedded", "learned"] = "embedded"
    """Which specialist makes them: classical ones on a CPU, or the paper's learned models (planned, not built yet)."""


class TasksConfig(Section):
    object_swap: TaskConfig = TaskConfig()
    object_removal: TaskConfig = TaskConfig()
    object_addition: TaskConfig = TaskConfig()
    attribute_modification: TaskConfig = TaskConfig()
    background_swap: TaskConfig = TaskConfig()
    environment_change: TaskConfig = TaskConfig()
    style_transfer: TaskConfig = TaskConfig()

    def __getitem__(self, task: Task) -> TaskConfig:
        return getattr(self, task.value)

    @property
    def enabled(self) -> tuple[Task, ...]:
        """The tasks that make at least one pair, in the order of `Task`."""
        return tuple(task for task in Task if self[task].pairs_per_shard)


class StudentConfig(Section):
    """The tiny InternVL that learns to judge as the teacher does."""

    steps: int = Field(100, ge=1)
    """Optimizer steps."""
    batch_size: int = Field(16, ge=1)
    """Pairs a step."""
    learning_rate: float = Field(2e-3, gt=0, lt=1)
    """Peak learning rate of AdamW."""
    image_size: int = Field(32, ge=32, le=448, multiple_of=16)
    """Side in pixels at which the student sees a picture."""
    max_examples: int = Field(8192, ge=1)
    """At most so many of the teacher's examples are read; memory grows with them (12 KB each at 32 pixels)."""
    held_out: float = Field(0.25, gt=0, lt=1)
    """Share of the photos whose pairs only measure the student's agreement with the teacher."""


class ScoringConfig(Section):
    judge: Literal["reference", "student", "internvl"] = "reference"
    """Who gives the scores that the filter uses; `reference` is also the teacher of `student`;
    `internvl` is planned, not built yet."""
    teacher_shards: int | None = Field(None, ge=1)
    """So many shards' pairs, the first ones', are scored by the teacher for the student; null: those of all."""
    student: StudentConfig = StudentConfig()


class FilterConfig(Section):
    min_score: float = Field(9.0, ge=0, le=10)
    """Smallest overall score O = sqrt(SC * PQ) of a pair that is kept."""


class BucketsConfig(Section):
    base_size: int = Field(1024, ge=64, multiple_of=16)
    """Each bucket's pictures have at least base_size^2 pixels, at one of the seven ratios."""
    pairs_per_zarr_shard: int = Field(4, ge=1)
    """Pairs in one Zarr shard, the unit of writing."""
    parts: int = Field(2, ge=1, le=100_000)
    """How many jobs write the buckets, side by side."""


class BaseConfig(Section):
    """The SD3 base that EditNet controls: a small one, pre-trained in the run on the source photos and captions."""

    model: str | None = None
    """Role in config/models.yaml of a trained SD3 to take instead (planned, not built yet)."""
    layers: int = Field(4, ge=1)
    """Joint transformer blocks."""
    heads: int = Field(4, ge=1)
    """Attention heads."""
    head_dim: int = Field(32, ge=8, multiple_of=8)
    """Width of a head; the model's width is heads x head_dim."""
    patch_size: int = Field(2, ge=1, le=2)
    """Latent pixels on a side of one image token."""
    prediction: Literal["velocity", "sample"] = "sample"
    """What the base predicts: the velocity as SD3 does, or the clean sample, which a narrow one learns sooner."""
    steps: int = Field(240, ge=0)
    """Pre-training steps."""
    batch_size: int = Field(16, ge=1)
    """Pictures a pre-training step."""
    learning_rate: float = Field(2e-3, gt=0, lt=1)
    """Peak learning rate of pre-training."""


class TrainConfig(Section):
    model: Literal["editnet"] = "editnet"
    """Architecture of the editor."""
    resolution: int = Field(128, ge=32, multiple_of=16)
    """Pictures are scaled from their bucket to about resolution^2 pixels at the bucket's ratio."""
    steps: int = Field(200, ge=1)
    """Optimizer steps of EditNet, where epochs is null."""
    epochs: float | None = Field(None, gt=0)
    """Passes over the training pairs; takes the place of steps."""
    batch_size: int = Field(16, ge=1)
    """Pairs a step, over all ranks together."""
    learning_rate: float = Field(3e-3, gt=0, lt=1)
    """Peak learning rate of AdamW."""
    warmup_steps: int = Field(20, ge=0)
    """Steps over which the learning rate rises from 0."""
    sigma_mean: float = 1.0
    """Mean of the logit of the noise level; above 0 there is more noise."""
    sigma_std: float = Field(1.0, gt=0)
    """Standard deviation of the logit of the noise level."""
    ema_decay: float = Field(0.99, ge=0, lt=1)
    """Share of the mean of the weights that a step keeps; the mean is what is tested and shipped."""
    text_dropout: float = Field(0.05, ge=0, le=1)
    """Share of samples whose instruction alone is dropped (InstructPix2Pix: 0.05)."""
    image_dropout: float = Field(0.05, ge=0, le=1)
    """Share of samples whose condition picture alone is dropped."""
    both_dropout: float = Field(0.05, ge=0, le=1)
    """Share of samples in which both are dropped."""
    zero_stage: Literal[0, 1, 2] = 2
    """DeepSpeed ZeRO stage."""
    checkpoint_every: int = Field(50, ge=1)
    """Steps between checkpoints; a killed job loses at most these."""
    held_out_every: int = Field(50, ge=1)
    """Steps between measurements of the held-out loss."""
    held_out: float = Field(0.1, ge=0, lt=1)
    """Share of kept pairs that training never sees; their loss is the held-out loss."""
    base: BaseConfig = BaseConfig()

    @model_validator(mode="after")
    def _dropouts_fit(self) -> "TrainConfig":
        if self.text_dropout + self.image_dropout + self.both_dropout > 1:
            raise ValueError("text_dropout + image_dropout + both_dropout must not exceed 1")
        return self


class BenchConfig(Section):
    photos: int = Field(2, ge=1)
    """Photos held out from everything else, edited only by the benchmark."""
    pairs_per_task: int = Field(4, ge=1)
    """Benchmark edits a task."""
    steps: int = Field(20, ge=1, le=1000)
    """Sampling steps of the editor."""
    guidance_text: float = Field(1.0, ge=0)
    """Guidance scale of the instruction."""
    guidance_image: float = Field(1.5, ge=0)
    """Guidance scale of the source picture."""


class ModelsConfig(Section):
    roles: list[str] = []
    """Roles of config/models.yaml whose models `snakemake fetch_models` fetches."""


class Config(Section):
    run: str = Field("mini", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """Name of the run: results go to results/{run}/."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Every random choice of the run follows from it."""
    sources: SourcesConfig = SourcesConfig()
    tasks: TasksConfig = TasksConfig()
    scoring: ScoringConfig = ScoringConfig()
    filter: FilterConfig = FilterConfig()
    buckets: BucketsConfig = BucketsConfig()
    train: TrainConfig = TrainConfig()
    bench: BenchConfig = BenchConfig()
    models: ModelsConfig = ModelsConfig()

    @model_validator(mode="after")
    def _some_task(self) -> "Config":
        if not self.tasks.enabled:
            raise ValueError("tasks: every task has pairs_per_shard 0; at least one must make pairs")
        return self


def load(path: str | Path) -> Config:
    """The config in one YAML file.

    Raises:
        UserError: one line with the file, the key, what was wrong and what is allowed.
    """
    return check(read_yaml(path), [path])


def not_built(config: Config) -> list[str]:
    """What a config asks for and this release only plans: it can be checked and dry-run, not run."""
    learned = [f"tasks.{task}.specialist: learned" for task in Task if config.tasks[task].specialist == "learned"]
    judge = ["scoring.judge: internvl"] if config.scoring.judge == "internvl" else []
    base = [f"train.base.model: {config.train.base.model}"] if config.train.base.model else []
    return learned + judge + base


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML forbids a second value for a key; PyYAML takes the last one in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for number, key in enumerate(keys):
            if any((key.tag, key.value) == (other.tag, other.value) for other in keys[:number]):
                raise yaml.MarkedYAMLError(problem=f"the key '{key.value}' is given twice", problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The keys of a YAML file.

    Raises:
        UserError: it is missing, cannot be read, is empty, no YAML or no mapping, or gives a key twice.
    """
    try:
        values = yaml.load(Path(path).read_text(encoding="utf-8"), _UniqueKeyLoader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such config file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
        raise UserError(f"{path}: not valid YAML: {problem}") from None
    if values is None:
        raise UserError(f"{path}: holds no key; give at least one, or leave the file out")
    if not isinstance(values, dict):
        raise UserError(f"{path}: a config is a mapping of keys to values, found {type(values).__name__}")
    return values


def check(
    values: Mapping[str, Any], files: Sequence[str | Path] = (), overrides: Mapping[str, Any] | None = None
) -> Config:
    """Typed config of merged `values`.

    Args:
        values: the files' keys merged, the last file winning, `overrides` included.
        files: where the values came from, in that order.
        overrides: what the command line's --config gave; Snakemake leaves its nested values as text, which is read as
            YAML here.

    Raises:
        UserError: one line with the file, the key, what was wrong and what is allowed.
    """
    overrides = overrides or {}
    for file in files:
        read_yaml(file)  # Snakemake, which merged them, lets a key that is given twice pass
    try:
        config = Config.model_validate(_with_typed(values, overrides))
    except ValidationError as error:
        raise UserError(_one_line(error, files, overrides)) from None
    try:
        _check_path(config.sources)
    except UserError as error:
        raise UserError(f"{origin('sources.path', files, overrides)}: sources.path: {error}") from None
    return config


def _check_path(sources: SourcesConfig) -> None:
    """Look for what `sources.path` names, as far as this machine can tell without reading it."""
    if sources.path is not None and sources.are_archives:
        list_archives(sources.path, sources.kind, sources.shards)
    elif sources.path is not None and not Path(sources.path).is_dir():
        raise UserError(f"'{sources.path}' is no folder; give one of jpeg, png, webp or tiff photos")


def _with_typed(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    typed = dict(values)
    for key, value in overrides.items():
        if isinstance(value, Mapping) and isinstance(typed.get(key), Mapping):
            typed[key] = _with_typed(typed[key], value)
        elif isinstance(value, str):
            typed[key] = _as_yaml(value)
    return typed


def _as_yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _one_line(error: ValidationError, files: Sequence[str | Path], overrides: Mapping[str, Any]) -> str:
    problem = error.errors()[0]
    key = tuple(str(part) for part in problem["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    where = ": ".join(filter(None, [origin(".".join(key), files, overrides), ".".join(key)]))
    if problem["type"] == "extra_forbidden":
        section = _section(key[:-1])
        allowed = f"allowed here: {', '.join(section.model_fields)}" if section else "remove it"
        return f"{where}: unknown key; {allowed}{more}"
    if problem["type"] == "value_error":
        return f"{where}: {problem['msg'].removeprefix('Value error, ')}{more}"
    return f"{where}: {json.dumps(problem['input'], default=str)} is not allowed; {_allowed(problem)}{more}"


def _allowed(problem: Mapping[str, Any]) -> str:
    text = problem["msg"].removeprefix("Input should be ")
    if problem["type"] == "model_type":
        return "allowed: a mapping of keys to values"
    if problem["type"] == "string_pattern_mismatch":
        return "allowed: letters, digits, '_', '.' and '-', a letter or digit first"
    return f"allowed: {text}"


def _section(key: Sequence[str]) -> type[BaseModel] | None:
    model: type[BaseModel] = Config
    for part in key:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return None
        model = annotation
    return model


def origin(key: str, files: Sequence[str | Path] = (), overrides: Mapping[str, Any] | None = None) -> str:
    """What sets `key`, or else its nearest parent: '--config', or the last of `files` that does.

    Args:
        key: with dots, as in 'train.steps'.
    """
    parts = key.split(".")
    sources = [("--config", overrides or {}), *((str(path), read_yaml(path)) for path in reversed(files))]
    for depth in range(len(parts), 0, -1):
        for name, values in sources:
            if _has(values, parts[:depth]):
                return name
    return str(files[-1]) if files else "config"


def _has(values: Any, key: Sequence[str]) -> bool:
    for part in key:
        if not isinstance(values, Mapping) or part not in values:
            return False
        values = values[part]
    return True


def schema() -> str:
    """The JSON schema of a config file, as stored in workflow/schemas/config.schema.json."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


def key_table(model: type[BaseModel] = Config, prefix: str = "") -> list[str]:
    """Rows of the Markdown table of keys in config/README.md."""
    rows = []
    for name, info in model.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation is not TaskConfig:
                rows += key_table(annotation, f"{prefix}{name}.")
            elif name == Task.OBJECT_SWAP:
                rows += key_table(annotation, f"{prefix}<task>.")
            continue
        properties = model.model_json_schema()["properties"][name]
        meaning = " ".join((info.description or "").split())
        rows.append(f"| `{prefix}{name}` | {_type_text(properties)} | `{json.dumps(info.default)}` | {meaning} |")
    return rows


def _type_text(properties: Mapping[str, Any]) -> str:
    if "anyOf" in properties:
        return " or ".join(_type_text(option) for option in properties["anyOf"])
    if "enum" in properties:
        return ", ".join(f"`{value}`" for value in properties["enum"])
    if "const" in properties:
        return f"`{properties['const']}`"
    if properties["type"] == "array":
        return f"list of {_type_text(properties['items'])}"
    limits = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {properties[limit]}" for limit, sign in limits.items() if limit in properties]
    if "multipleOf" in properties:
        bounds.append(f"multiple of {properties['multipleOf']}")
    return " ".join([properties["type"], ", ".join(bounds)]).strip()


SCHEMA_PATH = Path("workflow/schemas/config.schema.json")
README_PATH = Path("config/README.md")
_TABLE_START, _TABLE_END = "<!-- keys: generated by `python -m omniedit.config` -->", "<!-- end of keys -->"


def readme_with_table(text: str) -> str:
    """config/README.md's text with its table of keys made anew."""
    before, rest = text.split(_TABLE_START)
    _, after = rest.split(_TABLE_END)
    table = "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *key_table()])
    return f"{before}{_TABLE_START}\n{table}\n{_TABLE_END}{after}"


if __name__ == "__main__":
    SCHEMA_PATH.write_text(schema())
    README_PATH.write_text(readme_with_table(README_PATH.read_text()))
