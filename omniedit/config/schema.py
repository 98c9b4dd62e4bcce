"""Typed config of a run, composed of its sections: one module for each, whose names can all be imported from here.

`omniedit.config.loading` checks files against these classes. `python -m omniedit.config.docs` generates the JSON schema
and the table in `config/README.md` from them. Threads, memory and partitions belong to the profile, not here.
"""

# ruff: noqa: F401

import re
from pathlib import Path

from pydantic import Field, model_validator

from omniedit.config.bench import BenchConfig
from omniedit.config.endpoint import REPLY_LIMITS, EndpointConfig, api_key, reply_limit
from omniedit.config.ensemble import EnsembleConfig, MemberConfig
from omniedit.config.export import ExportConfig
from omniedit.config.fitting import LoraConfig
from omniedit.config.gates import GatesConfig
from omniedit.config.grow import GrowConfig
from omniedit.config.instruction_encoder import InstructionEncoderConfig
from omniedit.config.judges import ApiConfig, InternvlConfig, JudgeName, RunJudge, VlmConfig
from omniedit.config.pairs import ImportConfig, PairFormat
from omniedit.config.scoring import (
    DEFECTS_VERSION,
    SHIPPED_STUDENT,
    VIEWS_VERSION,
    FilterConfig,
    FinetuneConfig,
    ScoringConfig,
    StudentConfig,
    student_folder,
)
from omniedit.config.section import SHIPPED, LocalPath, Section
from omniedit.config.sources import SourcesConfig
from omniedit.config.subjects import ExpertConfig, SubjectsConfig
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
from omniedit.config.training_options import check_parts
from omniedit.tasks import OMNIEDIT_TASKS, Task

SUBJECTS = "subjects"
"""Group of the pairs that experts of subjects paint."""
DATA_SET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,60}")
"""Pattern of the name of an imported data set, which is also a folder and the prefix of pair ids."""


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
    gates: GatesConfig = GatesConfig()
    export: ExportConfig = ExportConfig()
    grow: GrowConfig = GrowConfig()
    subjects: SubjectsConfig = SubjectsConfig()
    imports: dict[str, ImportConfig] = Field({})
    """Data sets of edit pairs that join the pairs of specialists, by name; the name is also that of their folder in
    results/{run}/candidates/."""

    @property
    def specialist_tasks(self) -> tuple[Task, ...]:
        """Tasks whose specialists make pairs; empty if the run has no photos."""
        return self.tasks.enabled if self.sources.are_photos else ()

    @property
    def learned_tasks(self) -> tuple[Task, ...]:
        """Tasks that learned specialists serve."""
        return self.tasks.learned if self.sources.are_photos else ()

    @property
    def data_sets(self) -> dict[str, ImportConfig]:
        """Data sets of pairs by name; the one of `sources` is named after its format."""
        is_own = self.sources.kind == "pairs"
        own = {Path(self.sources.pairs.format).stem: self.sources.pairs} if is_own else {}
        return own | self.imports

    @property
    def pair_groups(self) -> tuple[str, ...]:
        """Groups of pairs that are not made from the run's photos: imported data sets, and those of subjects."""
        return (*self.data_sets, *([SUBJECTS] if self.subjects.source != "none" else []))

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the folders of candidates: tasks, imported data sets, and groups of derived pairs."""
        return (*self.first_groups, *self.grow.groups)

    @property
    def first_groups(self) -> tuple[str, ...]:
        """Groups from whose scored pairs others are derived: tasks and imported data sets."""
        return (*self.specialist_tasks, *self.pair_groups)

    @property
    def uses_proposer(self) -> bool:
        """Return whether jobs use the model of `proposals`: for edits, instructions, or texts of subjects."""
        return bool(self.learned_tasks) or self.grow.recaption or self.describes_subjects

    @property
    def describes_subjects(self) -> bool:
        """Return whether the model of `proposals` writes captions of subjects or prompts for their experts."""
        return SUBJECTS in self.pair_groups and "model" in (self.subjects.captions, self.subjects.prompts)

    @property
    def subject_roles(self) -> tuple[str, ...]:
        """Roles of config/models.yaml that subjects and their experts need."""
        return self.subjects.roles if SUBJECTS in self.pair_groups else ()

    @property
    def teacher_groups(self) -> tuple[str, ...]:
        """Groups that the teacher scores. The teacher `reference` scores only those of specialists, whose truth is
        known.

        Derived groups are never among them, because they need the judge's scores first.
        """
        known = self.specialist_tasks if self.scoring.teacher == "reference" else ()
        return known or self.first_groups

    @property
    def gate_groups(self) -> tuple[str, ...]:
        """Groups whose pairs the quality gates examine. A derived pair inherits the faults of its original pairs."""
        return {"all": self.first_groups, "imported": tuple(self.data_sets), "none": ()}[self.gates.pairs]

    @property
    def bench_groups(self) -> tuple[str, ...]:
        """Groups of the benchmark: the tasks that the run makes pairs for, or imported data sets and subjects."""
        return self.specialist_tasks or self.pair_groups

    @property
    def compared_editors(self) -> tuple[str, ...]:
        """Names of the editors that the run compares on `bench.sets`: its own, then those of `bench.editors`."""
        return (*self.train.editors, *self.bench.editor_names)

    @model_validator(mode="after")
    def _check_compared_editors(self) -> "Config":
        if both := set(self.train.editors) & set(self.bench.editor_names):
            raise ValueError(f"bench.editors: {both.pop()} is also an editor of the run; give it as NAME=FOLDER")
        return self

    @model_validator(mode="after")
    def _check_some_pairs(self) -> "Config":
        if not self.first_groups:
            raise ValueError(
                "tasks: every task has pairs_per_shard 0; at least one must make pairs, or give imports or subjects"
            )
        return self

    @model_validator(mode="after")
    def _check_import_names(self) -> "Config":
        for name in self.data_sets:
            problem = "" if DATA_SET.fullmatch(name) else "may have only letters, digits, '_', '.' and '-'"
            is_task = name in OMNIEDIT_TASKS or name in self.specialist_tasks
            problem = "is a task" if is_task else "is a group of `grow`" if name in self.grow.groups else problem
            problem = "is the group of `subjects`" if name == SUBJECTS else problem
            if problem:
                raise ValueError(f"imports: the name {name[:80]!a} {problem}; give another one")
        if self.sources.kind == "pairs" and len(self.data_sets) == len(self.imports):
            raise ValueError(
                f"imports: {Path(self.sources.pairs.format).stem} is also the name of the pairs of sources; rename it"
            )
        if sum(data_set.share or 0 for data_set in self.data_sets.values()) > 1:
            raise ValueError("imports: the shares add up to more than 1")
        return self

    @model_validator(mode="after")
    def _check_base_has_photos(self) -> "Config":
        if not self.sources.are_photos and self.train.base.model is None:
            lacks = f"null pre-trains a base on photos, and sources.kind `{self.sources.kind}` has none"
            raise ValueError(f"train.base.model: {lacks}; give shipped or a role of config/models.yaml")
        return self

    @model_validator(mode="after")
    def _check_batch_splits(self) -> "Config":
        keys = ("inpainting.batch_size", "train.accumulate")
        check_parts(self.inpainting.batch_size, self.train.accumulate, keys)
        return self

    @property
    def judges(self) -> dict[str, str | None]:
        """Judge of each key that names a single one."""
        return {
            **{key: each.judge for key, each in self._run_judges.items()},
            "scoring.teacher": self.scoring.teacher,
            "bench.judge": self.bench.judge,
        }

    @property
    def _run_judges(self) -> dict[str, ScoringConfig]:
        """Options of each judge whose scores the filter uses, by the key that names it."""
        if not self.ensemble_judges:
            return {"scoring.judge": self.scoring}
        return {f"scoring.ensemble.judges.{name}.judge": each for name, each in self.ensemble_judges.items()}

    @property
    def ensemble_judges(self) -> dict[str, ScoringConfig]:
        """Judges of the ensemble by name, each as the options of a single judge; empty if the run's judge is not
        `ensemble`.
        """
        return self.scoring.members if self.scoring.judge == "ensemble" else {}

    @property
    def endpoints(self) -> list[ApiConfig]:
        """Endpoints that judges and teacher use."""
        uses_own = "api" in (self.scoring.teacher, self.bench.judge)
        others = [judge.api for judge in self._run_judges.values() if judge.judge == "api"]
        return [*([self.scoring.api] if uses_own else []), *others]

    @property
    def judging_roles(self) -> list[str]:
        """Roles of config/models.yaml that judges need."""
        return [*self.scoring.roles(self.scoring.judge), *self.scoring.roles(self.bench.judge)]

    @property
    def trains_student(self) -> bool:
        return self.scoring.teacher is not None

    @model_validator(mode="after")
    def _check_judges(self) -> "Config":
        if self.bench.judge == "api" and not self.scoring.api.is_known:
            raise ValueError("bench.judge: api needs scoring.api.url and scoring.api.model")
        for key, judge in self.judges.items():
            if judge == "student" and not self.trains_student and self.scoring.student.start is None:
                raise ValueError(
                    f"{key}: student needs a scoring.teacher (reference or api) or a trained student in"
                    " scoring.student.start"
                )
        return self

    @model_validator(mode="after")
    def _check_disagreement(self) -> "Config":
        if self.filter.max_disagreement is not None and self.scoring.judge != "ensemble":
            raise ValueError("filter.max_disagreement: applies only to several judges; set scoring.judge: ensemble")
        return self

    @model_validator(mode="after")
    def _check_truth_is_known(self) -> "Config":
        """Check that the reference judge scores no pair of unknown truth. Pairs of learned specialists and of
        other data sets have only the instruction.
        """
        remedies = {"scoring.teacher": "api, or null for no student"}
        for key, judge in self.judges.items():
            remedy = remedies.get(key, "api, vlm, internvl or student")
            if judge == "reference" and (others := self._groups_of_unknown_truth(key)):
                raise ValueError(f"{key}: reference cannot score the pairs of {others[0]}; give {remedy}")
        return self

    def _groups_of_unknown_truth(self, key: str) -> list[str]:
        """Return descriptions of the groups that a key's judge scores and that have no known truth."""
        learned = [f"learned specialists (tasks.{task}.specialist)" for task in self.learned_tasks]
        scored = {"scoring.teacher": self.teacher_groups, "bench.judge": self.bench_groups}.get(key, self.groups)
        names = {"composed": "grow.composed", "recaptioned": "grow.recaption"}
        derived = [names[name] for name in self.grow.groups if name in scored and name in names]
        painted = ["learned experts (subjects.expert.kind)"] * (SUBJECTS in scored and not self.subjects.knows_truth)
        return learned + [f"other data sets ({name})" for name in scored if name in self.data_sets] + painted + derived

    @model_validator(mode="after")
    def _check_recaption_model(self) -> "Config":
        asking = ["grow.recaption: recorded replies cannot look at edits"] * self.grow.recaption
        asking += ["subjects: recorded replies write no captions or prompts"] * self.describes_subjects
        if asking and self.proposals.source == "replies":
            raise ValueError(f"{asking[0]}; give proposals.source api or local")
        return self

    @model_validator(mode="after")
    def _check_proposals(self) -> "Config":
        if self.learned_tasks and self.proposals.source == "replies" and self.learned.replies is None:
            needed = "learned.replies is needed, or another proposals.source"
            raise ValueError(f"{needed}, since tasks.{self.learned_tasks[0]}.specialist is learned")
        return self
