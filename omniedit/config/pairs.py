"""Sections of imported edit pairs: `imports`, and the keys of `sources` for kind `pairs`."""

from typing import Literal

from pydantic import Field, field_validator

from omniedit.config.section import LocalPath, Section

Sizes = Literal["resize", "reject"]


class PairFormat(Section):
    """Keys that describe how to read a data set of edit pairs."""

    format: str | None = None
    """Format of the pairs, such as `omniedit`, `instructpix2pix`, `magicbrush`, `table` or `folders`
    (docs/your-own-data.md), or the path of a YAML file that describes the columns."""
    columns: dict[str, str] = Field({})
    """Columns whose names differ from the format's, by field (`source`, `edited`, `instruction`, ...)."""
    images: LocalPath | None = None
    """Folder, URL or tar with the images that rows name by path; null takes the folder of the rows."""
    task: str | None = None
    """Task of rows that do not name one; null takes the format's."""
    task_names: dict[str, str] = Field({})
    """Mapping from the data set's task names to tasks. It overrides omniedit/exchange/task_names.yaml; other names stay
    unchanged."""
    sizes: Sizes = "resize"
    """Treatment of an edited image or mask whose size differs from the source's: `resize` it, or `reject` the pair."""
    licence: str | None = None
    """Licence of all pairs; null takes the row's or the format's."""


class ImportConfig(PairFormat):
    """Data set of edit pairs that joins those of the specialists."""

    path: LocalPath
    """File, folder, glob, range such as `part-{00000..00009}.parquet`, or URL for fsspec."""
    format: str
    """Format of the pairs, as in `sources.format`; also `coco` and `refcoco`, segmentation data that is painted as
    auxiliary pairs (family `perception`)."""
    share: float | None = Field(None, gt=0, lt=1)
    """Share of the training pairs that come from the data set; a hash of the ids decides which accepted pairs are left
    out. null takes all accepted pairs."""

    @field_validator("format")
    @classmethod
    def _has_edited_images(cls, format: str) -> str:
        if format == "llava":
            raise ValueError("llava has no edited image; run omniedit import llava, which writes a table")
        return format
