"""Section `subjects`: clusters of images of one subject, and its expert (Chen et al. 2023, SuTI)."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from omniedit.config.section import MAX_RESOLUTION, SHIPPED, LocalPath, Section
from omniedit.tasks import SUBJECT_TASKS, Task

PREFIX = "subject_"
RIGHTS = ("licence", "author")
"""Columns of the rows with the rights of an image, both optional."""
Skill = Literal["stylise", "recontextualise", "view", "attribute", "compose", "accessorise"]


class ExpertConfig(Section):
    """Expert of each subject. `rendered` pastes the subject's own cut-out into new scenes. `lora` fine-tunes a
    text-to-image model on the demonstrations (DreamBooth, Ruiz et al. 2023) by a low-rank adapter.
    """

    kind: Literal["rendered", "lora"] = "rendered"
    """Kind of expert: `rendered` needs `subjects.source: cut_outs`; `lora` needs a base."""
    base: str | None = None
    """Base that `lora` fine-tunes: a role of config/models.yaml, a folder, or `shipped`."""
    rank: int = Field(16, ge=1)
    """Rank of the adapter."""
    steps: int = Field(400, ge=1)
    """Optimizer steps per subject."""
    batch_size: int = Field(2, ge=1)
    """Demonstrations per step."""
    learning_rate: float = Field(2e-4, gt=0)
    """Learning rate of the adapter, constant over the steps."""
    token: str = Field("sks", min_length=1, max_length=20)
    """Rare word for the subject in prompts: 'a sks mug'."""
    prior_weight: float = Field(0, ge=0)
    """Weight of the prior preservation loss, computed on the base's own images of the class; 0 turns it off."""
    prior_images: int = Field(8, ge=1)
    """Number of images of the class to generate for each subject before its training, with prior_weight above 0."""
    sampling_steps: int = Field(28, ge=1, le=1000)
    """Denoising steps of an image."""
    guidance: float = Field(5.0, ge=1)
    """Scale of classifier-free guidance; 1 turns it off."""

    @model_validator(mode="after")
    def _check_adapter_base(self) -> Self:
        if self.kind == "lora" and self.base is None:
            raise ValueError("kind lora needs a base: a role of config/models.yaml, a folder, or shipped")
        if len(self.token.split()) != 1:
            raise ValueError(f"token: {self.token!a} is not one word; give one, such as sks")
        return self


class SubjectsConfig(Section):
    """Subjects with 3 to 10 demonstrations each, and the pairs that their experts paint. Off by default."""

    source: Literal["none", "cut_outs", "rows"] = "none"
    """Source of the subjects: none; named cut-outs on this machine, placed in several scenes; or rows with an image, a
    text and a URL, which are grouped into clusters."""
    path: LocalPath | None = None
    """Files with the rows, for `rows`, as in `imports.<name>.path`."""
    image_column: str = "image"
    """Column of the images: bytes, or paths. Columns need different names; `licence` and `author` hold the rights."""
    text_column: str = "text"
    """Column of the texts, such as the alt text of a web page."""
    url_column: str = "url"
    """Column of the URLs by which rows are grouped."""
    group_by: Literal["url", "site"] = "url"
    """Rows that may show the same subject: those with the same URL apart from its query, or those of one site."""
    is_partitioned: bool = False
    """Whether all rows of a group are in one file. Each shard then reads only its own files instead of all."""
    per_shard: int = Field(48, ge=1)
    """Maximum number of subjects per shard. A shard is one job of experts."""
    min_demonstrations: int = Field(3, ge=2, le=10)
    """Minimum number of demonstrations of a subject; smaller clusters are rejected."""
    max_demonstrations: int = Field(5, ge=2, le=10)
    """Maximum number of demonstrations; the images that are most alike are used."""
    min_similarity: float = Field(0.6, ge=-1, le=1)
    """Minimum mean similarity of an image to the others of its cluster; a less similar image is left out. The
    similarity is the cosine of the features of `features`; its values differ by model."""
    max_similarity: float = Field(0.98, ge=-1, le=1)
    """Similarity from which images of a cluster count as copies of each other; only one copy is used."""
    features: str | None = None
    """Role of config/models.yaml whose image features are compared: a CLIP or a DINO, such as `metrics_dino`. null
    takes the classifier that the embedded specialists and judges use."""
    captions: Literal["names", "model"] = "names"
    """Captions of the demonstrations: from the most frequent words of the rows' texts, or written by the model of
    `proposals` that sees the cluster's images together."""
    skills: list[Skill] = Field(["recontextualise", "attribute", "stylise", "view", "compose", "accessorise"])
    """Skills that the experts demonstrate."""
    prompts: Literal["templates", "model"] = "templates"
    """Source of the prompts: templates, or a language model (that of `proposals`)."""
    prompts_per_skill: int = Field(1, ge=1)
    """Number of prompts per subject and skill."""
    images_per_prompt: int = Field(1, ge=1)
    """Number of images that an expert paints per prompt, each with another seed."""
    resolution: int = Field(512, ge=32, le=MAX_RESOLUTION, multiple_of=16)
    """Resolution of the painted images: about resolution^2 pixels."""
    min_subject: float = Field(0, ge=-1, le=1)
    """Minimum similarity of a painted image to the demonstrations, by `features`; others are rejected."""
    text_features: str | None = None
    """Role of a CLIP in config/models.yaml that compares a painted image with its prompt; null compares nothing."""
    min_text: float = Field(0, ge=-1, le=1)
    """Minimum similarity of a painted image to its prompt, by `text_features`; others are rejected."""
    expert: ExpertConfig = ExpertConfig()

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Tasks of the skills, in the order of the table of tasks."""
        return tuple(task for task in SUBJECT_TASKS if task.removeprefix(PREFIX) in self.skills)

    @property
    def base_role(self) -> str | None:
        """Role of config/models.yaml that the experts fine-tune; None for a folder or the shipped base."""
        base = self.expert.base if self.expert.kind == "lora" else None
        return None if base is None or base == SHIPPED or "/" in base else base

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles of config/models.yaml that subjects and experts need, apart from the proposer."""
        return tuple(role for role in (self.features, self.text_features, self.base_role) if role)

    @property
    def knows_truth(self) -> bool:
        """Return whether the reference judge can verify the pairs."""
        return self.expert.kind == "rendered"

    @model_validator(mode="before")
    @classmethod
    def _check_row_path(cls, values: Any) -> Any:
        if isinstance(values, dict) and (values.get("source") == "rows") != (values.get("path") is not None):
            raise ValueError("path is required for source `rows`, and only there")
        return values

    @model_validator(mode="after")
    def _check_options_agree(self) -> Self:
        if self.source == "rows" and self.expert.kind == "rendered":
            raise ValueError("expert.kind: rendered needs source cut_outs; rows have no cut-outs, so give lora")
        if self.prompts == "model" and self.expert.kind == "rendered":
            raise ValueError("prompts: model needs expert.kind lora; a rendered expert has its own templates")
        if self.captions == "model" and self.source == "cut_outs":
            raise ValueError("captions: model needs source rows; cut-outs have names")
        if self.max_demonstrations < self.min_demonstrations:
            raise ValueError("max_demonstrations must not be less than min_demonstrations")
        if self.max_similarity <= self.min_similarity:
            raise ValueError("max_similarity must be more than min_similarity")
        if self.min_text > 0 and self.text_features is None:
            raise ValueError("min_text needs text_features, the role of a CLIP that compares image and prompt")
        columns = [self.image_column, self.text_column, self.url_column, *RIGHTS]
        if twice := [name for name in columns if columns.count(name) > 1]:
            raise ValueError(
                f"image_column, text_column, url_column: {twice[0]!a} has two meanings; name another column"
            )
        if not self.skills:
            raise ValueError("skills: give at least one")
        return self
