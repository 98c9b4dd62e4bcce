"""Sections `scoring` and `filter`: judges, the teacher and its student, and the threshold of accepted pairs."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from omniedit.config.ensemble import EnsembleConfig, MemberConfig
from omniedit.config.judges import ApiConfig, InternvlConfig, Readout, RunJudge, VlmConfig
from omniedit.config.section import SHIPPED, LocalPath, Section
from omniedit.config.training_options import TrainerOptions, check_parts

SHIPPED_STUDENT = Path(__file__).parents[1] / "scoring/shipped"
"""Folder of the trained student in the package; benchmarks/student made it, and README.md is its model card."""

# These two are here because Snakemake's own process reads them, and must not load image code.
DEFECTS_VERSION = 3
"""Version of the defects that `omniedit.scoring.student.defects` makes. A new version makes different images or
instructions, so that the teacher scores them again."""

VIEWS_VERSION = 2
"""Version of the images that `omniedit.scoring.student.inputs` computes. A student only works with the version it was
trained on."""


class StudentConfig(Section):
    """Tiny InternVL that is distilled from the teacher."""

    start: LocalPath | None = None
    """Weights that training starts from: `shipped` is the trained student in the package; a path is the folder of
    another student; null is random weights. A trained student needs a smaller learning rate: 0.001 for the shipped
    one."""
    vision: bool = True
    """Train the image encoder of a trained student too; an encoder with random weights is always trained. If false,
    each image is encoded once and training takes a third less time; agreement with the teacher was 0.01 to 0.03 lower
    in three splits (docs/benchmarks.md)."""
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
    def _check_batch_split(self) -> Self:
        check_parts(self.batch_size, self.accumulate)
        return self


class ScoringConfig(Section):
    judge: RunJudge = "reference"
    """Judge whose scores the filter uses. `reference` measures edits whose truth is known, so it cannot score `learned`
    specialists; `student` is distilled from the teacher; `api` is a model behind an endpoint; `vlm` is a model on this
    machine, and `internvl` is an InternVL on this machine; `ensemble` is the judges of `scoring.ensemble` together."""
    teacher: Literal["reference", "api"] | None = "reference"
    """Teacher of the student: `reference` measures edits whose truth is known, so it cannot score `learned`
    specialists; `api` is the model behind `scoring.api`, as in the paper; null trains no student."""
    teacher_defects: int = Field(2, ge=0)
    """Number of known defects to make from each pair that the teacher scores, so that the student also sees bad
    edits."""
    readout: Readout = "median"
    """Readout of the scores of `student`, `internvl` and `vlm`. `median` is the median score under the probabilities of
    the score tokens. It is at least 9 if and only if a score of 9 or more is more likely than a lower one, as a filter
    at 9 requires. `tokens` is the mean under the same probabilities, which is finer but falls below 9 wherever the
    judge is unsure. `reply` generates the reply with integer scores and a rationale, and is many times slower."""
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

    ensemble: EnsembleConfig = EnsembleConfig()

    @property
    def members(self) -> dict[str, "ScoringConfig"]:
        """Judges of the ensemble by name, each as the options of a run whose single judge it is."""
        return {name: self._of_member(member) for name, member in self.ensemble.judges.items()}

    def _of_member(self, member: MemberConfig) -> "ScoringConfig":
        settings = {name: value for name, value in member if value is not None}
        return self.model_copy(update=settings | {"ensemble": EnsembleConfig()})

    def roles(self, judge: str | None) -> list[str]:
        """Return the roles in config/models.yaml that a judge needs, the judging model first."""
        if judge == "ensemble":
            return [role for member in self.members.values() for role in member.roles(member.judge)]
        return {"internvl": [self.internvl.model], "vlm": self.vlm.roles}.get(judge or "", [])

    @model_validator(mode="after")
    def _check_endpoint(self) -> Self:
        for role in ("judge", "teacher"):
            if getattr(self, role) == "api" and not self.api.is_known:
                raise ValueError(f"{role}: api needs api.url and api.model")
        for name, each in self.members.items():
            if each.judge == "api" and not each.api.is_known:
                raise ValueError(f"ensemble.judges.{name}: api needs api.url and api.model, here or in scoring.api")
        return self

    @model_validator(mode="after")
    def _check_ensemble(self) -> Self:
        if self.judge == "ensemble" and len(self.ensemble.judges) < 2:
            raise ValueError("judge: ensemble needs two or more judges in ensemble.judges")
        return self


class FilterConfig(Section):
    min_score: float = Field(9.0, ge=0, le=10)
    """Minimum overall score O = sqrt(SC * PQ) of an accepted pair."""
    min_scores: dict[str, Annotated[float, Field(ge=0, le=10)]] = Field({})
    """Minimum O of the pairs of individual tasks, by the task's name, in place of `min_score`: a judge's scale differs
    between kinds of edit. After a change, no pair is scored again."""
    max_disagreement: float | None = Field(None, ge=0, le=10)
    """Maximum disagreement of the judges of an ensemble on an accepted pair, on the scale of O; null: no limit.
    After a change, no pair is scored again."""

    @property
    def lowest(self) -> float:
        """Return the lowest threshold, which every accepted pair reaches."""
        return min([self.min_score, *self.min_scores.values()])
