"""Typed config of a run: its keys, their limits and their meaning.

`omniedit.config.loading` checks files against these classes. `python -m omniedit.config.docs` generates the JSON schema
and the table in `config/README.md` from them. Threads, memory and partitions belong to the profile, not here.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from omniedit.architectures import ARCHITECTURES
from omniedit.errors import UserError
from omniedit.redaction import redact
from omniedit.storage.archives import ARCHIVE_SUFFIXES
from omniedit.tasks import Task

POWER_OF_TEN = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d{1,3}")


class Section(BaseModel):
    # use_attribute_docstrings would add 0.3 s to each start of Snakemake; `omniedit.config.docs` reads the docstrings.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _with_powers_of_ten(cls, values: Any) -> Any:
        """Convert text such as 4e-05 to a number: YAML 1.1, which Snakemake reads, requires a point before the e."""
        if not isinstance(values, dict):
            return values
        return {name: _number(value) if _is_float(cls, name) else value for name, value in values.items()}


def _is_float(section: type[BaseModel], key: str) -> bool:
    annotation = section.model_fields[key].annotation if key in section.model_fields else None
    return float in (annotation, *get_args(annotation))


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and POWER_OF_TEN.fullmatch(value) else value


SHIPPED = "shipped"
"""Value that selects the version in the package in place of a role of config/models.yaml or a folder."""
SHIPPED_STUDENT = Path(__file__).parents[1] / "scoring/shipped"
"""Folder of the trained student in the package; benchmarks/student made it, and README.md is its model card."""

# These two are here because Snakemake's own process reads them and loads no image code.
DEFECTS_VERSION = 3
"""Version of the defects that `omniedit.scoring.student.defects` makes. A new version makes other images or
instructions, and the teacher scores them again."""

VIEWS_VERSION = 2
"""Version of the images that `omniedit.scoring.student.inputs` computes. A student only works with the version it was
trained on."""


def _expand_home(path: str) -> str:
    return str(Path(path).expanduser()) if path.startswith("~") else path


LocalPath = Annotated[str, AfterValidator(_expand_home)]
"""Path in which a leading `~` is the user's home folder."""


class SourcesConfig(Section):
    kind: Literal["sample", "folder", "webdataset", "parquet"] = "sample"
    """Format of the photos: the nine sample photos in the package, a folder of your own, WebDataset tar files (as
    img2dataset writes them), or Parquet files that hold the encoded images."""
    path: LocalPath | None = None
    """Folder of jpeg, png, webp and tiff photos, searched recursively. For `webdataset` and `parquet`: an archive, a
    range of archives such as `s3://bucket/laion/{00000..01230}.tar`, or a local folder of archives. A password, key or
    signature in a URL is shown as `***` everywhere; give it in a file, because `ps` shows --config."""
    image_column: str | None = None
    """Column of the source photos, for `parquet`. null takes the first known name, such as `image`, `jpg`, `source_img`
    or `original_image`, else the only column of images."""
    min_pixels: int = Field(1_000_000, ge=4096)
    """Minimum number of pixels (width x height) of a photo after the crop to its ratio; smaller photos are skipped."""
    max_pixels: int = Field(4_000_000, ge=4096)
    """Maximum number of pixels of a photo after the crop; larger photos are scaled down to it. Specialists and judges
    work at this size."""
    ratio_tolerance: float = Field(0.15, ge=0, lt=1)
    """Maximum share of a photo's area that the crop to the nearest of the seven ratios may remove."""
    crop: Literal["centre", "saliency"] = "saliency"
    """Region that the crop keeps: the centre of the photo, or its most salient part."""
    shards: int = Field(1, ge=1, le=100_000)
    """Number of shards over which the photos are distributed. For archives: the number of archives to use, each of
    which is a shard. Every task runs one job per shard."""

    @model_validator(mode="after")
    def _all_but_the_sample_have_a_path(self) -> "SourcesConfig":
        if (self.kind == "sample") != (self.path is None):
            raise ValueError("path is required for every kind except `sample`, which takes none")
        return self

    @model_validator(mode="after")
    def _only_parquet_has_columns(self) -> "SourcesConfig":
        if self.image_column is not None and self.kind != "parquet":
            raise ValueError("image_column is only for kind `parquet`")
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
    """Number of candidate pairs per shard; 0 turns the task off."""
    specialist: Literal["embedded", "learned"] = "embedded"
    """Specialist that makes the pairs: `embedded` is a classical algorithm on the CPU, `learned` uses the paper's
    models (see `learned`)."""


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
    def _areas_leave_room(self) -> "GroundingConfig":
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
    resolution: int = Field(1024, ge=32, multiple_of=16)
    """Resolution of the edits: at most about resolution^2 pixels, at the photo's own ratio."""
    steps: int | None = Field(None, ge=1, le=1000)
    """Denoising steps; null takes the number that each model's authors use."""
    inpainting: Literal["fetched", "own"] = "fetched"
    """Model that inpaints holes: the role `inpainting` of config/models.yaml, or a specialist that the run trains on
    its photos as the paper did (see `inpainting`)."""
    compile: bool = False
    """Compile the blocks of the denoising networks with torch.compile, once per image size and batch size."""
    grounding: GroundingConfig = GroundingConfig()


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
    def learned(self) -> tuple[Task, ...]:
        """Enabled tasks that learned specialists serve."""
        return tuple(task for task in self.enabled if self[task].specialist == "learned")

    @property
    def enabled(self) -> tuple[Task, ...]:
        """Tasks that make at least one pair, in the order of `Task`."""
        return tuple(task for task in Task if self[task].pairs_per_shard)


class StudentConfig(Section):
    """Tiny InternVL that is distilled from the teacher."""

    start: LocalPath | None = None
    """Weights that training starts from: `shipped` is the trained student in the package; a path is the folder of
    another student; null is random weights. A trained student needs a smaller learning rate: 0.001 for the shipped
    one."""
    steps: int = Field(100, ge=1)
    """Optimizer steps."""
    batch_size: int = Field(16, ge=1)
    """Pairs per step."""
    learning_rate: float = Field(2e-3, gt=0, lt=1)
    """Peak learning rate of AdamW."""
    image_size: int = Field(32, ge=32, le=448, multiple_of=16)
    """Image size in pixels per side for a student with random weights; a trained student keeps its own."""
    max_examples: int = Field(8192, ge=1)
    """Maximum number of the teacher's examples to read. Memory grows with it: 18 KB per example at 32 pixels."""
    held_out: float = Field(0.25, gt=0, lt=1)
    """Share of the photos held out from training; their pairs only measure the student's agreement with the teacher."""

    @property
    def start_folder(self) -> Path | None:
        return None if self.start is None else student_folder(self.start)


def student_folder(student: str | Path) -> Path:
    """Return the folder of a trained student; `shipped` is the one in the package."""
    return SHIPPED_STUDENT if str(student) == SHIPPED else Path(student)


class FinetuneConfig(Section):
    """Fine-tuning of a fetched InternVL on the teacher's scores and rationales."""

    model: str | None = None
    """Role in config/models.yaml of the InternVL that is fine-tuned as the student, as in the paper. With null the
    student is the tiny one of `scoring.student` and the other keys have no effect. Tiles are set in
    `scoring.internvl`."""
    method: Literal["full", "lora"] = "lora"
    """Weights to train: `full` trains the language model and the image projector; `lora` trains low-rank adapters
    (LoRA, Hu et al. 2021) of the language model's linear layers and merges them into its weights at the end."""
    lora_rank: int = Field(16, ge=1)
    """Rank of the adapters; their output is scaled by 2."""
    vision: bool = False
    """Train the image encoder too."""
    max_examples: int = Field(350_000, ge=1)
    """Maximum number of the teacher's examples to use."""
    held_out: float = Field(0.01, gt=0, lt=1)
    """Share of the photos held out from training; their pairs only measure the student's agreement with the teacher,
    before and after fine-tuning."""
    epochs: float = Field(1.0, gt=0)
    """Passes over the examples."""
    batch_size: int = Field(128, ge=1)
    """Examples per step, over all ranks together."""
    accumulate: int = Field(1, ge=1)
    """Number of micro-batches into which each rank splits its share of a batch."""
    learning_rate: float = Field(4e-5, gt=0, lt=1)
    """Peak learning rate of AdamW."""
    warmup_steps: int = Field(50, ge=0)
    """Steps over which the learning rate rises from 0, before its cosine decay."""
    zero_stage: Literal[0, 1, 2, 3] = 2
    """DeepSpeed ZeRO stage."""
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Number format of the forward and backward pass. With bfloat16, AdamW also keeps float32 weights."""
    checkpoint_activations: Literal["none", "selective", "all"] = "all"
    """Layers whose activations are recomputed in the backward pass, as in `train.checkpoint_activations`."""
    checkpoint_every: int = Field(200, ge=1)
    """Steps between checkpoints; a killed job loses at most this many."""
    held_out_every: int = Field(200, ge=1)
    """Steps between evaluations of the held-out loss."""

    @property
    def training(self) -> "TrainConfig":
        """Options for the trainer. Examples have equal weight, and the weights themselves are saved, not their EMA."""
        of_batches = ("epochs", "batch_size", "accumulate", "learning_rate", "warmup_steps")
        of_engine = ("zero_stage", "dtype", "checkpoint_activations", "checkpoint_every", "held_out_every")
        own = {name: getattr(self, name) for name in of_batches + of_engine}
        return TrainConfig(**own, importance="equal", ema_decay=0.0, adam_beta2=0.999)

    @model_validator(mode="after")
    def _batch_has_parts(self) -> "FinetuneConfig":
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size {self.batch_size} must be a multiple of accumulate {self.accumulate}")
        return self


REPLY_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens")
"""Fields of a request that limit the number of tokens in its reply."""


def reply_limit(options: dict[str, Any], default: int) -> int | None:
    """Return the largest total number of tokens in the replies to one request; None if nothing limits it.

    Args:
        options: fields of the request; a field that is None is removed.
        default: `max_tokens` of a request without options.
    """
    body = {"max_tokens": default} | dict(options)
    limits = [body[name] for name in REPLY_LIMITS if isinstance(body.get(name), int) and body[name] > 0]
    replies = body.get("n")
    return max(limits) * (replies if isinstance(replies, int) and replies > 0 else 1) if limits else None


class EndpointConfig(Section):
    """Vision-language model behind an OpenAI-compatible chat endpoint."""

    url: str | None = Field(None, pattern=r"^https?://")
    """Base address of the endpoint, such as `https://api.openai.com/v1`."""
    model: str | None = None
    """Name of the model at the endpoint. A dated name, such as `gpt-4o-2024-08-06`, keeps scores reproducible."""
    key_env: str | None = "OPENAI_API_KEY"
    """Environment variable that holds the API key; null if the endpoint needs none."""
    request: dict[str, Any] = {}
    """Additional fields of each request, such as `{max_tokens: null, max_completion_tokens: 2000}`; null removes a
    field."""
    max_side: int = Field(1024, ge=64)
    """Maximum length in pixels of an image's longer side; larger images are scaled down to it."""
    timeout_s: float = Field(120, gt=0)
    """Seconds from a request to the last byte of its reply."""
    tries: int = Field(6, ge=1)
    """Maximum number of attempts per request."""
    concurrency: int = Field(8, ge=1, le=64)
    """Number of concurrent requests per job."""
    requests_per_minute: int | None = Field(None, ge=1)
    """Maximum number of requests per minute and job; null: no limit."""
    tokens_per_minute: int | None = Field(None, ge=1)
    """Maximum number of tokens per minute and job, prompts and replies together; null: no limit."""
    tokens_per_picture: int = Field(1105, ge=1)
    """Tokens per image, for estimates. GPT-4o counts 1,105 for a ratio of 2:3 and 765 for a square."""
    prompt_price: float | None = Field(None, ge=0)
    """Price of a million prompt tokens, in any currency."""
    completion_price: float | None = Field(None, ge=0)
    """Price of a million reply tokens."""
    max_requests: int | None = Field(None, ge=1)
    """Maximum number of requests of the run; it stops before it would send more. null: no limit. Cached replies do not
    count."""
    max_tokens: int | None = Field(None, ge=1)
    """Maximum number of tokens of the run, prompts and replies together; works as `max_requests`."""
    max_money: float | None = Field(None, gt=0)
    """Maximum amount of money that the run may spend at the two prices; works as `max_requests`."""
    cache: LocalPath = "cache/vlm"
    """Folder of cached replies; several runs and machines may share it."""

    @property
    def is_known(self) -> bool:
        """Return whether the address and the model are given."""
        return self.url is not None and self.model is not None

    @model_validator(mode="after")
    def _request_leaves_what_is_asked(self) -> "EndpointConfig":
        if "messages" in self.request:
            raise ValueError("request must not contain messages; the prompt sets them")
        if "model" in self.request and self.model is not None:
            raise ValueError(f"request must not contain model; the key model sets it to {self.model}")
        return self

    @model_validator(mode="after")
    def _money_has_prices(self) -> "EndpointConfig":
        if self.max_money is not None and self.prompt_price is None and self.completion_price is None:
            raise ValueError("max_money needs prompt_price and completion_price, the prices of a million tokens")
        return self

    @model_validator(mode="after")
    def _budgeted_replies_have_a_limit(self) -> "EndpointConfig":
        if (self.max_tokens or self.max_money) and reply_limit(self.request, 1) is None:
            raise ValueError("max_tokens and max_money need a limit on replies, such as request.max_completion_tokens")
        return self


def api_key(config: EndpointConfig) -> str:
    """Return the API key from the environment, or '' if none is needed.

    Raises:
        UserError: the variable is unset or empty, or its value cannot be a key.
    """
    if config.key_env is None:
        return ""
    if not (key := os.environ.get(config.key_env, "").strip()):
        told = f"the environment variable {config.key_env} is unset or empty"
        raise UserError(f"{told}; export the API key, or set key_env (null if the endpoint needs none)")
    if not (key.isascii() and key.isprintable()):
        told = f"the environment variable {config.key_env} contains a character that no API key has"
        raise UserError(f"{told}, such as a typographic quote or a line break; export only the key")
    return key


PROPOSER = "proposer"
"""Role in config/models.yaml of the model that `proposals.source: local` uses."""


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
    """Maximum number of attempts per prompt until its whole reply is usable; each retry lists the faults of the last
    reply."""
    spare: float = Field(1.5, ge=1)
    """Number of proposals to collect for each task, as a multiple of the pairs that a shard can use. Quotas, masks and
    failed edits use up the surplus."""
    quotas: QuotasConfig = QuotasConfig()
    api: EndpointConfig = EndpointConfig()
    local: LocalModelConfig = LocalModelConfig()

    @property
    def max_side(self) -> int:
        return self.api.max_side if self.source == "api" else self.local.max_side

    @property
    def at_once(self) -> int:
        """Number of photos to process together: twice what the model answers at once, so that no slot is idle."""
        return 2 * (self.api.concurrency if self.source == "api" else self.local.batch_size)

    @property
    def asked(self) -> str:
        """Return the settings that decide the proposals, as JSON. Changing them makes new proposals; changing pace or
        budget does not."""
        of_api = {"url", "model", "request", "max_side"} if self.source == "api" else set()
        of_local = {"max_side"} if self.source == "local" else set()
        named = dict.fromkeys(("source", "per_photo", "tries", "spare", "quotas"), True)
        return redact(self.model_dump_json(include=named | {"api": of_api, "local": of_local}))

    @model_validator(mode="after")
    def _api_has_an_endpoint(self) -> "ProposalsConfig":
        if self.source == "api" and not self.api.is_known:
            raise ValueError("source: api needs api.url and api.model")
        return self


class ApiConfig(EndpointConfig):
    """Settings of the judge `api`."""

    rubric: Literal["edit", "viescore_editing"] = "edit"
    """Rubric of the judge: OmniEdit's three scores in one prompt, or VIEScore's two prompts with two scores each."""

    @property
    def asked(self) -> str:
        """Return the settings that decide the scores, as JSON. Changing them scores again; changing pace or budget does
        not."""
        return redact(self.model_dump_json(include={"url", "model", "request", "max_side", "rubric"}))


class InternvlConfig(Section):
    """Settings of the judge `internvl`."""

    model: str = "judge"
    """Role in config/models.yaml of the model that judges."""
    engine: Literal["transformers", "vllm"] = "transformers"
    """Library that runs the model. `vllm` needs an environment of its own, because it requires a particular version of
    torch."""
    max_tiles: int = Field(12, ge=1, le=40)
    """Maximum number of tiles per image (InternVL's own limit is 12); if there are several, one of the whole image is
    added. An InternVL tile of 448 x 448 pixels takes 256 tokens, and cost is proportional to them."""
    batch_size: int = Field(8, ge=1)
    """Pairs per batch; halved when the device runs out of memory. vLLM forms its own batches from these pairs, so give
    it hundreds."""


JudgeName = Literal["reference", "student", "api", "internvl"]


class ScoringConfig(Section):
    judge: JudgeName = "reference"
    """Judge whose scores the filter uses. `reference` measures edits whose truth is known, so it cannot score `learned`
    specialists; `student` is distilled from the teacher; `api` is a model behind an endpoint; `internvl` is a model on
    this machine."""
    teacher: Literal["reference", "api"] | None = "reference"
    """Teacher of the student: `reference` measures edits whose truth is known, so it cannot score `learned`
    specialists; `api` is the model behind `scoring.api`, as in the paper; null trains no student."""
    teacher_defects: int = Field(2, ge=0)
    """Number of known defects to make from each pair that the teacher scores, so that the student also sees bad
    edits."""
    readout: Literal["tokens", "median", "reply"] = "median"
    """Readout of the scores of `student` and `internvl`. `median` is the median score under the probabilities of the
    score tokens, which is 9 or more exactly if 9 or more is likelier than not, as a filter at 9 requires. `tokens` is
    their mean, which is finer but falls below 9 wherever the judge is unsure. `reply` generates the reply with whole
    scores and a rationale, and is many times slower."""
    canary: str | None = "canary"
    """Folder of each judge's first scores of the canary, 36 fixed pairs that each run scores twice to detect a change
    of its judge; null scores no canary."""
    teacher_shards: int | None = Field(None, ge=1)
    """Number of shards, counted from the first, whose pairs the teacher scores for the student; null: all shards."""
    teacher_pairs: int | None = Field(None, ge=1)
    """Maximum number of pairs per task that the teacher scores in these shards, drawn by a hash in equal shares per
    shard. Known defects are made from these pairs only. null: all pairs."""
    student: StudentConfig = StudentConfig()
    finetune: FinetuneConfig = FinetuneConfig()
    internvl: InternvlConfig = InternvlConfig()
    api: ApiConfig = ApiConfig()

    @model_validator(mode="after")
    def _api_has_an_endpoint(self) -> "ScoringConfig":
        for who in ("judge", "teacher"):
            if getattr(self, who) == "api" and not self.api.is_known:
                raise ValueError(f"{who}: api needs api.url and api.model")
        return self


class FilterConfig(Section):
    min_score: float = Field(9.0, ge=0, le=10)
    """Minimum overall score O = sqrt(SC * PQ) of an accepted pair."""


class BucketsConfig(Section):
    base_size: int = Field(1024, ge=64, multiple_of=16)
    """Size of a bucket's images: at least base_size^2 pixels, at one of the seven ratios."""
    pairs_per_zarr_shard: int = Field(4, ge=1)
    """Pairs per Zarr shard, the unit of writing."""
    parts: int = Field(2, ge=1, le=100_000)
    """Number of parallel jobs that write the buckets."""
    codec: Literal["zstd", "filtered", "jpeg"] = "zstd"
    """How images are stored. "zstd" is lossless, and every reader of Zarr reads it; "filtered" is lossless in half the
    space; "jpeg" is visually lossless in a fifth. docs/benchmarks.md has sizes and speeds."""
    grow: bool = False
    """Leave pairs that an earlier run placed where they are, if all of them are still accepted. New pairs follow, and
    Zarr shards that stand are not written again. The order of the pairs then depends on the runs before."""


class BaseConfig(Section):
    """SD3 base that EditNet controls: a trained one, or a small one that the run pre-trains on its photos."""

    model: str | None = None
    """Trained base: `shipped`, the small one in the package, or a role in config/models.yaml. With null the run
    pre-trains a base on its own photos; the other keys of `train.base` apply only then."""
    layers: int = Field(4, ge=1)
    """Number of joint transformer blocks."""
    heads: int = Field(4, ge=1)
    """Number of attention heads."""
    head_dim: int = Field(32, ge=8, multiple_of=8)
    """Width of a head; the model's width is heads x head_dim."""
    patch_size: int = Field(2, ge=1, le=2)
    """Side of an image token in latent pixels."""
    prediction: Literal["velocity", "sample"] = "sample"
    """Prediction of the base: the velocity, as in SD3, or the clean sample, which a narrow base learns sooner."""
    steps: int = Field(240, ge=0)
    """Pre-training steps."""
    batch_size: int = Field(16, ge=1)
    """Images per pre-training step."""
    learning_rate: float = Field(2e-3, gt=0, lt=1)
    """Peak learning rate of pre-training."""

    @model_validator(mode="after")
    def _a_trained_one_is_as_it_is(self) -> "BaseConfig":
        own = {name: value for name, value in self if name != "model"}
        changed = [name for name, value in own.items() if value != BaseConfig.model_fields[name].default]
        if self.model is not None and changed:
            raise ValueError(f"{changed[0]} is for a base that the run pre-trains; set model: null with it")
        return self


if TYPE_CHECKING:
    ArchitectureName = str
else:
    ArchitectureName = Literal[tuple(ARCHITECTURES)]


class TrainConfig(Section):
    model: ArchitectureName = "editnet"
    """Architecture of the editor; each `editnet_*` is EditNet with one open design choice made differently
    (docs/training.md)."""
    ablations: list[ArchitectureName] = []
    """Additional architectures to train and benchmark on the same base, pairs and steps (the paper's Table 7)."""
    resolution: int = Field(128, ge=32, multiple_of=16)
    """Training resolution: images of a bucket are scaled to about resolution^2 pixels at the bucket's ratio."""
    steps: int = Field(200, ge=1)
    """Optimizer steps of EditNet; used if epochs is null."""
    epochs: float | None = Field(None, gt=0)
    """Passes over the training pairs; overrides steps."""
    batch_size: int = Field(16, ge=1)
    """Pairs per step, over all ranks together."""
    accumulate: int = Field(1, ge=1)
    """Number of micro-batches into which each rank splits its share of a batch. A larger number needs less memory and
    takes the same step."""
    learning_rate: float = Field(3e-3, gt=0, lt=1)
    """Peak learning rate of AdamW."""
    warmup_steps: int = Field(20, ge=0)
    """Steps over which the learning rate rises from 0."""
    lr_decay: Literal["cosine", "linear", "constant"] = "cosine"
    """Decay of the learning rate after the warm-up: to a twentieth of its peak at the last step, or none
    (`constant`)."""
    adam_beta2: float = Field(0.99, gt=0, lt=1)
    """Decay of AdamW's second moment: 0.99 for runs of some hundred steps, 0.999 for long ones."""
    sigma_mean: float = 1.0
    """Mean of the logit of the noise level; values above 0 add more noise."""
    sigma_std: float = Field(1.0, gt=0)
    """Standard deviation of the logit of the noise level."""
    sigma_shift: float = Field(1.0, gt=0)
    """Shift of the noise levels towards noise, which larger images need (Esser et al. 2024, eq. 23): 3 at 1024 x 1024;
    1 is no shift."""
    ema_decay: float = Field(0.99, ge=0, lt=1)
    """Decay of the EMA weights, which are evaluated and saved."""
    importance: Literal["equal", "score", "soft"] = "equal"
    """Weight of an accepted pair in the loss: `equal` is 1 (with the filter, the paper's 0 and 1), `score` is O / 10,
    and `soft` is 1 / (1 + exp((soft_score - O) / soft_width)), for a filter.min_score below soft_score."""
    soft_score: float = Field(9.0, ge=0, le=10)
    """Score O at which a pair has half weight, if importance is `soft`."""
    soft_width: float = Field(0.5, gt=0)
    """Width of the transition, if importance is `soft`: a pair this far above soft_score has weight 0.73, and this far
    below 0.27."""
    text_dropout: float = Field(0.05, ge=0, le=1)
    """Share of samples without an instruction but with a condition image (InstructPix2Pix: 0.05)."""
    image_dropout: float = Field(0.05, ge=0, le=1)
    """Share of samples without a condition image but with an instruction."""
    both_dropout: float = Field(0.05, ge=0, le=1)
    """Share of samples with neither."""
    zero_stage: Literal[0, 1, 2, 3] = 2
    """DeepSpeed ZeRO stage."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Number format of the forward and backward pass. With bfloat16, AdamW also keeps float32 weights."""
    checkpoint_activations: Literal["none", "selective", "all"] = "none"
    """Layers whose activations are recomputed in the backward pass instead of kept: none, every other one, or all."""
    compile: bool = False
    """Compile each block with torch.compile, once for each of the seven ratios."""
    attention: Literal["sdpa", "xformers", "flash"] = "sdpa"
    """Attention kernel: torch's own, or that of the package xformers or flash-attn."""
    max_skipped: int = Field(10, ge=1)
    """Number of consecutive skipped steps that stops the job. A step is skipped if its loss or gradient is not finite,
    or if its gradient exceeds 50 times the median of the recent ones. A step whose pairs all have weight 0 is skipped
    too, but not counted."""
    checkpoint_every: int = Field(50, ge=1)
    """Steps between checkpoints; a killed job loses at most this many."""
    held_out_every: int = Field(50, ge=1)
    """Steps between evaluations of the held-out loss."""
    sample_every: int = Field(200, ge=1)
    """Steps between grids of edited held-out pairs for inspection; one more follows the last step."""
    held_out: float = Field(0.1, ge=0, lt=1)
    """Share of accepted pairs held out from training; the held-out loss is computed on them."""
    encode_once: bool = False
    """Encode images and instructions once, in parallel jobs, instead of at each step. At 1024 x 1024 in
    bfloat16, a pair takes 2 MB of disk and, with SD3's encoders, each of its instructions 2.7 MB."""
    wandb: str | None = None
    """Weights & Biases project that also receives the metrics."""
    base: BaseConfig = BaseConfig()

    @property
    def fetched_base(self) -> str | None:
        """Role of config/models.yaml of the base; None if the base ships with the package or is trained in the run."""
        return None if self.base.model == SHIPPED else self.base.model

    @property
    def editors(self) -> tuple[ArchitectureName, ...]:
        """Architectures to train, the run's own editor first."""
        return (self.model, *self.ablations)

    @model_validator(mode="after")
    def _editors_differ(self) -> "TrainConfig":
        if len(set(self.editors)) < len(self.editors):
            raise ValueError(f"ablations {self.ablations} must differ from each other and from model {self.model}")
        return self

    @model_validator(mode="after")
    def _options_go_together(self) -> "TrainConfig":
        if self.compile and self.zero_stage == 3:
            raise ValueError("compile does not work with zero_stage 3, which gathers weights on demand; use 0, 1 or 2")
        if self.attention == "flash" and self.dtype != "bfloat16":
            raise ValueError("attention flash computes only in bfloat16; set dtype: bfloat16")
        return self

    @model_validator(mode="after")
    def _batch_has_parts(self) -> "TrainConfig":
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size {self.batch_size} must be a multiple of accumulate {self.accumulate}")
        return self

    @model_validator(mode="after")
    def _dropouts_fit(self) -> "TrainConfig":
        if self.text_dropout + self.image_dropout + self.both_dropout > 1:
            raise ValueError("text_dropout + image_dropout + both_dropout must not exceed 1")
        return self


class HolesConfig(Section):
    """Shares of the kinds of holes that the inpainting specialist is trained on; they need not add up to 1."""

    random: float = Field(0.4, ge=0)
    """Share of strokes of a broad brush."""
    box: float = Field(0.2, ge=0)
    """Share of boxes."""
    object: float = Field(0.4, ge=0)
    """Share of outlines of the photo's objects, or of everything but the object; boxes if the photo has no object."""

    @model_validator(mode="after")
    def _some_kind(self) -> "HolesConfig":
        if not self.random + self.box + self.object:
            raise ValueError("at least one of random, box and object must be greater than 0")
        return self


class InpaintingConfig(Section):
    """Inpainting specialist that the run trains if `learned.inpainting` is `own`: a branch over `train.base` at
    `train.resolution`. Settings that are missing here are those of `train`."""

    shards: int | None = Field(None, ge=1)
    """Number of shards, counted from the first, whose photos the specialist is trained on; null: all shards."""
    steps: int = Field(200, ge=1)
    """Optimizer steps."""
    batch_size: int = Field(16, ge=1)
    """Photos per step, over all ranks together."""
    learning_rate: float = Field(3e-3, gt=0, lt=1)
    """Peak learning rate of AdamW."""
    holes: HolesConfig = HolesConfig()

    def options(self, train: TrainConfig) -> TrainConfig:
        """Return its training options, based on those of the editor."""
        own = {name: getattr(self, name) for name in ("steps", "batch_size", "learning_rate")}
        # The editor's architecture and data options do not affect this model.
        other: dict[str, Any] = {"model": "editnet", "ablations": [], "encode_once": False, "epochs": None}
        return train.model_copy(update=other | own)


class BenchConfig(Section):
    judge: JudgeName = "reference"
    """Judge of the benchmark, with the settings in `scoring`. The table warns if it equals `scoring.judge`, because the
    judge that filtered the training data is not an independent measure."""
    photos: int = Field(2, ge=1)
    """Number of photos held out for the benchmark; nothing else uses them."""
    pairs_per_task: int = Field(4, ge=1)
    """Benchmark edits per task."""
    steps: int = Field(20, ge=1, le=1000)
    """Sampling steps of the editor."""
    guidance_text: float = Field(1.0, ge=0)
    """Guidance scale of the instruction."""
    guidance_image: float = Field(1.5, ge=0)
    """Guidance scale of the source image."""


class ModelsConfig(Section):
    roles: list[str] = []
    """Roles of config/models.yaml whose models `snakemake fetch_models` fetches."""


class Config(Section):
    run: str = Field("mini", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)
    """Name of the run; its results are in results/{run}/."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Seed of every random choice in the run."""
    sources: SourcesConfig = SourcesConfig()
    tasks: TasksConfig = TasksConfig()
    proposals: ProposalsConfig = ProposalsConfig()
    learned: LearnedConfig = LearnedConfig()
    inpainting: InpaintingConfig = InpaintingConfig()
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

    @model_validator(mode="after")
    def _batches_have_parts(self) -> "Config":
        if self.inpainting.batch_size % self.train.accumulate:
            size = self.inpainting.batch_size
            raise ValueError(
                f"inpainting.batch_size {size} must be a multiple of train.accumulate {self.train.accumulate}"
            )
        return self

    @property
    def judges(self) -> dict[str, str | None]:
        """Judge of each key that names one."""
        return {
            "scoring.judge": self.scoring.judge,
            "scoring.teacher": self.scoring.teacher,
            "bench.judge": self.bench.judge,
        }

    @property
    def trains_student(self) -> bool:
        return self.scoring.teacher is not None

    @model_validator(mode="after")
    def _judges_fit(self) -> "Config":
        if self.bench.judge == "api" and not self.scoring.api.is_known:
            raise ValueError("bench.judge: api needs scoring.api.url and scoring.api.model")
        for key, judge in self.judges.items():
            if judge == "student" and not self.trains_student:
                raise ValueError(f"{key}: student needs a scoring.teacher: reference or api")
        return self

    @model_validator(mode="after")
    def _no_learned_pair_is_measured(self) -> "Config":
        """Check that no learned pair is scored by the reference judge, which needs the truth of an edit: a learned
        specialist only knows the instruction."""
        if not self.tasks.learned:
            return self
        remedies = {"scoring.teacher": "api, or null for no student"}
        for key, judge in self.judges.items():
            if judge == "reference":
                remedy = remedies.get(key, "api, internvl or student")
                raise ValueError(
                    f"{key}: reference cannot score the pairs of learned specialists"
                    f" (tasks.{self.tasks.learned[0]}.specialist); give {remedy}"
                )
        return self

    @model_validator(mode="after")
    def _learned_tasks_have_proposals(self) -> "Config":
        if self.tasks.learned and self.proposals.source == "replies" and self.learned.replies is None:
            needed = "learned.replies is needed, or another proposals.source"
            raise ValueError(f"{needed}, since tasks.{self.tasks.learned[0]}.specialist is learned")
        return self
