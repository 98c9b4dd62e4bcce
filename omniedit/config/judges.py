"""Options of the judges that are vision-language models: behind an endpoint, or on this machine."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from omniedit.config.endpoint import EndpointConfig
from omniedit.config.section import LocalPath, Section
from omniedit.redaction import redact

PAIR_RUBRICS = ("edit", "viescore_editing", "anyedit")
"""Rubrics that ship and ask about pairs: source image, edited image, instruction, and a visual type's reference."""


def _check_rubric(rubric: str) -> str:
    """Return a rubric's name or path if it can serve edit pairs; the file itself is read later.

    Raises:
        ValueError: it is neither.
    """
    if rubric not in PAIR_RUBRICS and not rubric.endswith((".yaml", ".yml")):
        raise ValueError(f"no rubric '{rubric}' of edit pairs; give {', '.join(PAIR_RUBRICS)}, or a .yaml file's path")
    return rubric


class ApiConfig(EndpointConfig):
    """Settings of the judge `api`."""

    rubric: Annotated[LocalPath, AfterValidator(_check_rubric)] = "edit"
    """Rubric of the judge: `edit`, OmniEdit's three scores in one prompt; `viescore_editing`, VIEScore's two prompts
    with two scores each; `anyedit`, the scores of `edit` by a prompt for each of AnyEdit's types, which says what
    over-editing means there; or the path of your own .yaml file (docs/rubrics.md, "Write your own rubric")."""
    passes: int | None = Field(None, ge=1, le=100)
    """Number of times that each question is asked, each time with another seed; replies are cached. Scores are the
    means over the passes, and `o_spread` is the standard deviation of O. null: the rubric's own number."""

    @property
    def fingerprint(self) -> str:
        """Return the settings that decide the scores, as JSON. If they change, all pairs are scored again; changes of
        pace or budget do not matter.
        """
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
    folder. If it has weights of the complete model, they replace those of `model`. `scoring.readout` has no effect."""
    engine: Literal["transformers", "vllm"] = "transformers"
    """Library that runs the model. `vllm` needs a separate environment, because it requires a particular version of
    torch; it has no reward heads."""
    max_side: int | None = Field(1024, ge=64)
    """Maximum length in pixels of an image's longer side; larger images are scaled down to it. null: only the model's
    own limit."""
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
        """Return the roles to fetch: of the model, and of an adapter and a head, unless they are folders."""
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
    """Library that runs the model. `vllm` needs a separate environment, because it requires a particular version of
    torch."""
    max_tiles: int = Field(12, ge=1, le=40)
    """Maximum number of tiles per image (InternVL's own limit is 12); if there are several, one of the whole image is
    added. An InternVL tile of 448 x 448 pixels takes 256 tokens, and cost is proportional to them."""
    batch_size: int = Field(8, ge=1)
    """Pairs per batch; halved when the device runs out of memory. vLLM forms its own batches from these pairs, so give
    it hundreds."""

    @property
    def to_vlm_config(self) -> VlmConfig:
        """Return these settings in the form of the judge `vlm`; images keep their size."""
        return VlmConfig(**self.model_dump(), max_side=None)


JudgeName = Literal["reference", "student", "api", "internvl", "vlm"]
RunJudge = Literal["reference", "student", "api", "internvl", "vlm", "ensemble"]
"""Judge of a run: a single one, or several together."""
Readout = Literal["tokens", "median", "reply"]
