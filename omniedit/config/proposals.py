"""Section `proposals`: edits that a vision-language model suggests to learned specialists."""

from typing import Literal, Self

from pydantic import Field, model_validator

from omniedit.config.endpoint import EndpointConfig
from omniedit.config.section import LocalPath, Section
from omniedit.redaction import redact

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
    def _api_has_an_endpoint(self) -> Self:
        if self.source == "api" and not self.api.is_known:
            raise ValueError("source: api needs api.url and api.model")
        return self
