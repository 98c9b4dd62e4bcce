"""Common base of all sections of the config."""

import re
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

POWER_OF_TEN = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d{1,3}")


S = TypeVar("S", bound="Section")


class Section(BaseModel):
    """Keys of the config that belong together; unknown keys and values of a different type are errors."""

    # use_attribute_docstrings would add 0.3 s to each start of Snakemake; `omniedit.config.docs` reads the docstrings.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _with_powers_of_ten(cls, values: Any) -> Any:
        """Convert text such as 4e-05 to a number: Snakemake reads YAML 1.1, which requires a decimal point before the
        e.
        """
        if not isinstance(values, dict):
            return values
        return {name: _number(value) if _is_float(cls, name) else value for name, value in values.items()}

    def extract(self, model: type[S], **changes: Any) -> S:
        """Return the options of `model`: this section's values of the same names, overridden by `changes`."""
        shared = {name: value for name, value in self if name in model.model_fields}
        return model(**shared | changes)


def subsections(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the keys of a section whose values are sections, and their classes."""
    kinds = {name: info.annotation for name, info in model.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def sections_by_name(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the keys of a section whose values are mappings from names to sections, and the sections' classes."""
    kinds = {name: get_args(info.annotation) for name, info in model.model_fields.items()}
    return {
        name: args[1]
        for name, args in kinds.items()
        if len(args) == 2 and isinstance(args[1], type) and issubclass(args[1], BaseModel)
    }


def _is_float(section: type[BaseModel], key: str) -> bool:
    annotation = section.model_fields[key].annotation if key in section.model_fields else None
    return float in (annotation, *get_args(annotation))


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and POWER_OF_TEN.fullmatch(value) else value


SHIPPED = "shipped"
"""Value that selects the version in the package in place of a role of config/models.yaml or a folder."""
MAX_RESOLUTION = 4096
"""Maximum resolution that a config may set; no published base makes larger images."""


def _expand_home(path: str) -> str:
    return str(Path(path).expanduser()) if path.startswith("~") else path


LocalPath = Annotated[str, AfterValidator(_expand_home)]
"""Path in which a leading `~` is the user's home folder."""
