"""Typed config of a run, composed of its sections: one module for each, whose names can all be imported from here.

`omniedit.config.loading` checks files against these classes. `python -m omniedit.config.docs` generates the JSON schema
and the table in `config/README.md` from them. Threads, memory and partitions belong to the profile, not here.
"""

# ruff: noqa: F401

from pydantic import Field, model_validator

from omniedit.config.bench import BenchConfig
from omniedit.config.endpoint import REPLY_LIMITS, EndpointConfig, api_key, reply_limit
from omniedit.config.options import check_parts
from omniedit.config.scoring import (
    DEFECTS_VERSION,
    SHIPPED_STUDENT,
    VIEWS_VERSION,
    ApiConfig,
    FilterConfig,
    FinetuneConfig,
    InternvlConfig,
    JudgeName,
    ScoringConfig,
    StudentConfig,
    student_folder,
)
from omniedit.config.section import SHIPPED, LocalPath, Section
from omniedit.config.sources import SourcesConfig
from omniedit.config.tasks import (
    PROPOSER,
    GroundingConfig,
    LearnedConfig,
    LocalModelConfig,
    ProposalsConfig,
    QuotasConfig,
    TaskConfig,
    TasksConfig,
)
from omniedit.config.training import (
    ArchitectureName,
    BaseConfig,
    BucketsConfig,
    HolesConfig,
    InpaintingConfig,
    InpaintingOptions,
    PretrainingOptions,
    TrainConfig,
)


class ModelsConfig(Section):
    roles: list[str] = Field([])
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
        keys = ("inpainting.batch_size", "train.accumulate")
        check_parts(self.inpainting.batch_size, self.train.accumulate, keys)
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
