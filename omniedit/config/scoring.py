"""Sections `scoring` and `filter`: judges, the teacher and its student, and the threshold of accepted pairs."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from omniedit.config.endpoint import EndpointConfig
from omniedit.config.options import TrainerOptions, check_parts
from omniedit.config.section import SHIPPED, LocalPath, Section
from omniedit.redaction import redact

SHIPPED_STUDENT = Path(__file__).parents[1] / "scoring/shipped"
"""Folder of the trained student in the package; benchmarks/student made it, and README.md is its model card."""

# These two are here because Snakemake's own process reads them and loads no image code.
DEFECTS_VERSION = 3
"""Version of the defects that `omniedit.scoring.student.defects` makes. A new version makes other images or
instructions, and the teacher scores them again."""

VIEWS_VERSION = 2
"""Version of the images that `omniedit.scoring.student.inputs` computes. A student only works with the version it was
trained on."""


PAIR_RUBRICS = ("edit", "viescore_editing")
"""Rubrics that ship and need only source image, edited image and instruction."""


class StudentConfig(Section):
    """Tiny InternVL that is distilled from the teacher."""

    start: LocalPath | None = None
    """Weights that training starts from: `shipped` is the trained student in the package; a path is the folder of
    another student; null is random weights. A trained student needs a smaller learning rate: 0.001 for the shipped
    one."""
    vision: bool = True
    """Train the image encoder of a trained student too; that of random weights is always trained. If false, each image
    is encoded once and training takes a third less time; agreement with the teacher was 0.01 to 0.03 lower in three
    splits (docs/benchmarks.md)."""
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
    def training(self) -> TrainerOptions:
        """Options of the trainer. The weights themselves are saved, not their EMA."""
        return self.extract(TrainerOptions, adam_beta2=0.999, ema_decay=0.0)

    @model_validator(mode="after")
    def _batch_has_parts(self) -> Self:
        check_parts(self.batch_size, self.accumulate)
        return self


def _check_rubric(rubric: str) -> str:
    """Return a rubric's name or path if it can be one of edit pairs; the file itself is read with the rubric.

    Raises:
        ValueError: it is neither.
    """
    if rubric not in PAIR_RUBRICS and not rubric.endswith((".yaml", ".yml")):
        raise ValueError(
            f"no rubric '{rubric}' of edit pairs; give {' or '.join(PAIR_RUBRICS)}, or a .yaml file's path"
        )
    return rubric


class ApiConfig(EndpointConfig):
    """Settings of the judge `api`."""

    rubric: Annotated[LocalPath, AfterValidator(_check_rubric)] = "edit"
    """Rubric of the judge: `edit`, OmniEdit's three scores in one prompt; `viescore_editing`, VIEScore's two prompts
    with two scores each; or the path of your own .yaml file (docs/judging.md, "Write your own rubric")."""
    passes: int | None = Field(None, ge=1, le=100)
    """Number of times that each question is asked, each with a seed and a cached reply of its own. Scores are the means
    over the passes, and `o_spread` is the standard deviation of O. null: the rubric's own number."""

    @property
    def fingerprint(self) -> str:
        """Return the settings that decide the scores, as JSON. Changing them scores again; changing pace or budget does
        not."""
        return redact(self.model_dump_json(include={"url", "model", "request", "max_side", "rubric"}))


class VlmConfig(Section):
    """Settings of the judge `vlm`."""

    model: str = "qwen3_vl"
    """Role in config/models.yaml of the model that judges: any image-text-to-text model of transformers."""
    adapter: str | None = None
    """LoRA adapter that is merged into the model's weights, such as EditScore's: a role in config/models.yaml, or a
    folder."""
    head: str | None = None
    """Reward model whose head scores in place of the reply, such as EditReward: a role in config/models.yaml, or a
    folder. If it has weights of the whole model, they replace those of `model`. `scoring.readout` has no effect."""
    engine: Literal["transformers", "vllm"] = "transformers"
    """Library that runs the model. `vllm` needs an environment of its own, because it requires a particular version of
    torch; it has no reward heads."""
    max_side: int | None = Field(1024, ge=64)
    """Maximum length in pixels of an image's longer side; larger images are scaled down to it. null: no limit but the
    model's own."""
    pixels: int | None = Field(None, ge=1024)
    """Number of pixels to which models of any image size, such as Qwen-VL, scale each image, keeping its ratio; null:
    the model's own limits. EditReward was trained at 200704."""
    max_tiles: int = Field(12, ge=1, le=40)
    """Maximum number of tiles per image, for models that cut images into tiles as InternVL does."""
    batch_size: int = Field(8, ge=1)
    """Pairs per batch; halved when the device runs out of memory. vLLM forms its own batches from these pairs, so give
    it hundreds."""

    @property
    def roles(self) -> list[str]:
        """Return the roles to fetch: of the model, and of an adapter and a head that are no folders."""
        parts = [part for part in (self.adapter, self.head) if part and not Path(part).is_dir()]
        return [self.model, *parts]

    @property
    def fingerprint(self) -> str:
        """Return the settings that decide the scores besides the model's weights, as JSON."""
        return self.model_dump_json(include={"adapter", "head", "max_side", "pixels", "max_tiles"})


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

    @property
    def as_vlm(self) -> VlmConfig:
        """Return the same settings for the judge `vlm`, which this judge is; images keep their size."""
        return VlmConfig(**self.model_dump(), max_side=None)


JudgeName = Literal["reference", "student", "api", "internvl", "vlm"]


class ScoringConfig(Section):
    judge: JudgeName = "reference"
    """Judge whose scores the filter uses. `reference` measures edits whose truth is known, so it cannot score `learned`
    specialists; `student` is distilled from the teacher; `api` is a model behind an endpoint; `vlm` is a model on this
    machine, and `internvl` is an InternVL on this machine."""
    teacher: Literal["reference", "api"] | None = "reference"
    """Teacher of the student: `reference` measures edits whose truth is known, so it cannot score `learned`
    specialists; `api` is the model behind `scoring.api`, as in the paper; null trains no student."""
    teacher_defects: int = Field(2, ge=0)
    """Number of known defects to make from each pair that the teacher scores, so that the student also sees bad
    edits."""
    readout: Literal["tokens", "median", "reply"] = "median"
    """Readout of the scores of `student`, `internvl` and `vlm`. `median` is the median score under the probabilities of
    the score tokens, which is 9 or more exactly if 9 or more is likelier than not, as a filter at 9 requires. `tokens`
    is their mean, which is finer but falls below 9 wherever the judge is unsure. `reply` generates the reply with whole
    scores and a rationale, and is many times slower."""
    canary: str | None = "canary"
    """Folder of each judge's first scores of the canary, 36 fixed pairs that each run scores twice to detect a change
    of its judge; null scores no canary."""
    teacher_shards: int | None = Field(None, ge=1)
    """Number of shards, counted from the first, whose pairs the teacher scores for the student; null: all shards."""
    teacher_pairs: int | None = Field(None, ge=1)
    """Maximum number of pairs per task that the teacher scores in these shards, drawn by a hash in equal shares per
    shard. Known defects are made from these pairs only. null: all pairs."""
    best_of: int | None = Field(None, ge=2)
    """Number of candidates per request (same source, same instruction) of which only the best by the run's judge may be
    accepted. The others are rejected, and are the worse edits of `omniedit export --preference`. Set
    `learned.candidates` to the same number to make them. null: no limit."""
    student: StudentConfig = StudentConfig()
    finetune: FinetuneConfig = FinetuneConfig()
    internvl: InternvlConfig = InternvlConfig()
    vlm: VlmConfig = VlmConfig()
    api: ApiConfig = ApiConfig()

    def roles(self, judge: str | None) -> list[str]:
        """Return the roles in config/models.yaml that a judge needs, the judging model first."""
        return {"internvl": [self.internvl.model], "vlm": self.vlm.roles}.get(judge or "", [])

    @model_validator(mode="after")
    def _api_has_an_endpoint(self) -> Self:
        for who in ("judge", "teacher"):
            if getattr(self, who) == "api" and not self.api.is_known:
                raise ValueError(f"{who}: api needs api.url and api.model")
        return self


class FilterConfig(Section):
    min_score: float = Field(9.0, ge=0, le=10)
    """Minimum overall score O = sqrt(SC * PQ) of an accepted pair."""
