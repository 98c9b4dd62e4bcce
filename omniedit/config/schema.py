"""The typed config of a run: its keys, their limits and what each means.

`omniedit.config.loading` checks files against these classes; `python -m omniedit.config.docs` generates the JSON schema
and the table in `config/README.md` from them. Threads, memory and partitions belong to the profile, not here.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from omniedit.errors import UserError
from omniedit.redaction import redact
from omniedit.storage.archives import ARCHIVE_SUFFIXES
from omniedit.tasks import Task

POWER_OF_TEN = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d{1,3}")


class Section(BaseModel):
    # Not use_attribute_docstrings: 0.3 s of each start of Snakemake. `omniedit.config.docs` reads the docstrings.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _with_powers_of_ten(cls, values: Any) -> Any:
        """YAML 1.1, which Snakemake reads, takes 4e-05 for a text: it asks for a point before the e."""
        if not isinstance(values, dict):
            return values
        return {name: _number(value) if _is_float(cls, name) else value for name, value in values.items()}


def _is_float(section: type[BaseModel], key: str) -> bool:
    annotation = section.model_fields[key].annotation if key in section.model_fields else None
    return float in (annotation, *get_args(annotation))


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and POWER_OF_TEN.fullmatch(value) else value


SHIPPED = "shipped"
"""What comes with the package, in the place of a role of config/models.yaml or a folder."""
SHIPPED_STUDENT = Path(__file__).parents[1] / "scoring/student/shipped"
"""A student that has judged before: made by benchmarks/student, README.md is its card."""

# Here, since Snakemake's own process reads these two and loads no code of pictures.
DEFECTS_VERSION = 3
"""Version of the defects that `omniedit.scoring.student.defects` makes: a new one gives other images or requests,
and the teacher scores them again."""

VIEWS_VERSION = 2
"""Version of the images that `omniedit.scoring.student.inputs` computes: a student understands those it learnt from."""


def _expand_home(path: str) -> str:
    return str(Path(path).expanduser()) if path.startswith("~") else path


LocalPath = Annotated[str, AfterValidator(_expand_home)]
"""A path; a `~` at its beginning is the user's home folder."""


class SourcesConfig(Section):
    kind: Literal["sample", "folder", "webdataset", "parquet"] = "sample"
    """Where photos come from: the nine photos shipped with the package, a folder of your own, tars in WebDataset's
    layout (img2dataset's), or Parquet files with the pictures' bytes."""
    path: LocalPath | None = None
    """A folder of jpeg, png, webp and tiff photos, nested as you like. For `webdataset` and `parquet`: an archive, a
    range of them such as `s3://bucket/laion/{00000..01230}.tar`, or a local folder that holds them. A password, key or
    signature in a URL is shown as `***` everywhere; give it in a file, since `ps` shows --config."""
    image_column: str | None = None
    """For `parquet`: the column of the source photos; null takes the first of the known names, such as `image`, `jpg`,
    `source_img` or `original_image`, else the only column of images."""
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

    @model_validator(mode="after")
    def _only_parquet_has_columns(self) -> "SourcesConfig":
        if self.image_column is not None and self.kind != "parquet":
            raise ValueError("image_column is for kind `parquet` alone")
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
    """Which specialist makes them: classical ones on a CPU, or the paper's learned models, for which see `learned`."""


class GroundingConfig(Section):
    """What learned specialists take for found."""

    box_threshold: float = Field(0.35, ge=0, le=1)
    """Smallest score of a box: the largest probability that it fits one of the phrase's words."""
    text_threshold: float = Field(0.25, ge=0, le=1)
    """Smallest probability at which a word is one that a box fits; a box needs one."""
    min_area: float = Field(0.002, ge=0, le=1)
    """Share of the picture that a mask covers at least."""
    max_area: float = Field(0.7, ge=0, le=1)
    """Share of the picture that a mask covers at most."""
    dilation: float = Field(0.08, ge=0, le=1)
    """By how much of its own size an object's mask grows where it is painted over: its rim and the nearest of its
    shadow go with it."""
    rim: float = Field(0.05, ge=0, le=1)
    """By how much of its own size the mask of an attribute's object grows: the edit's own outline differs a little."""

    @model_validator(mode="after")
    def _areas_leave_room(self) -> "GroundingConfig":
        if self.min_area >= self.max_area:
            raise ValueError(f"min_area {self.min_area} must be less than max_area {self.max_area}")
        return self


class LearnedConfig(Section):
    """What the learned specialists of all tasks have in common."""

    replies: LocalPath | None = None
    """Recorded replies of a vision-language model: JSON objects, one a line, with `source_id`, `task` and `reply`, its
    proposal as docs/learned_specialists.md says. Needed where a task's specialist is `learned` and `proposals.source`
    is `replies`."""
    candidates: int = Field(1, ge=1)
    """How often each proposal is edited, each time with another seed; all are kept for scoring."""
    batch_size: int = Field(4, ge=1)
    """Edits made at once; halved where the device's memory does not last."""
    resolution: int = Field(1024, ge=32, multiple_of=16)
    """Pictures are painted at no more than about resolution^2 pixels, at their own ratio."""
    steps: int | None = Field(None, ge=1, le=1000)
    """Denoising steps; null: as many as each model's authors take."""
    inpainting: Literal["fetched", "own"] = "fetched"
    """What paints holes: the role `inpainting` of config/models.yaml, or a specialist that the run trains on its photos
    as the paper did, for which see `inpainting`."""
    compile: bool = False
    """torch.compile for the blocks of the networks that denoise, once for each size of pictures and of batches."""
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
        """Those of the enabled tasks that learned models serve."""
        return tuple(task for task in self.enabled if self[task].specialist == "learned")

    @property
    def enabled(self) -> tuple[Task, ...]:
        """The tasks that make at least one pair, in the order of `Task`."""
        return tuple(task for task in Task if self[task].pairs_per_shard)


class StudentConfig(Section):
    """The tiny InternVL that learns to judge as the teacher does."""

    start: LocalPath | None = None
    """What training starts from: `shipped`, the student in the package, which has judged before, or the folder of
    another; null: random weights. One that is given wants a smaller learning rate, 0.001 the one that ships."""
    steps: int = Field(100, ge=1)
    """Optimizer steps."""
    batch_size: int = Field(16, ge=1)
    """Pairs a step."""
    learning_rate: float = Field(2e-3, gt=0, lt=1)
    """Peak learning rate of AdamW."""
    image_size: int = Field(32, ge=32, le=448, multiple_of=16)
    """Side in pixels at which a student of random weights sees a picture; one that is given has its own."""
    max_examples: int = Field(8192, ge=1)
    """At most so many of the teacher's examples are read; memory grows with them (18 KB each at 32 pixels)."""
    held_out: float = Field(0.25, gt=0, lt=1)
    """Share of the photos whose pairs only measure the student's agreement with the teacher."""

    @property
    def start_folder(self) -> Path | None:
        return None if self.start is None else student_folder(self.start)


def student_folder(student: str | Path) -> Path:
    """Of a trained student: the one that ships for `shipped`."""
    return SHIPPED_STUDENT if str(student) == SHIPPED else Path(student)


class FinetuneConfig(Section):
    """Fine-tuning of a fetched InternVL on the teacher's answers: its scores and rationales."""

    model: str | None = None
    """Role in config/models.yaml of the InternVL that is fine-tuned to be the student, as the paper does; null: the
    student is the tiny one of `scoring.student`, and the other keys mean nothing. Tiles are those of
    `scoring.internvl`."""
    method: Literal["full", "lora"] = "lora"
    """What is trained: the language model and the projector of pictures, or low-rank adapters (LoRA, Hu et al. 2021) of
    the language model's linear layers, which are merged into its weights at the end."""
    lora_rank: int = Field(16, ge=1)
    """Rank of the adapters; what they add is scaled by 2."""
    vision: bool = False
    """The encoder of pictures is trained too."""
    max_examples: int = Field(350_000, ge=1)
    """At most so many of the teacher's examples are used."""
    held_out: float = Field(0.01, gt=0, lt=1)
    """Share of the photos whose pairs only measure the student's agreement with the teacher, before and after."""
    epochs: float = Field(1.0, gt=0)
    """Passes over the examples."""
    batch_size: int = Field(128, ge=1)
    """Examples a step, over all ranks together."""
    accumulate: int = Field(1, ge=1)
    """Parts in which each rank computes its share of a batch, one after another."""
    learning_rate: float = Field(4e-5, gt=0, lt=1)
    """Peak learning rate of AdamW."""
    warmup_steps: int = Field(50, ge=0)
    """Steps over which the learning rate rises from 0; then it falls by a cosine."""
    zero_stage: Literal[0, 1, 2, 3] = 2
    """DeepSpeed ZeRO stage."""
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """What the network computes in; AdamW keeps float32 weights beside those in bfloat16."""
    checkpoint_activations: Literal["none", "selective", "all"] = "all"
    """Layers whose activations are computed again for the backward pass, as `train.checkpoint_activations`."""
    checkpoint_every: int = Field(200, ge=1)
    """Steps between checkpoints; a killed job loses at most these."""
    held_out_every: int = Field(200, ge=1)
    """Steps between measurements of the held-out loss."""

    @property
    def training(self) -> "TrainConfig":
        """What the trainer is told. Examples weigh alike, and the weights themselves are kept, not their mean."""
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
"""Fields of a request that bound the tokens of its reply."""


def reply_limit(options: dict[str, Any], default: int) -> int | None:
    """Return the most tokens that the replies to one request have together; None where nothing bounds them.

    Args:
        options: fields of the request, of which None takes one out.
        default: `max_tokens` of a request without options.
    """
    body = {"max_tokens": default} | dict(options)
    limits = [body[name] for name in REPLY_LIMITS if isinstance(body.get(name), int) and body[name] > 0]
    replies = body.get("n")
    return max(limits) * (replies if isinstance(replies, int) and replies > 0 else 1) if limits else None


class EndpointConfig(Section):
    """A vision-language model behind a chat endpoint of OpenAI's kind."""

    url: str | None = Field(None, pattern=r"^https?://")
    """Base address of the endpoint, such as `https://api.openai.com/v1`."""
    model: str | None = None
    """The model, by the endpoint's name for it; a dated one, such as `gpt-4o-2024-08-06`, judges alike tomorrow."""
    key_env: str | None = "OPENAI_API_KEY"
    """Environment variable that holds the API key; null: the endpoint needs none."""
    request: dict[str, Any] = {}
    """More fields of each request, such as `{max_tokens: null, max_completion_tokens: 2000}`; null takes one out."""
    max_side: int = Field(1024, ge=64)
    """Pictures are scaled down until their longer side has at most so many pixels."""
    timeout_s: float = Field(120, gt=0)
    """Seconds from a request to the last byte of its reply."""
    tries: int = Field(6, ge=1)
    """How often a request is sent until it is answered."""
    concurrency: int = Field(8, ge=1, le=64)
    """Requests under way at once, in a job."""
    requests_per_minute: int | None = Field(None, ge=1)
    """Of a job at most; null: no limit."""
    tokens_per_minute: int | None = Field(None, ge=1)
    """As `requests_per_minute`, prompt and reply together."""
    tokens_per_picture: int = Field(1105, ge=1)
    """What a picture is thought to count, for estimates: GPT-4o takes 1,105 for 2:3 and 765 for a square."""
    prompt_price: float | None = Field(None, ge=0)
    """Money for a million tokens of prompts, in any currency."""
    completion_price: float | None = Field(None, ge=0)
    """Money for a million tokens of replies."""
    max_requests: int | None = Field(None, ge=1)
    """The run ends before it sends more requests than this; null: no limit. Replies in the cache count nothing."""
    max_tokens: int | None = Field(None, ge=1)
    """As `max_requests`, of tokens, prompts and replies together."""
    max_money: float | None = Field(None, gt=0)
    """As `max_requests`, of money by the two prices."""
    cache: LocalPath = "cache/vlm"
    """Folder where replies are kept; runs and machines may share it."""

    @property
    def is_known(self) -> bool:
        """Whether the address and the model are given."""
        return self.url is not None and self.model is not None

    @model_validator(mode="after")
    def _request_leaves_what_is_asked(self) -> "EndpointConfig":
        if "messages" in self.request:
            raise ValueError("request must not hold messages: they are the question")
        if "model" in self.request and self.model is not None:
            raise ValueError(f"request must not hold model: it is {self.model} by the key model")
        return self

    @model_validator(mode="after")
    def _money_has_prices(self) -> "EndpointConfig":
        if self.max_money is not None and self.prompt_price is None and self.completion_price is None:
            raise ValueError("max_money needs prompt_price and completion_price, money for a million tokens")
        return self

    @model_validator(mode="after")
    def _budgeted_replies_have_a_limit(self) -> "EndpointConfig":
        if (self.max_tokens or self.max_money) and reply_limit(self.request, 1) is None:
            raise ValueError("max_tokens and max_money need a limit on replies, such as request.max_completion_tokens")
        return self


def api_key(config: EndpointConfig) -> str:
    """The API key that the environment holds, '' where none is needed.

    Raises:
        UserError: the variable is empty or not there, or holds what cannot be a key.
    """
    if config.key_env is None:
        return ""
    if not (key := os.environ.get(config.key_env, "").strip()):
        told = f"the environment variable {config.key_env} holds no API key"
        raise UserError(f"{told}: export it, or set key_env (null: the endpoint needs none)")
    if not (key.isascii() and key.isprintable()):
        told = f"the environment variable {config.key_env} holds a character that no API key has"
        raise UserError(f"{told}, such as a typographic quote or a line's end; export the key alone")
    return key


PROPOSER = "proposer"
"""The role in config/models.yaml that `proposals.source: local` asks."""


class LocalModelConfig(Section):
    """A vision-language model that jobs load themselves."""

    batch_size: int = Field(8, ge=1)
    """Questions that are answered together."""
    max_side: int = Field(1024, ge=64)
    """Pictures are scaled down until their longer side has at most so many pixels."""
    cache: LocalPath = "cache/vlm"
    """Folder where replies are kept; runs and machines may share it."""


class QuotasConfig(Section):
    """Shares of a task's pairs in a shard that at most begin with the same; further proposals are refused."""

    object: float = Field(0.1, gt=0, le=1)
    """Of one kind of object: 'dog'."""
    new_object: float = Field(0.05, gt=0, le=1)
    """Of one kind of thing that an object is swapped for."""
    attribute: float = Field(0.5, gt=0, le=1)
    """Of one attribute: 'colour'."""
    value: float = Field(0.1, gt=0, le=1)
    """Of one value of an attribute: 'blue'."""
    environment: float = Field(0.1, gt=0, le=1)
    """Of one environment: 'night'."""
    style: float = Field(0.05, gt=0, le=1)
    """Of one style: 'a pencil sketch'."""


class ProposalsConfig(Section):
    """Who proposes the edits that learned specialists make, and how many of a kind are taken."""

    source: Literal["replies", "api", "local"] = "replies"
    """Where proposals come from: recorded ones (`learned.replies`), a model behind an endpoint (`api`), or the role
    `proposer` of config/models.yaml, loaded by the job (`local`)."""
    per_photo: int = Field(2, ge=1, le=8)
    """Edits of each task that are asked for, of each photo."""
    tries: int = Field(3, ge=1)
    """How often a question is asked until all of its reply can be used, each time with the faults told."""
    spare: float = Field(1.5, ge=1)
    """A shard's photos are asked about until there are so many times the proposals that its pairs can use, of every
    task: quotas, masks and failed edits take some."""
    quotas: QuotasConfig = QuotasConfig()
    api: EndpointConfig = EndpointConfig()
    local: LocalModelConfig = LocalModelConfig()

    @property
    def max_side(self) -> int:
        return self.api.max_side if self.source == "api" else self.local.max_side

    @property
    def at_once(self) -> int:
        """Photos about which questions are asked side by side: twice what is answered at once, so that none waits."""
        return 2 * (self.api.concurrency if self.source == "api" else self.local.batch_size)

    @property
    def asked(self) -> str:
        """Return what decides the proposals, as JSON: a change of it asks again; one of pace or budget does not."""
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
    """The judge `api`."""

    rubric: Literal["edit", "viescore_editing"] = "edit"
    """What it is asked: OmniEdit's three scores in one question, or VIEScore's two questions with two scores each."""

    @property
    def asked(self) -> str:
        """Return what decides its scores, as JSON: a change of it scores again; one of pace or budget does not."""
        return redact(self.model_dump_json(include={"url", "model", "request", "max_side", "rubric"}))


class InternvlConfig(Section):
    """The judge `internvl`."""

    model: str = "judge"
    """Role in config/models.yaml of the model that judges."""
    engine: Literal["transformers", "vllm"] = "transformers"
    """What runs it; `vllm` where that is installed, in an environment of your own: it asks for a torch of its own."""
    max_tiles: int = Field(12, ge=1, le=40)
    """A picture is cut into at most so many tiles (InternVL's own limit is 12), and one of the whole where they are
    several; InternVL's of 448 x 448 pixels count 256 tokens each, and cost is in proportion."""
    batch_size: int = Field(8, ge=1)
    """Pairs judged at once; halved where the device's memory does not last. vLLM forms batches itself, of as many of
    these as fit: give it hundreds."""


JudgeName = Literal["reference", "student", "api", "internvl"]


class ScoringConfig(Section):
    judge: JudgeName = "reference"
    """Who gives the scores that the filter uses: `reference` measures, where the truth is known (never where a
    specialist is `learned`); `student` has learnt from the teacher; `api` is a model behind an endpoint; `internvl` is
    a model on this machine."""
    teacher: Literal["reference", "api"] | None = "reference"
    """Who scores the student's training examples: measurements where the truth is known (never where a specialist is
    `learned`), or, as in the paper, the model behind `scoring.api`; null: no student is trained."""
    teacher_defects: int = Field(2, ge=0)
    """Known defects made from each pair that the teacher scores too, so that the student sees bad edits."""
    readout: Literal["tokens", "median", "reply"] = "median"
    """How `student` and `internvl` are read: the median under the probabilities of the scores' tokens, which is 9 or
    more where that is likelier than not, as a filter at 9 asks; their mean (`tokens`), which is finer but falls below 9
    wherever the judge is unsure; or the reply written out, with whole scores and a rationale, many times slower."""
    canary: str | None = "canary"
    """Folder where each judge's first scores of the canary are kept, 36 fixed pairs that each run scores twice to see
    whether its judge moved; null: none is scored."""
    teacher_shards: int | None = Field(None, ge=1)
    """So many shards' pairs, the first ones', are scored by the teacher for the student; null: those of all."""
    teacher_pairs: int | None = Field(None, ge=1)
    """Of these, the teacher scores at most so many of each task, an even share of each shard, drawn by a hash; known
    defects are made from them alone. null: all."""
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
    """A trained base to take instead: `shipped`, the small one that comes with OmniEdit, or a role in
    config/models.yaml. The other keys of the base are for null, with which the run pre-trains one on its own photos."""
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

    @model_validator(mode="after")
    def _a_trained_one_is_as_it_is(self) -> "BaseConfig":
        own = {name: value for name, value in self if name != "model"}
        changed = [name for name, value in own.items() if value != BaseConfig.model_fields[name].default]
        if self.model is not None and changed:
            raise ValueError(f"{changed[0]} is of a base that the run pre-trains; with it goes model: null")
        return self


Architecture = Literal[
    "editnet",
    "controlnet",
    "controlnet_text",
    "channel_concat",
    "editnet_from_image",
    "editnet_behind",
    "editnet_blind",
    "editnet_clean_time",
]
BASELINES = ("no_edit", "specialist")
"""Baselines of the benchmark: the source unchanged, and the task's specialist, which knows the truth."""


class TrainConfig(Section):
    model: Architecture = "editnet"
    """Architecture of the editor; `editnet_*` are EditNet with one open choice made otherwise (docs/editing.md)."""
    ablations: list[Architecture] = []
    """Architectures to train and benchmark beside it, on the same base, pairs and steps (the paper's Table 7)."""
    resolution: int = Field(128, ge=32, multiple_of=16)
    """Pictures are scaled from their bucket to about resolution^2 pixels at the bucket's ratio."""
    steps: int = Field(200, ge=1)
    """Optimizer steps of EditNet, where epochs is null."""
    epochs: float | None = Field(None, gt=0)
    """Passes over the training pairs; takes the place of steps."""
    batch_size: int = Field(16, ge=1)
    """Pairs a step, over all ranks together."""
    accumulate: int = Field(1, ge=1)
    """Parts in which each rank computes its share of a batch, one after another: less memory, the same step."""
    learning_rate: float = Field(3e-3, gt=0, lt=1)
    """Peak learning rate of AdamW."""
    warmup_steps: int = Field(20, ge=0)
    """Steps over which the learning rate rises from 0."""
    lr_decay: Literal["cosine", "linear", "constant"] = "cosine"
    """How the learning rate then falls, to a twentieth of its peak at the end; constant: not at all."""
    adam_beta2: float = Field(0.99, gt=0, lt=1)
    """Decay of AdamW's second moment: 0.99 for runs of some hundred steps, 0.999 for long ones."""
    sigma_mean: float = 1.0
    """Mean of the logit of the noise level; above 0 there is more noise."""
    sigma_std: float = Field(1.0, gt=0)
    """Standard deviation of the logit of the noise level."""
    sigma_shift: float = Field(1.0, gt=0)
    """Moves noise levels towards noise, as more pixels need (Esser et al. 2024, eq. 23): 3 at 1024 x 1024; 1: none."""
    ema_decay: float = Field(0.99, ge=0, lt=1)
    """Share of the mean of the weights that a step keeps; the mean is what is tested and shipped."""
    importance: Literal["equal", "score", "soft"] = "equal"
    """How much an accepted pair weighs in the loss: 1 (with the filter, the paper's 0 and 1), O / 10, or softly
    1 / (1 + exp((soft_score - O) / soft_width)), for a filter.min_score below soft_score."""
    soft_score: float = Field(9.0, ge=0, le=10)
    """O of a pair that weighs a half, where importance is soft."""
    soft_width: float = Field(0.5, gt=0)
    """How soft: a pair that much above soft_score weighs 0.73, that much below 0.27."""
    text_dropout: float = Field(0.05, ge=0, le=1)
    """Share of samples whose instruction alone is dropped (InstructPix2Pix: 0.05)."""
    image_dropout: float = Field(0.05, ge=0, le=1)
    """Share of samples whose condition picture alone is dropped."""
    both_dropout: float = Field(0.05, ge=0, le=1)
    """Share of samples in which both are dropped."""
    zero_stage: Literal[0, 1, 2, 3] = 2
    """DeepSpeed ZeRO stage."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """What the network computes in; AdamW keeps float32 weights beside those in bfloat16."""
    checkpoint_activations: Literal["none", "selective", "all"] = "none"
    """Layers whose activations are computed again for the backward pass, not kept: none, every other one, all."""
    compile: bool = False
    """torch.compile for each block, once for each of the seven ratios."""
    attention: Literal["sdpa", "xformers", "flash"] = "sdpa"
    """Kernel of attention: torch's own, or that of the package xformers or flash-attn."""
    max_skipped: int = Field(10, ge=1)
    """A step is skipped whose loss or gradient is not finite, or whose gradient is over 50 times the median of the
    recent ones; so many in a row stop the job. A step whose pairs all weigh nothing is skipped too, and does
    not count."""
    checkpoint_every: int = Field(50, ge=1)
    """Steps between checkpoints; a killed job loses at most these."""
    held_out_every: int = Field(50, ge=1)
    """Steps between measurements of the held-out loss."""
    sample_every: int = Field(200, ge=1)
    """Steps between grids of edits of held-out pairs, to look at; there is one after the last step too."""
    held_out: float = Field(0.1, ge=0, lt=1)
    """Share of kept pairs that training never sees; their loss is the held-out loss."""
    encode_once: bool = False
    """Pictures and wordings are encoded once, by jobs side by side, and not at each step. At 1024 x 1024 a pair takes
    4 MB of disk, and with SD3's encoders each of its wordings 2.7 MB."""
    wandb: str | None = None
    """Project of Weights & Biases that gets the metrics too."""
    base: BaseConfig = BaseConfig()

    @property
    def fetched_base(self) -> str | None:
        """The role of config/models.yaml that the base is; None where it ships or the run makes its own."""
        return None if self.base.model == SHIPPED else self.base.model

    @property
    def editors(self) -> tuple[Architecture, ...]:
        """All that are trained, the run's own editor first."""
        return (self.model, *self.ablations)

    @model_validator(mode="after")
    def _editors_differ(self) -> "TrainConfig":
        if len(set(self.editors)) < len(self.editors):
            raise ValueError(f"ablations {self.ablations} must differ from each other and from model {self.model}")
        return self

    @model_validator(mode="after")
    def _options_go_together(self) -> "TrainConfig":
        if self.compile and self.zero_stage == 3:
            raise ValueError("compile does not go with zero_stage 3, whose weights come and go; take 0, 1 or 2")
        if self.attention == "flash" and self.dtype != "bfloat16":
            raise ValueError("attention flash computes in bfloat16 alone; set dtype: bfloat16")
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
    """Holes that the inpainting specialist learns from: shares of each kind, of any sum."""

    random: float = Field(0.4, ge=0)
    """Strokes of a broad brush."""
    box: float = Field(0.2, ge=0)
    """Boxes."""
    object: float = Field(0.4, ge=0)
    """Outlines of objects of the photo, or all but the object; boxes where it has none."""

    @model_validator(mode="after")
    def _some_kind(self) -> "HolesConfig":
        if not self.random + self.box + self.object:
            raise ValueError("of random, box and object at least one must be more than 0")
        return self


class InpaintingConfig(Section):
    """The inpainting specialist that a run trains where `learned.inpainting` is `own`: a branch over `train.base`, of
    `train.resolution`. What is not said here is as in `train`."""

    shards: int | None = Field(None, ge=1)
    """It learns from the photos of so many shards, the first ones; null: from all."""
    steps: int = Field(200, ge=1)
    """Optimizer steps."""
    batch_size: int = Field(16, ge=1)
    """Photos a step, over all ranks together."""
    learning_rate: float = Field(3e-3, gt=0, lt=1)
    """Peak learning rate of AdamW."""
    holes: HolesConfig = HolesConfig()

    def options(self, train: TrainConfig) -> TrainConfig:
        """Of its training, from those of the editor's."""
        own = {name: getattr(self, name) for name in ("steps", "batch_size", "learning_rate")}
        # Whatever the editor is, it changes nothing of this one.
        other: dict[str, Any] = {"model": "editnet", "ablations": [], "encode_once": False, "epochs": None}
        return train.model_copy(update=other | own)


class BenchConfig(Section):
    judge: JudgeName = "reference"
    """Who scores the benchmark. The same as `scoring.judge`, which filtered the training data, is no independent
    measure: the table then says so. Options are those of `scoring`."""
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
    run: str = Field("mini", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)
    """Name of the run: results go to results/{run}/."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Every random choice of the run follows from it."""
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
        """Every key that names a judge, and the judge."""
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
                raise ValueError(f"{key}: student needs a scoring.teacher for it: reference or api")
        return self

    @model_validator(mode="after")
    def _no_learned_pair_is_measured(self) -> "Config":
        """The reference judge needs the truth of an edit; a learned specialist only knows what was asked."""
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
